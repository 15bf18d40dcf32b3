-- Statements on quotas: what a tenant may have, and what it has.
-- Each statement returns one row (code text, body text): see api/http/route.h.

-- name: quotas_get
-- $1 tenant_id uuid
SELECT '' AS code, quotas_json($1::uuid)::text AS body;

-- name: tenant_quotas_get
-- $1 tenant_id uuid (acted for), $2 tenant_id uuid (asked for)
WITH found AS (
    SELECT t.tenant_id FROM tenant t
     WHERE t.tenant_id = $1::uuid AND t.tenant_id = $2::uuid AND t.tenant_id <> installation_id()
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT quotas_json(f.tenant_id)::text FROM found f) AS body;
