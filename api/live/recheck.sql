-- Whether the caller of a reply that takes long would be let in now: see api/live/recheck.h.

-- name: caller_recheck
-- $1 tenant_id uuid, $2 actor text, $3 SHA-256 of the proof as hex text, $4 role text, $5 partner text or NULL, $6 scope
-- text, $7 seconds that a session may be idle. One row: whether who was let in would be let in now, as the same.
SELECT (EXISTS (SELECT FROM tenant t WHERE t.tenant_id = $1::uuid AND t.state = 'active')
        AND CASE split_part($2::text, ':', 1)
            WHEN 'key' THEN EXISTS (
                SELECT
                  FROM api_key k
                 WHERE k.tenant_id = $1::uuid AND k.key_sha256 = decode($3::text, 'hex') AND k.revoked_at IS NULL
                   AND (k.expires_at IS NULL OR k.expires_at > now()) AND k.role = $4::text
                   AND k.partner IS NOT DISTINCT FROM $5::text AND (k.scopes IS NULL OR $6::text = ANY (k.scopes)))
            WHEN 'user' THEN EXISTS (
                SELECT
                  FROM user_session s
                  JOIN user_account u ON u.tenant_id = $1::uuid AND u.id = s.user_id
                 WHERE s.tenant_id = $1::uuid AND s.token_sha256 = decode($3::text, 'hex') AND s.expires_at > now()
                   AND s.seen_at > now() - $7::integer * interval '1 second' AND u.state = 'active'
                   AND u.role = $4::text AND u.partner IS NOT DISTINCT FROM $5::text)
            WHEN 'client' THEN EXISTS (
                SELECT
                  FROM oauth_client c
                 WHERE c.tenant_id = $1::uuid AND c.id::text = split_part($2::text, ':', 2) AND c.revoked_at IS NULL
                   AND c.role = $4::text AND c.partner IS NOT DISTINCT FROM $5::text
                   AND (c.scopes IS NULL OR $6::text = ANY (c.scopes)))
            WHEN 'issuer' THEN EXISTS (
                SELECT
                  FROM token_issuer i
                 WHERE i.tenant_id = $1::uuid AND i.id::text = split_part($2::text, ':', 2) AND i.role = $4::text
                   AND (i.partner IS NULL OR i.partner = $5::text))
            ELSE false END)::integer AS is_good;
