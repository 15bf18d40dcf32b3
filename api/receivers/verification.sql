-- Verification of subscriptions' URLs: api/receivers/verification.c.

-- name: verification_plan
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id (or an app's, when nobody waits) uuid,
-- $4 whether somebody waits boolean
SELECT r.code, r.body, r.subscription_id::text, r.verification, r.url, r.topic, r.rate_per_minute::text,
       r.allows_http, r.allowed_networks, r.client_certificate, r.client_key
  FROM verification_plan($1::uuid, $2::text, $3::uuid, $4::boolean) r;

-- name: verification_record
-- $1 tenant_id uuid, $2 subscription_id uuid, $3 URL that was asked text, $4 verification text,
-- $5 why not text or NULL, $6 origin that was allowed text or NULL, $7 requests a minute integer or NULL
SELECT r.code, r.body
  FROM verification_record($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::integer) r;
