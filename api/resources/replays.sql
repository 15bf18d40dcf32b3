-- Statements on replays. $2 is the caller's partner: it sees those that it has asked for itself only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: replay_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 filter jsonb or NULL, $4 body json
SELECT r.code, r.body, r.new_id AS key FROM replay_create($1::uuid, $2::text, $3::jsonb, $4::json) r;

-- name: replay_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL, $5 state text or NULL
-- Newest first; a page looks at list_reach() of them at most.
WITH seen AS MATERIALIZED (
    SELECT r AS replay, r.id, r.state, r.partner, row_number() OVER (ORDER BY r.id DESC) AS place
      FROM replay r
     WHERE r.tenant_id = $1::uuid AND r.id < coalesce($4::uuid, uuid_max())
     ORDER BY r.id DESC
     LIMIT list_reach($3::integer, 1, num_nonnulls($2::text, $5::text) > 0)
), page AS (
    SELECT v.replay, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($5::text IS NULL OR v.state = $5::text) AND ($2::text IS NULL OR v.partner = $2::text)
     ORDER BY v.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(replay_json(p.replay) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT v.id FROM seen v
                   WHERE v.place = list_reach($3::integer, 1, num_nonnulls($2::text, $5::text) > 0)) END::text AS key
  FROM page p;

-- name: replay_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 replay_id uuid
-- With the plan and what became of its messages, which are more than a line of a list may ask for.
WITH found AS (
    SELECT r AS replay, r.plan
      FROM replay r
     WHERE r.tenant_id = $1::uuid AND r.id = $3::uuid AND ($2::text IS NULL OR r.partner = $2::text)
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT json_plus(json_plus(replay_json(f.replay), 'plan', f.plan), 'outcomes', replay_outcomes_json(f.replay))::text
          FROM found f) AS body;

-- name: replay_messages
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor: a message_id uuid or NULL, $5 replay_id uuid,
-- $6 outcome text or NULL
-- In the order in which the events were published; a page looks at list_reach() of them at most.
WITH owner AS (
    SELECT r.id
      FROM replay r
     WHERE r.tenant_id = $1::uuid AND r.id = $5::uuid AND ($2::text IS NULL OR r.partner = $2::text)
), seen AS MATERIALIZED (
    SELECT i AS item, i.message_id AS id, i.outcome, row_number() OVER (ORDER BY i.message_id) AS place
      FROM replay_message i
     WHERE i.tenant_id = $1::uuid AND i.replay_id = (SELECT o.id FROM owner o) AND i.message_id > coalesce($4::uuid, uuid_min())
     ORDER BY i.message_id
     LIMIT list_reach($3::integer, 1, $6::text IS NOT NULL)
), page AS (
    SELECT v.item, v.id, row_number() OVER (ORDER BY v.id) AS n
      FROM seen v
     WHERE $6::text IS NULL
        OR $6::text = CASE WHEN v.outcome IS NULL THEN 'remaining' WHEN v.outcome = 'replayed' THEN 'replayed' ELSE 'skipped' END
     ORDER BY v.id
     LIMIT $3::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM owner) THEN '' ELSE 'not_found' END AS code,
       coalesce(json_agg(replay_message_json(p.item) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT v.id FROM seen v WHERE v.place = list_reach($3::integer, 1, $6::text IS NOT NULL)) END::text AS key
  FROM page p;

-- name: replay_run
-- $1 tenant_id uuid, $2 partner text or NULL, $3 replay_id uuid, $4 body json
SELECT r.code, r.body FROM replay_change($1::uuid, $2::text, $3::uuid, 'run', $4::json) r;

-- name: replay_pause
-- $1 tenant_id uuid, $2 partner text or NULL, $3 replay_id uuid
SELECT r.code, r.body FROM replay_change($1::uuid, $2::text, $3::uuid, 'pause', NULL) r;

-- name: replay_resume
-- $1 tenant_id uuid, $2 partner text or NULL, $3 replay_id uuid, $4 body json
SELECT r.code, r.body FROM replay_change($1::uuid, $2::text, $3::uuid, 'resume', $4::json) r;

-- name: replay_cancel
-- $1 tenant_id uuid, $2 partner text or NULL, $3 replay_id uuid, $4 body json
SELECT r.code, r.body FROM replay_change($1::uuid, $2::text, $3::uuid, 'cancel', $4::json) r;
