-- Authentication.

-- name: key_authenticate
-- $1 tenant_id uuid, $2 SHA-256 of the key as hex text. One row when the key is good, else none:
-- id, role, partner, scopes (separated by blanks; NULL: all of the role), and limits as limit_set_caller() reads
-- them. Its use is noted once an hour.
WITH found AS (
    SELECT k.id, k.role, k.partner, k.scopes, k.last_used_at, k.requests_per_second, k.requests_burst,
           t.requests_per_second AS tenant_requests_per_second, t.requests_burst AS tenant_requests_burst,
           t.quota_events_per_day
      FROM api_key k
      JOIN tenant t ON t.tenant_id = k.tenant_id
     WHERE k.tenant_id = $1::uuid AND k.key_sha256 = decode($2::text, 'hex')
       AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
       AND t.tenant_id = $1::uuid AND t.state = 'active'
), noted AS (
    UPDATE api_key k SET last_used_at = now()
      FROM found f
     WHERE k.tenant_id = $1::uuid AND k.id = f.id
       AND coalesce(f.last_used_at, '-infinity') < now() - interval '1 hour'
)
SELECT f.id, f.role, f.partner, array_to_string(f.scopes, ' ') AS scopes, f.requests_per_second, f.requests_burst,
       f.tenant_requests_per_second, f.tenant_requests_burst, f.quota_events_per_day
  FROM found f;

-- name: session_authenticate
-- $1 tenant_id uuid, $2 SHA-256 of the session as hex text, $3 seconds that it may be idle. One row when the
-- session is good, else none: user_id, role, partner, NULL (all scopes of the role), limits as above. Its use is
-- noted every 5 minutes.
WITH found AS (
    SELECT s.id, s.seen_at, u.id AS user_id, u.role, u.partner, t.requests_per_second, t.requests_burst,
           t.quota_events_per_day
      FROM user_session s
      JOIN user_account u ON u.tenant_id = $1::uuid AND u.id = s.user_id
      JOIN tenant t ON t.tenant_id = u.tenant_id
     WHERE s.tenant_id = $1::uuid AND s.token_sha256 = decode($2::text, 'hex') AND s.expires_at > now()
       AND s.seen_at > now() - $3::integer * interval '1 second'
       AND u.state = 'active' AND t.tenant_id = $1::uuid AND t.state = 'active'
), noted AS (
    UPDATE user_session s SET seen_at = now()
      FROM found f
     WHERE s.tenant_id = $1::uuid AND s.id = f.id
       AND f.seen_at < now() - least(interval '5 minutes', $3::integer * interval '0.25 seconds')
)
SELECT f.user_id, f.role, f.partner, NULL::text AS scopes, NULL::integer AS requests_per_second,
       NULL::integer AS requests_burst, f.requests_per_second AS tenant_requests_per_second,
       f.requests_burst AS tenant_requests_burst, f.quota_events_per_day
  FROM found f;
