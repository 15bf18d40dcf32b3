-- Statements on users. What changes them is in migrations/repeatable/user_change.sql.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: user_create
-- $1 tenant_id uuid, $2 body json, $3 roles that the caller may give, $4 one-time token, $5 its SHA-256 in hex
SELECT r.code, r.body, r.new_id AS key FROM user_create($1::uuid, $2::json, $3::text, $4::text, $5::text) r;

-- name: user_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL, $4 role text or NULL, $5 state text or NULL,
-- $6 email text or NULL
WITH page AS (
    SELECT u AS user_account, u.id, row_number() OVER (ORDER BY u.id DESC) AS n
      FROM user_account u
     WHERE u.tenant_id = $1::uuid AND u.id < coalesce($3::uuid, uuid_max())
       AND ($4::text IS NULL OR u.role = $4::text)
       AND ($5::text IS NULL OR u.state = $5::text)
       AND ($6::text IS NULL OR u.email = lower($6::text))
     ORDER BY u.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(user_json(p.user_account) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]::text END AS key
  FROM page p;

-- name: user_get
-- $1 tenant_id uuid, $2 user_id uuid
WITH found AS (
    SELECT u AS user_account FROM user_account u WHERE u.tenant_id = $1::uuid AND u.id = $2::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT user_json(f.user_account)::text FROM found f) AS body;

-- name: user_update
-- $1 tenant_id uuid, $2 user_id uuid, $3 body json, $4 If-Match or NULL, $5 roles that the caller may give
SELECT r.code, r.body FROM user_update($1::uuid, $2::uuid, $3::json, $4::text, $5::text) r;

-- name: user_delete
-- $1 tenant_id uuid, $2 user_id uuid, $3 roles that the caller may give
SELECT r.code, r.body FROM user_delete($1::uuid, $2::uuid, $3::text) r;

-- name: user_password_token
-- $1 tenant_id uuid, $2 user_id uuid, $3 roles that the caller may give, $4 one-time token, $5 its SHA-256 in hex
SELECT r.code, r.body FROM user_password_token($1::uuid, $2::uuid, $3::text, $4::text, $5::text) r;

-- name: user_session_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL, $4 user_id uuid, $5 SHA-256 of the caller's own
-- session in hex, or NULL
WITH page AS (
    SELECT s AS session, s.id, row_number() OVER (ORDER BY s.id DESC) AS n
      FROM user_session s
     WHERE s.tenant_id = $1::uuid AND s.user_id = $4::uuid AND s.id < coalesce($3::uuid, uuid_max())
       AND s.expires_at > now()
     ORDER BY s.id DESC
     LIMIT $2::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM user_account u WHERE u.tenant_id = $1::uuid AND u.id = $4::uuid)
            THEN '' ELSE 'not_found' END AS code,
       CASE WHEN EXISTS (SELECT FROM user_account u WHERE u.tenant_id = $1::uuid AND u.id = $4::uuid)
            THEN coalesce(json_agg(session_json(p.session, decode($5::text, 'hex')) ORDER BY p.n)
                          FILTER (WHERE p.n <= $2::integer), '[]')::text END AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]::text END AS key
  FROM page p;

-- name: user_session_end
-- $1 tenant_id uuid, $2 user_id uuid
WITH found AS MATERIALIZED (
    SELECT u.id, sessions_end($1::uuid, u.id, NULL) AS n_ended
      FROM user_account u
     WHERE u.tenant_id = $1::uuid AND u.id = $2::uuid
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'user.signed_out', f.id::text, json_build_object('ended_sessions', f.n_ended) FROM found f
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code, NULL::text AS body;
