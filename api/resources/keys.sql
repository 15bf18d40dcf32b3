-- Statements on API keys. The key's text is made in keys.c and stored as its SHA-256 only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: key_create
-- $1 tenant_id uuid, $2 body json, $3 key text, $4 key's SHA-256 in hex
-- A tenant has at most 1000 keys that are good.
WITH good AS (
    SELECT count(*) AS n
      FROM (SELECT FROM api_key k
             WHERE k.tenant_id = $1::uuid AND k.revoked_at IS NULL AND (k.expires_at <= now()) IS NOT TRUE
             LIMIT 1000) k
), created AS (
    INSERT INTO api_key AS k (tenant_id, name, role, partner, scopes, expires_at, key_sha256, hint,
                              requests_per_second, requests_burst)
    SELECT $1::uuid, b.name, b.role, b.partner, json_texts(b.scopes), b.expires_at, decode($4::text, 'hex'),
           right($3::text, 4), b.requests_per_second, b.requests_burst
      FROM good g, json_to_record($2::json) AS b (name text, role text, partner text, scopes json,
                                                  expires_at timestamptz, requests_per_second integer,
                                                  requests_burst integer)
     WHERE g.n < 1000 AND (b.expires_at <= now()) IS NOT TRUE
    RETURNING k AS api_key
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'key.created', (c.api_key).id::text,
           json_build_object('name', (c.api_key).name, 'role', (c.api_key).role, 'partner', (c.api_key).partner,
                             'scopes', (c.api_key).scopes, 'expires_at', (c.api_key).expires_at)
      FROM created c
)
SELECT CASE WHEN EXISTS (SELECT FROM created) THEN ''
            WHEN g.n = 1000 THEN 'conflict'
            ELSE 'invalid_body' END AS code,
       coalesce((SELECT json_plus(key_json(c.api_key), 'key', to_json($3::text))::text FROM created c),
                CASE WHEN g.n = 1000 THEN fault('', 'The tenant has 1000 good keys, which is the most.')
                     ELSE fault('/expires_at', 'This moment is in the past.') END) AS body,
       (SELECT (c.api_key).id::text FROM created c) AS key
  FROM good g;

-- name: key_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL, $4 role text or NULL, $5 state text or NULL
-- With a role or a state a page looks at list_reach() keys at most.
WITH seen AS MATERIALIZED (
    SELECT k AS api_key, k.id, row_number() OVER (ORDER BY k.id DESC) AS place
      FROM api_key k
     WHERE k.tenant_id = $1::uuid AND k.id < coalesce($3::uuid, uuid_max())
     ORDER BY k.id DESC
     LIMIT list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0)
), page AS (
    SELECT v.api_key, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($4::text IS NULL OR (v.api_key).role = $4::text)
       AND ($5::text IS NULL OR key_state(v.api_key) = $5::text)
     ORDER BY v.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(key_json(p.api_key) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]
            ELSE (SELECT v.id FROM seen v
                   WHERE v.place = list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0))
       END::text AS key
  FROM page p;

-- name: key_get
-- $1 tenant_id uuid, $2 key_id uuid
WITH found AS (
    SELECT k AS api_key FROM api_key k WHERE k.tenant_id = $1::uuid AND k.id = $2::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT key_json(f.api_key)::text FROM found f) AS body;

-- name: key_update
-- $1 tenant_id uuid, $2 key_id uuid, $3 body json, $4 If-Match or NULL, $5 roles that the scopes fit,
-- $6 the scopes of each role json, $7 the scopes that may be given text or NULL: see scope_faults.sql
SELECT r.code, r.body
  FROM key_update($1::uuid, $2::uuid, $3::json, $4::text, $5::text, $6::json, $7::text) r;

-- name: key_revoke
-- $1 tenant_id uuid, $2 key_id uuid
WITH revoked AS (
    UPDATE api_key k SET revoked_at = now()
     WHERE k.tenant_id = $1::uuid AND k.id = $2::uuid AND k.revoked_at IS NULL
    RETURNING k.id, k.name
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'key.revoked', r.id::text, json_build_object('name', r.name) FROM revoked r
)
SELECT CASE WHEN EXISTS (SELECT FROM revoked) THEN '' ELSE 'not_found' END AS code,
       NULL::text AS body;
