-- Statements behind REST hooks. $2 is the caller's partner: it sees the subscriptions of its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/route.h.

-- name: hook_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 body json, $4 signing secret text,
-- $5 what is wrong with the URL unless the tenant allows http, text or NULL
SELECT r.code, r.body, r.new_id AS key FROM hook_create($1::uuid, $2::text, $3::json, $4::text, $5::text) r;

-- name: hook_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL
WITH page AS (
    SELECT s AS subscription, s.id, row_number() OVER (ORDER BY s.id DESC) AS n
      FROM subscription s
     WHERE s.tenant_id = $1::uuid AND s.id < coalesce($4::uuid, uuid_max()) AND s.state <> 'archived'
       AND s.profile = 'basekit' AND cardinality(s.event_types) = 1
       AND ($2::text IS NULL OR EXISTS (SELECT FROM app a
                                         WHERE a.tenant_id = $1::uuid AND a.id = s.app_id AND a.partner = $2::text))
     ORDER BY s.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(hook_json(p.subscription) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]::text END AS key
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
