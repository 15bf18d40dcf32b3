-- Signing in and passwords: see migrations/repeatable/sign_in.sql. The three that find a user return one row:
-- its e-mail address, the hash of its password, and how many seconds a try has to wait; NULLs for nobody.

-- name: sign_in_find
-- $1 tenant_id uuid, $2 email text
SELECT $2::text AS email, (user_of_email($1::uuid, $2::text)).password_hash, sign_in_wait_s($1::uuid, $2::text) AS wait_s;

-- name: password_find
-- $1 tenant_id uuid, $2 SHA-256 of the session in hex
SELECT u.email, u.password_hash, sign_in_wait_s($1::uuid, u.email) AS wait_s
  FROM (SELECT 1) AS one
  LEFT JOIN user_session s ON s.tenant_id = $1::uuid AND s.token_sha256 = decode($2::text, 'hex')
  LEFT JOIN user_account u ON u.tenant_id = $1::uuid AND u.id = s.user_id AND u.state = 'active';

-- name: password_token_find
-- $1 tenant_id uuid, $2 SHA-256 of the token in hex
SELECT (user_of_password_token($1::uuid, $2::text)).email, NULL::text AS password_hash, 0 AS wait_s;

-- name: session_create
-- $1 tenant_id uuid, $2 email text, $3 the hash that the password agreed with or NULL, $4 a new one of it or NULL,
-- $5 SHA-256 of the session in hex, $6 its life in seconds, $7 its CSRF token
SELECT r.code, r.body FROM sign_in($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text) r;

-- name: password_change
-- $1 tenant_id uuid, $2 SHA-256 of the session in hex, $3 the hash that the old password agreed with or NULL,
-- $4 hash of the new one or NULL
SELECT r.code, r.body FROM password_change($1::uuid, $2::text, $3::text, $4::text) r;

-- name: password_set
-- $1 tenant_id uuid, $2 SHA-256 of the one-time token in hex, $3 hash of the password
SELECT r.code, r.body FROM password_set($1::uuid, $2::text, $3::text) r;

-- name: session_get
-- $1 tenant_id uuid, $2 SHA-256 of the session in hex or NULL (another proof), $3 who asks json, $4 CSRF token or NULL
SELECT '' AS code,
       json_build_object('actor', $3::json ->> 'actor', 'role', $3::json ->> 'role', 'partner', $3::json ->> 'partner',
                         'scopes', $3::json -> 'scopes',
                         'tenant', json_build_object('id', t.tenant_id, 'name', t.name),
                         'user', CASE WHEN u.id IS NOT NULL THEN user_json(u) END,
                         'csrf_token', $4::text, 'expires_at', s.expires_at)::text AS body
  FROM tenant t
  LEFT JOIN user_session s ON s.tenant_id = $1::uuid AND s.token_sha256 = decode($2::text, 'hex')
  LEFT JOIN user_account u ON u.tenant_id = $1::uuid AND u.id = s.user_id
 WHERE t.tenant_id = $1::uuid
 LIMIT 1;

-- name: session_end
-- $1 tenant_id uuid, $2 SHA-256 of the session in hex or NULL
WITH ended AS (
    DELETE FROM user_session s
     WHERE s.tenant_id = $1::uuid AND s.token_sha256 = decode($2::text, 'hex')
    RETURNING s.id, s.user_id
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'user.signed_out', e.user_id::text, json_build_object('session_id', e.id) FROM ended e
)
SELECT CASE WHEN EXISTS (SELECT FROM ended) THEN '' ELSE 'not_found' END AS code, NULL::text AS body;
