-- Statements behind REST hooks. $2 is the caller's partner: it sees the subscriptions of its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: hook_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 body json, $4 signing secrets json,
-- $5 what is wrong with the URL unless the tenant allows http, text or NULL
SELECT r.code, r.body, r.new_id AS key FROM hook_create($1::uuid, $2::text, $3::json, $4::json, $5::text) r;

-- name: hook_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL
WITH walk AS MATERIALIZED (
    SELECT w.* FROM subscription_walk($1::uuid, $2::text, NULL, $3::integer, $4::uuid, true) w
), page AS (
    SELECT w.subscription, w.id, row_number() OVER (ORDER BY w.id DESC) AS n
      FROM walk w
     WHERE (w.subscription).state <> 'archived' AND (w.subscription).profile = 'basekit'
       AND cardinality((w.subscription).event_types) = 1
     ORDER BY w.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(hook_json(p.subscription) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text
           AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT w.end_id FROM walk w LIMIT 1) END::text AS key
  FROM page p;

-- name: hook_samples
-- $1 tenant_id uuid, $2 event type text or NULL: of all, at most 100
-- A sample goes out as it was given: the bytes that a hook would get.
WITH found AS (
    SELECT t.name, t.sample
      FROM event_type t
     WHERE t.tenant_id = $1::uuid AND ($2::text IS NULL OR t.name = $2::text)
     ORDER BY t.name
     LIMIT 100
)
SELECT CASE WHEN $2::text IS NULL OR EXISTS (SELECT FROM found) THEN '' ELSE 'invalid_parameter' END AS code,
       CASE WHEN $2::text IS NULL OR EXISTS (SELECT FROM found)
            THEN (SELECT '[' || coalesce(string_agg(f.sample::text, ',' ORDER BY f.name), '') || ']' FROM found f)
            ELSE fault('', format('There is no event type "%s".', $2::text)) END AS body;
