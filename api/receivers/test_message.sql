-- name: test_message_plan
-- $1 tenant_id uuid, $2 partner text or NULL, $3 body json, $4 profile unless the body names one text,
-- $5 what is wrong with the URL unless the tenant allows http, text or NULL, $6 the same of the token URL
-- One row for each message: code '', NULL, and what api/receivers/webhook_plan.h lists. Or one row with a code and errors.
SELECT r.code, r.body, p.profile, p.envelope, p.signature, p.responses, p.timeout_ms, p.base_url, p.subscription_id, p.url,
       p.headers, p.secret_of, p.secrets, p.username, p.password, p.token_url, p.scope,
       p.client_certificate, p.client_key, p.allows_http, p.allowed_networks, p.webhook_origin,
       r.event_type, r.payload
  FROM test_message_plan($1::uuid, $2::text, ($3::json ->> 'subscription_id')::uuid, $3::json, $4::text, $5::text, $6::text) r
  LEFT JOIN LATERAL webhook_plan(r.target) p ON r.code = '';

-- name: subscription_test_plan
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json
-- The same of a stored subscription.
SELECT r.code, r.body, p.profile, p.envelope, p.signature, p.responses, p.timeout_ms, p.base_url, p.subscription_id, p.url,
       p.headers, p.secret_of, p.secrets, p.username, p.password, p.token_url, p.scope,
       p.client_certificate, p.client_key, p.allows_http, p.allowed_networks, p.webhook_origin,
       r.event_type, r.payload
  FROM test_message_plan($1::uuid, $2::text, $3::uuid, $4::json, NULL, NULL, NULL) r
  LEFT JOIN LATERAL webhook_plan(r.target) p ON r.code = '';

-- name: test_message_revive
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json
SELECT r.code, r.body FROM subscription_revive($1::uuid, $2::text, $3::uuid, $4::json) r;

-- name: test_message_passed
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid
-- A test of a stored subscription has gone well.
SELECT r.code, r.body FROM subscription_test_passed($1::uuid, $2::text, $3::uuid) r;
