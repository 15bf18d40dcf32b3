-- Statements on subscriptions. $2 is the caller's partner: it sees those of its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: subscription_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 body json, $5 signing secrets json,
-- $6 what is wrong with the URL unless the tenant allows http, text or NULL
SELECT r.code, r.body, r.new_id AS key
  FROM subscription_create($1::uuid, $2::text, $3::uuid, $4::json, $5::json, $6::text) r;

-- name: subscription_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL,
-- $5 app_id uuid or NULL, $6 state text or NULL, $7 event type that it selects text or NULL
WITH walk AS MATERIALIZED (
    SELECT w.*
      FROM subscription_walk($1::uuid, $2::text, $5::uuid, $3::integer, $4::uuid,
                             num_nonnulls($6::text, $7::text) > 0) w
), page AS (
    SELECT w.subscription, w.id, row_number() OVER (ORDER BY w.id DESC) AS n
      FROM walk w
     WHERE ($6::text IS NULL OR (w.subscription).state = $6::text)
       AND ($7::text IS NULL OR (w.subscription).event_types && event_type_patterns($7::text))
     ORDER BY w.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(subscription_json(p.subscription) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text
           AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT w.end_id FROM walk w LIMIT 1) END::text AS key
  FROM page p;

-- name: subscription_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
WITH found AS (
    SELECT s AS subscription
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery'
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT subscription_json(f.subscription)::text FROM found f) AS body;

-- name: subscription_health
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
WITH found AS (
    SELECT s AS subscription
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery'
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT subscription_health_json(f.subscription)::text FROM found f) AS body;

-- name: subscription_delivery
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
WITH found AS (
    SELECT s AS subscription
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery'
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT delivery_json(f.subscription)::text FROM found f) AS body;

-- name: subscription_missed
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 since timestamptz or NULL
WITH found AS (
    SELECT s AS subscription
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery'
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT missed_json(f.subscription, missed_since(f.subscription, $4::timestamptz))::text FROM found f) AS body;

-- name: subscription_update
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json,
-- $5 what is wrong with the URL unless the tenant allows http, text or NULL, $6 If-Match text or NULL
SELECT r.code, r.body FROM subscription_update($1::uuid, $2::text, $3::uuid, $4::json, $5::text, $6::text) r;

-- name: subscription_archive
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
SELECT r.code, NULL::text AS body FROM subscription_archive($1::uuid, $2::text, $3::uuid) AS r (code);

-- name: subscription_pause
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
SELECT r.code, r.body FROM subscription_stop($1::uuid, $2::text, $3::uuid, 'paused') r;

-- name: subscription_hold
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
SELECT r.code, r.body FROM subscription_stop($1::uuid, $2::text, $3::uuid, 'held') r;

-- name: subscription_resume
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
SELECT r.code, r.body FROM subscription_resume($1::uuid, $2::text, $3::uuid) r;

-- name: subscription_revive
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json
SELECT r.code, r.body FROM subscription_revive($1::uuid, $2::text, $3::uuid, $4::json) r;
