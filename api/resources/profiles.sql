-- Statements on profiles: a name means the tenant's own, else the shipped one.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: profile_create
-- $1 tenant_id uuid, $2 body json
SELECT r.code, r.body, r.new_name AS key FROM profile_create($1::uuid, $2::json) r;

-- name: profile_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor: the last name text or NULL
WITH page AS (
    SELECT p AS profile, p.name, row_number() OVER (ORDER BY p.name) AS n
      FROM profile p
     WHERE (p.tenant_id = $1::uuid
            OR p.tenant_id = installation_id()
               AND NOT EXISTS (SELECT FROM profile o WHERE o.tenant_id = $1::uuid AND o.name = p.name))
       AND p.name > coalesce($3::text, '')
     ORDER BY p.name
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(profile_json(p.profile) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.name ORDER BY p.n))[$2::integer] END AS key
  FROM page p;

-- name: profile_get
-- $1 tenant_id uuid, $2 name text
WITH found AS (
    SELECT p AS profile
      FROM profile p
     WHERE (p.tenant_id = $1::uuid OR p.tenant_id = installation_id()) AND p.name = $2::text
     ORDER BY p.tenant_id DESC -- the tenant's own first
     LIMIT 1
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT profile_json(f.profile)::text FROM found f) AS body;

-- name: profile_update
-- $1 tenant_id uuid, $2 name text, $3 body json, $4 If-Match text or NULL
SELECT r.code, r.body FROM profile_update($1::uuid, $2::text, $3::json, $4::text) r;

-- name: profile_delete
-- $1 tenant_id uuid, $2 name text
SELECT r.code, r.body FROM profile_delete($1::uuid, $2::text) r;
