-- Statements on the custom fields of an app. $2 is the caller's partner: it sees its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/route.h.

-- name: custom_field_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 body json
SELECT r.code, r.body, r.new_key AS key FROM custom_field_create($1::uuid, $2::text, $3::uuid, $4::json) r;

-- name: custom_field_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid
WITH found AS (
    SELECT a.id FROM app a
     WHERE a.tenant_id = $1::uuid AND a.id = $3::uuid AND ($2::text IS NULL OR a.partner = $2::text)
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT coalesce(json_agg(custom_field_json(f) ORDER BY f.position), '[]')::text
          FROM custom_field f
         WHERE f.tenant_id = $1::uuid AND f.app_id = a.id) AS body,
       NULL::text AS key
  FROM (SELECT (SELECT f.id FROM found f) AS id) a;

-- name: custom_field_delete
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 key text
SELECT r.code, NULL::text AS body FROM custom_field_delete($1::uuid, $2::text, $3::uuid, $4::text) AS r (code);
