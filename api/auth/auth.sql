-- Authentication.

-- name: keys_authenticate
-- For many requests at once, of any tenants, as publishing is (api/batcher.h). Role: hookline_ingest.
-- $1 tenant_id uuid[], $2 SHA-256 of the key bytea[], $3 boolean, of no meaning here.
-- One row per key, in order; all NULL where it is not good: id, role, partner, scopes (separated by blanks; NULL: all of the
-- role), and limits as limit_set_caller() reads them. The last one says whether the tenant is in another cell.
-- A use is noted once an hour; who is noted by somebody else at the moment is so.
WITH found AS MATERIALIZED (
    SELECT g.n, g.tenant_id, g.is_away, k.id, k.role, k.partner, k.scopes, k.requests_per_second, k.requests_burst,
           k.is_to_be_noted, t.requests_per_second AS tenant_requests_per_second, t.requests_burst AS tenant_requests_burst,
           t.quota_events_per_day
      FROM (SELECT u.*,
                   (SELECT EXISTS (SELECT FROM tenant_away))
                   AND EXISTS (SELECT FROM tenant_away a WHERE a.tenant_id = u.tenant_id) AS is_away
              FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS u (tenant_id, key_sha256, n)) g
      LEFT JOIN LATERAL (SELECT x.state, x.requests_per_second, x.requests_burst, x.quota_events_per_day
                           FROM tenant x
                          WHERE x.tenant_id = g.tenant_id AND x.state = 'active'
                         OFFSET 0) t ON true
      LEFT JOIN LATERAL (SELECT x.id, x.role, x.partner, x.scopes, x.requests_per_second, x.requests_burst,
                                coalesce(x.last_used_at, '-infinity') < now() - interval '1 hour' AS is_to_be_noted
                           FROM api_key x
                          WHERE x.tenant_id = g.tenant_id AND x.key_sha256 = g.key_sha256 AND t.state IS NOT NULL
                            AND x.revoked_at IS NULL AND (x.expires_at IS NULL OR x.expires_at > now())
                         OFFSET 0) k ON true
     WHERE $3::boolean IS NOT NULL
), noted AS (
    UPDATE api_key k SET last_used_at = now()
      FROM found f
     CROSS JOIN LATERAL (SELECT x.id
                           FROM api_key x
                          WHERE x.tenant_id = f.tenant_id AND x.id = f.id
                         OFFSET 0
                            FOR NO KEY UPDATE SKIP LOCKED) l
     WHERE f.is_to_be_noted AND k.tenant_id = f.tenant_id AND k.id = f.id
)
SELECT f.id, f.role, f.partner, array_to_string(f.scopes, ' ') AS scopes, f.requests_per_second, f.requests_burst,
       f.tenant_requests_per_second, f.tenant_requests_burst, f.quota_events_per_day, f.is_away::integer
  FROM found f
 ORDER BY f.n;

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
