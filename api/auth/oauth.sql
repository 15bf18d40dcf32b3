-- What OAuth needs besides the resources: who a client is, and the installation's signing keys.

-- name: client_find
-- $1 tenant_id uuid, $2 client uuid. One row when the client lives, else none: role, partner, scopes (names
-- with blanks between; NULL: all of the role), token_lifetime_s, SHA-256 of the live secrets (hex, the same); limits as limit_set_caller() reads them.
SELECT c.role, c.partner, array_to_string(c.scopes, ' '), c.token_lifetime_s,
       (SELECT string_agg(encode(s.secret_sha256, 'hex'), ' ')
          FROM oauth_client_secret s
         WHERE s.tenant_id = $1::uuid AND s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > now())),
       NULL::integer, NULL::integer, t.requests_per_second, t.requests_burst, t.quota_events_per_day
  FROM oauth_client c
  JOIN tenant t ON t.tenant_id = c.tenant_id
 WHERE c.tenant_id = $1::uuid AND c.id = $2::uuid AND c.revoked_at IS NULL
   AND t.tenant_id = $1::uuid AND t.state = 'active';

-- name: signing_keys_read
-- $1 tenant_id uuid, the installation's. All that are published: kid, x, y, public key, private key (NULL but of
-- the one that signs).
SELECT k.kid, k.x, k.y, k.public_key, CASE k.state WHEN 'signing' THEN k.private_key END
  FROM signing_key k
 WHERE k.tenant_id = $1::uuid AND signing_key_is_published(k)
 ORDER BY k.created_at DESC
 LIMIT 16;

-- name: signing_keys_first
-- $1 tenant_id uuid, the installation's, $2 pair json, $3 pair json
SELECT signing_keys_first($1::uuid, $2::json, $3::json);

-- name: issuer_find
-- $1 tenant_id uuid, $2 iss text, $3 alg text. One row when the tenant trusts that issuer with that algorithm, else
-- none: id, jwks_uri, audience, role, partner, partner_claim, subject_claim, required_claims, allow_http,
-- limits as limit_set_caller() reads them.
SELECT i.id, i.jwks_uri, i.audience, i.role, i.partner, i.partner_claim, i.subject_claim, i.required_claims, t.allow_http,
       NULL::integer, NULL::integer, t.requests_per_second, t.requests_burst, t.quota_events_per_day
  FROM token_issuer i
  JOIN tenant t ON t.tenant_id = i.tenant_id
 WHERE i.tenant_id = $1::uuid AND i.issuer = $2::text AND $3::text = ANY (i.algorithms)
   AND t.tenant_id = $1::uuid AND t.state = 'active';
