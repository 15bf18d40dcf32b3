-- name: preview_plan
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json, $5 whether the caller may sign boolean
-- One row: code '', NULL, and what api/webhook_plan.h lists. Or a code and errors.
SELECT r.code, r.body, p.profile, p.envelope, p.signature, p.responses, p.timeout_ms, p.base_url, p.subscription_id, p.url,
       p.headers, p.secret_of, p.secrets, p.username, p.password, p.token_url, p.scope,
       p.client_certificate, p.client_key, p.allows_http, p.allowed_networks, p.webhook_origin,
       r.event_type, r.payload, r.event_id, r.message_id,
       r.company, r.occurred_at, r.custom_values, r.traceparent, r.origin, r.illustrative
  FROM preview_plan($1::uuid, $2::text, $3::uuid, $4::json, $5::boolean) r
  LEFT JOIN LATERAL webhook_plan(r.target) p ON r.code = '';
