-- Statements on OAuth clients. The texts of client_id and secret are made in clients.c; of a secret only its
-- SHA-256 is stored. Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: client_create
-- $1 tenant_id uuid, $2 body json, $3 id uuid, $4 client_id text, $5 secret text, $6 its SHA-256 in hex,
-- $7 the scopes of each role json, $8 the scopes that may be given text or NULL: see scope_faults.sql
SELECT r.code, r.body, CASE r.code WHEN '' THEN $3::text END AS key
  FROM client_create($1::uuid, $2::json, $3::uuid, $4::text, $5::text, $6::text, $7::json, $8::text) r;

-- name: client_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL
WITH page AS (
    SELECT c AS client, c.id, row_number() OVER (ORDER BY c.id DESC) AS n
      FROM oauth_client c
     WHERE c.tenant_id = $1::uuid AND c.id < coalesce($3::uuid, uuid_max())
     ORDER BY c.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(client_json(p.client) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]::text END AS key
  FROM page p;

-- name: client_get
-- $1 tenant_id uuid, $2 client_id uuid
WITH found AS (
    SELECT c AS client FROM oauth_client c WHERE c.tenant_id = $1::uuid AND c.id = $2::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT client_json(f.client)::text FROM found f) AS body;

-- name: client_update
-- $1 tenant_id uuid, $2 client_id uuid, $3 body json, $4 If-Match text or NULL, $5 and $6 scopes as in
-- client_create
SELECT r.code, r.body FROM client_update($1::uuid, $2::uuid, $3::json, $4::text, $5::json, $6::text) r;

-- name: client_revoke
-- $1 tenant_id uuid, $2 client_id uuid
SELECT r.code, NULL::text AS body FROM client_revoke($1::uuid, $2::uuid) AS r (code);

-- name: client_secret_create
-- $1 tenant_id uuid, $2 client_id uuid, $3 body json, $4 secret text, $5 its SHA-256 in hex, $6 and $7 scopes as in
-- client_create
SELECT r.code, r.body
  FROM client_secret_create($1::uuid, $2::uuid, $3::json, $4::text, $5::text, $6::json, $7::text) r;

-- name: client_secret_delete
-- $1 tenant_id uuid, $2 client_id uuid, $3 secret_id uuid
SELECT r.code, NULL::text AS body FROM client_secret_delete($1::uuid, $2::uuid, $3::uuid) AS r (code);
