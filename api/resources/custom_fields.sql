-- Statements on the custom fields of an app. $2 is the caller's partner: it sees its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: custom_field_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 body json
SELECT r.code, r.body, r.new_key AS key FROM custom_field_create($1::uuid, $2::text, $3::uuid, $4::json) r;

-- name: custom_field_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 limit integer,
-- $5 cursor: the last position integer or NULL
WITH found AS (
    SELECT a.id FROM app a
     WHERE a.tenant_id = $1::uuid AND a.id = $3::uuid AND ($2::text IS NULL OR a.partner = $2::text)
), page AS (
    SELECT f AS custom_field, f.position, row_number() OVER (ORDER BY f.position) AS n
      FROM custom_field f
     WHERE f.tenant_id = $1::uuid AND f.app_id = (SELECT o.id FROM found o) AND f.position > coalesce($5::integer, 0)
     ORDER BY f.position
     LIMIT $4::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       coalesce(json_agg(custom_field_json(p.custom_field) ORDER BY p.n) FILTER (WHERE p.n <= $4::integer), '[]')::text
           AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(p.position ORDER BY p.n))[$4::integer]::text END AS key
  FROM page p;

-- name: custom_field_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 key text
WITH found AS (
    SELECT f AS custom_field
      FROM custom_field f
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = f.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE f.tenant_id = $1::uuid AND f.app_id = $3::uuid AND f.key = $4::text
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT custom_field_json(f.custom_field)::text FROM found f) AS body;

-- name: custom_field_update
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 key text, $5 body json, $6 If-Match text or NULL
SELECT r.code, r.body
  FROM custom_field_update($1::uuid, $2::text, $3::uuid, $4::text, $5::json, $6::text) r;

-- name: custom_field_delete
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 key text
SELECT r.code, NULL::text AS body FROM custom_field_delete($1::uuid, $2::text, $3::uuid, $4::text) AS r (code);
