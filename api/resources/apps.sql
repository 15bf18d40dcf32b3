-- Statements on apps. $2 is the caller's partner: it sees its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/route.h.

-- name: app_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 body json, $4 signing secret text,
-- $5 what is wrong with the subscription's URL unless the tenant allows http, text or NULL
SELECT r.code, r.body, r.new_id AS key FROM app_create($1::uuid, $2::text, $3::json, $4::text, $5::text) r;

-- name: app_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL
WITH page AS (
    SELECT a AS app, a.id, row_number() OVER (ORDER BY a.id DESC) AS n
      FROM app a
     WHERE a.tenant_id = $1::uuid AND ($2::text IS NULL OR a.partner = $2::text)
       AND a.id < coalesce($4::uuid, uuid_max())
     ORDER BY a.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(app_json(p.app) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]::text END AS key
  FROM page p;

-- name: app_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid
WITH found AS (
    SELECT a AS app FROM app a
     WHERE a.tenant_id = $1::uuid AND a.id = $3::uuid AND ($2::text IS NULL OR a.partner = $2::text)
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT app_json(f.app)::text FROM found f) AS body;

-- name: app_update
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 body json, $5 If-Match text or NULL
SELECT r.code, r.body FROM app_update($1::uuid, $2::text, $3::uuid, $4::json, $5::text) r;

-- name: app_archive
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid
SELECT r.code, NULL::text AS body FROM app_archive($1::uuid, $2::text, $3::uuid) AS r (code);
