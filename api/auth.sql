-- Authentication.

-- name: key_authenticate
-- $1 tenant_id uuid, $2 SHA-256 of the key as hex text. One row when the key is good, else none:
-- id, role, partner, and limits as limit_set_caller() reads them.
SELECT k.id, k.role, k.partner, k.requests_per_second, k.requests_burst,
       t.requests_per_second AS tenant_requests_per_second, t.requests_burst AS tenant_requests_burst
  FROM api_key k
  JOIN tenant t ON t.tenant_id = k.tenant_id
 WHERE k.tenant_id = $1::uuid AND k.key_sha256 = decode($2::text, 'hex')
   AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
   AND t.tenant_id = $1::uuid AND t.state = 'active';
