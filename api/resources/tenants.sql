-- Statements on tenants, for operators. Everything that concerns one tenant acts as that tenant
-- (call_set_tenant() in tenants.c), so that its own policies hold and its audit log tells of it.
-- The installation's own row is never listed nor found.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: tenant_create
-- $1 tenant_id uuid (the new one's), $2 body json, $3 key text, $4 key's SHA-256 in hex
WITH created AS (
    INSERT INTO tenant AS t (tenant_id, name, allow_http, cell)
    SELECT $1::uuid, b.name, coalesce(b.allow_http, false), coalesce(b.cell, 'default')
      FROM json_to_record($2::json) AS b (name text, allow_http boolean, cell text)
    RETURNING t AS tenant
), keyed AS (
    INSERT INTO api_key AS k (tenant_id, name, role, key_sha256, hint)
    VALUES ($1::uuid, 'first admin', 'admin', decode($4::text, 'hex'), right($3::text, 4))
    RETURNING k AS api_key
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'tenant.created', $1::uuid::text, json_build_object('name', (c.tenant).name)
      FROM created c
     UNION ALL
    SELECT $1::uuid, 'key.created', (k.api_key).id::text, json_build_object('name', (k.api_key).name, 'role', 'admin')
      FROM keyed k
)
SELECT '' AS code,
       json_plus(tenant_json(c.tenant), 'admin_key', to_json($3::text))::text AS body,
       $1::uuid::text AS key
  FROM created c;

-- name: tenant_list
-- $1 tenant_id uuid (the installation's), $2 limit integer, $3 cursor uuid or NULL,
-- $4 the beginning of the name text or NULL, $5 state text or NULL
-- A directory statement: the one that reads rows of other tenants than $1. With a filter a page looks at
-- list_reach() tenants at most.
WITH seen AS MATERIALIZED (
    SELECT t AS tenant, t.tenant_id AS id, row_number() OVER (ORDER BY t.tenant_id DESC) AS place
      FROM tenant t
     WHERE $1::uuid = installation_id() AND t.tenant_id <> $1::uuid AND t.tenant_id < coalesce($3::uuid, uuid_max())
     ORDER BY t.tenant_id DESC
     LIMIT list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0)
), page AS (
    SELECT v.tenant, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($4::text IS NULL OR starts_with(lower((v.tenant).name), lower($4::text)))
       AND ($5::text IS NULL OR (v.tenant).state = $5::text)
     ORDER BY v.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(tenant_json(p.tenant) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]
            ELSE (SELECT v.id FROM seen v
                   WHERE v.place = list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0))
       END::text AS key
  FROM page p;

-- name: tenant_list_of_cell
-- As tenant_list, of one of several cells: $6 its name. See api/cells/every_cell.h for what it returns. A tenant that is being copied
-- here is not yet this cell's, one that has left is its no more.
WITH seen AS MATERIALIZED (
    SELECT t AS tenant, t.tenant_id AS id, row_number() OVER (ORDER BY t.tenant_id DESC) AS place
      FROM tenant t
     WHERE $1::uuid = installation_id() AND t.tenant_id <> $1::uuid AND t.tenant_id < coalesce($3::uuid, uuid_max())
       AND t.cell = $6::text
       AND NOT EXISTS (SELECT FROM tenant_away a WHERE a.tenant_id = t.tenant_id AND a.state = 'moved')
     ORDER BY t.tenant_id DESC
     LIMIT list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0)
), page AS (
    SELECT v.tenant, v.id
      FROM seen v
     WHERE ($4::text IS NULL OR starts_with(lower((v.tenant).name), lower($4::text)))
       AND ($5::text IS NULL OR (v.tenant).state = $5::text)
     ORDER BY v.id DESC
     LIMIT $2::integer + 1
)
SELECT p.id::text AS id, tenant_json(p.tenant)::text AS body FROM page p
 UNION ALL
SELECT v.id::text, NULL FROM seen v WHERE v.place = list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0)
 ORDER BY id DESC, body;

-- name: tenant_get
-- $1 tenant_id uuid (acted for), $2 tenant_id uuid (asked for)
WITH found AS (
    SELECT t AS tenant FROM tenant t
     WHERE t.tenant_id = $1::uuid AND t.tenant_id = $2::uuid AND t.tenant_id <> installation_id()
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT tenant_json(f.tenant)::text FROM found f) AS body;

-- name: tenant_get_own
-- $1 tenant_id uuid
SELECT '' AS code, tenant_json(t)::text AS body FROM tenant t WHERE t.tenant_id = $1::uuid;

-- name: tenant_update
-- $1 tenant_id uuid, $2 body json, $3 If-Match text or NULL
SELECT r.code, r.body FROM tenant_update($1::uuid, $2::json, $3::text) r;

-- name: tenant_archive
-- $1 tenant_id uuid
SELECT r.code, NULL::text AS body FROM tenant_archive($1::uuid) AS r (code);

-- name: tenant_key_create
-- $1 tenant_id uuid (acted for), $2 tenant_id uuid (asked for), $3 body json, $4 key text,
-- $5 key's SHA-256 in hex
WITH created AS (
    INSERT INTO api_key AS k (tenant_id, name, role, key_sha256, hint)
    SELECT t.tenant_id, $3::json ->> 'name', 'admin', decode($5::text, 'hex'), right($4::text, 4)
      FROM tenant t
     WHERE t.tenant_id = $1::uuid AND t.tenant_id = $2::uuid AND t.tenant_id <> installation_id()
    RETURNING k AS api_key
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'key.created', (c.api_key).id::text, json_build_object('name', (c.api_key).name, 'role', 'admin')
      FROM created c
)
SELECT CASE WHEN EXISTS (SELECT FROM created) THEN '' ELSE 'not_found' END AS code,
       (SELECT json_plus(key_json(c.api_key), 'key', to_json($4::text))::text FROM created c) AS body,
       (SELECT (c.api_key).id::text FROM created c) AS key;
