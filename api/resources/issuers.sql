-- Statements on the issuers whose tokens a tenant accepts.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: issuer_create
-- $1 tenant_id uuid, $2 body json, $3 what is wrong with jwks_uri unless the tenant allows http, text or NULL,
-- $4 the roles that the caller may give text
SELECT r.code, r.body, r.new_id AS key FROM issuer_create($1::uuid, $2::json, $3::text, $4::text) r;

-- name: issuer_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL
WITH page AS (
    SELECT i AS issuer, i.id, row_number() OVER (ORDER BY i.id DESC) AS n
      FROM token_issuer i
     WHERE i.tenant_id = $1::uuid AND i.id < coalesce($3::uuid, uuid_max())
     ORDER BY i.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(issuer_json(p.issuer) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]::text END AS key
  FROM page p;

-- name: issuer_get
-- $1 tenant_id uuid, $2 issuer_id uuid
WITH found AS (
    SELECT i AS issuer FROM token_issuer i WHERE i.tenant_id = $1::uuid AND i.id = $2::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT issuer_json(f.issuer)::text FROM found f) AS body;

-- name: issuer_update
-- $1 tenant_id uuid, $2 issuer_id uuid, $3 body json, $4 If-Match text or NULL, $5 and $6 as in
-- issuer_create
SELECT r.code, r.body FROM issuer_update($1::uuid, $2::uuid, $3::json, $4::text, $5::text, $6::text) r;

-- name: issuer_delete
-- $1 tenant_id uuid, $2 issuer_id uuid
WITH deleted AS (
    DELETE FROM token_issuer i WHERE i.tenant_id = $1::uuid AND i.id = $2::uuid RETURNING i.id, i.issuer
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'issuer.deleted', d.id::text, json_build_object('issuer', d.issuer) FROM deleted d
)
SELECT CASE WHEN EXISTS (SELECT FROM deleted) THEN '' ELSE 'not_found' END AS code,
       NULL::text AS body;
