-- Statements behind Basiq's paths. $2 is the caller's partner: it sees the subscriptions of its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: basiq_webhook_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 body json, $4 signing secrets json,
-- $5 what is wrong with the URL unless the tenant allows http, text or NULL
SELECT r.code, r.body, r.new_id AS key
  FROM basiq_webhook_create($1::uuid, $2::text, $3::json, $4::json, $5::text) r;

-- name: basiq_webhook_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL, $5 app_id uuid or NULL
WITH walk AS MATERIALIZED (
    SELECT w.* FROM subscription_walk($1::uuid, $2::text, $5::uuid, $3::integer, $4::uuid, true) w
), page AS (
    SELECT w.subscription, w.id, row_number() OVER (ORDER BY w.id DESC) AS n
      FROM walk w
     WHERE (w.subscription).state <> 'archived'
     ORDER BY w.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(basiq_webhook_json(p.subscription) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text
           AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT w.end_id FROM walk w LIMIT 1) END::text AS key
  FROM page p;

-- name: basiq_webhook_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 webhook_id uuid
WITH found AS (
    SELECT s AS subscription
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery' AND s.state <> 'archived'
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT basiq_webhook_json(f.subscription)::text FROM found f) AS body;

-- name: basiq_webhook_update
-- $1 tenant_id uuid, $2 partner text or NULL, $3 webhook_id uuid, $4 body json,
-- $5 what is wrong with the URL unless the tenant allows http, text or NULL
SELECT r.code, r.body FROM basiq_webhook_update($1::uuid, $2::text, $3::uuid, $4::json, $5::text) r;

-- name: basiq_event_type_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor: the last name text or NULL
WITH page AS (
    SELECT t.name, t.description, t.state, row_number() OVER (ORDER BY t.name) AS n
      FROM event_type t
     WHERE t.tenant_id = $1::uuid AND t.name > coalesce($3::text, '')
     ORDER BY t.name
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(json_build_object('type', 'eventType', 'id', p.name, 'description', p.description,
                                           'status', p.state) ORDER BY p.n)
                    FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.name ORDER BY p.n))[$2::integer] END AS key
  FROM page p;

-- name: basiq_event_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 event_id uuid
-- As event_get: a partner finds what became, or would have become, a message of its own; the payload when it did.
WITH stored AS (
    SELECT e.id, e.event_type, e.occurred_at, e.payload,
           $2::text IS NULL OR EXISTS (
               SELECT
                 FROM message m
                 JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
                 JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND a.partner = $2::text
                WHERE m.tenant_id = $1::uuid AND m.event_id = e.id
                  AND m.id BETWEEN message_id_floor($3::uuid) AND message_id_ceiling($3::uuid)) AS shows_payload
      FROM event e
     WHERE e.tenant_id = $1::uuid AND e.id = $3::uuid
), found AS (
    SELECT json_build_object('type', 'event', 'id', t.id, 'eventTypeId', t.event_type, 'occurredTime', t.occurred_at,
                             'createdTime', uuid_v7_time(t.id),
                             'links', json_build_object('self', basiq_base_url($1::uuid) || '/events/' || t.id)) AS event,
           payload_shown($1::uuid, t.event_type, t.payload, t.id) AS payload, t.shows_payload
      FROM stored t
     WHERE t.shows_payload
        OR event_is_visible($1::uuid, t.id,
                            ARRAY(SELECT s.id
                                    FROM subscription s
                                    JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND a.partner = $2::text
                                   WHERE s.tenant_id = $1::uuid))
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT (CASE WHEN f.shows_payload THEN json_plus(f.event, 'data', f.payload::json) ELSE f.event END)::text
          FROM found f) AS body;

-- name: basiq_message_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 webhook_id uuid, $4 limit integer, $5 cursor uuid or NULL
WITH owner AS (
    SELECT s.id
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery' AND s.state <> 'archived'
), page AS (
    SELECT x.message, x.id, row_number() OVER (ORDER BY x.id DESC) AS n
      FROM owner o
     CROSS JOIN LATERAL (SELECT m AS message, m.id
                           FROM message m
                          WHERE m.tenant_id = $1::uuid AND m.subscription_id = o.id AND m.id < coalesce($5::uuid, uuid_max())
                          ORDER BY m.id DESC
                          LIMIT $4::integer + 1) x
)
SELECT CASE WHEN EXISTS (SELECT FROM owner) THEN '' ELSE 'not_found' END AS code,
       CASE WHEN EXISTS (SELECT FROM owner)
            THEN coalesce(json_agg(basiq_message_json(p.message) ORDER BY p.n) FILTER (WHERE p.n <= $4::integer), '[]')::text
            END AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(p.id ORDER BY p.n))[$4::integer]::text END AS key
  FROM page p;

-- name: basiq_message_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 webhook_id uuid, $4 message_id uuid
WITH found AS (
    SELECT m AS message, m.id
      FROM message m
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id AND s.kind = 'delivery'
                         AND s.state <> 'archived'
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE m.tenant_id = $1::uuid AND m.id = $4::uuid AND m.subscription_id = $3::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT json_plus(basiq_message_json(f.message), 'attempts',
                         (SELECT coalesce(json_agg(t.outcome ORDER BY t.attempt_no), '[]')
                            FROM attempt t
                           WHERE t.tenant_id = $1::uuid AND t.message_id = f.id))::text
          FROM found f) AS body;
