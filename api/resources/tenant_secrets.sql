-- Statements on a tenant's secrets. Their texts cannot be read here: only workers may.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: tenant_secret_create
-- $1 tenant_id uuid, $2 body json, $3 secrets json
SELECT r.code, r.body, r.new_id AS key FROM tenant_secret_create($1::uuid, $2::json, $3::json) r;

-- name: tenant_secret_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL
WITH page AS (
    SELECT k.id, k.public_key, k.created_at, k.expires_at, row_number() OVER (ORDER BY k.id DESC) AS n
      FROM tenant_secret k
     WHERE k.tenant_id = $1::uuid AND k.id < coalesce($3::uuid, uuid_max())
       AND (k.expires_at IS NULL OR k.expires_at > now())
     ORDER BY k.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(tenant_secret_json(p.id, p.public_key, p.created_at, p.expires_at) ORDER BY p.n)
                    FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]::text END AS key
  FROM page p;

-- name: tenant_secret_get
-- $1 tenant_id uuid, $2 tenant_secret_id uuid
WITH found AS (
    SELECT k.id, k.public_key, k.created_at, k.expires_at
      FROM tenant_secret k
     WHERE k.tenant_id = $1::uuid AND k.id = $2::uuid AND (k.expires_at IS NULL OR k.expires_at > now())
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT tenant_secret_json(f.id, f.public_key, f.created_at, f.expires_at)::text FROM found f) AS body;

-- name: tenant_secret_delete
-- $1 tenant_id uuid, $2 tenant_secret_id uuid
WITH gone AS (
    DELETE FROM tenant_secret k
     WHERE k.tenant_id = $1::uuid AND k.id = $2::uuid
    RETURNING k.id, k.expires_at
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id) SELECT $1::uuid, 'tenant_secret.deleted', g.id::text FROM gone g
)
SELECT CASE WHEN EXISTS (SELECT FROM gone g WHERE g.expires_at IS NULL OR g.expires_at > now()) THEN '' ELSE 'not_found' END
           AS code,
       NULL::text AS body;
