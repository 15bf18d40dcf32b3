-- name: preview_plan
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json, $5 whether the caller may sign boolean
-- One row: code '', NULL, and what api/receivers/webhook_plan.h lists. Or a code and errors.
SELECT r.code, r.body, p.profile, p.envelope, p.signature, p.responses, p.timeout_ms, p.base_url, p.subscription_id, p.url,
       p.headers, p.secret_of, p.secrets, p.username, p.password, p.token_url, p.scope,
       p.client_certificate, p.client_key, p.allows_http, p.allowed_networks, p.webhook_origin,
       r.event_type, r.payload, r.event_id, r.message_id,
       r.company, r.occurred_at, r.custom_values, r.traceparent, r.origin, r.illustrative
  FROM preview_plan($1::uuid, $2::text, $3::uuid, $4::json, $5::boolean) r
  LEFT JOIN LATERAL webhook_plan(r.target) p ON r.code = '';

-- name: attempt_curl_plan
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid, $4 attempt_no text, $5 whether the caller may sign boolean
-- The same row: the message as it would be sent now, to where the attempt went.
SELECT CASE r.code WHEN '' THEN '' WHEN 'invalid_body' THEN 'payload_gone' ELSE 'not_found' END AS code, NULL AS errors,
       p.profile, p.envelope, p.signature, p.responses, p.timeout_ms, p.base_url, p.subscription_id, f.url,
       p.headers, p.secret_of, p.secrets, p.username, p.password, p.token_url, p.scope,
       p.client_certificate, p.client_key, p.allows_http, p.allowed_networks, p.webhook_origin,
       r.event_type, r.payload, r.event_id, f.webhook_id AS message_id,
       r.company, r.occurred_at, f.custom_values, r.traceparent, f.origin, r.illustrative
  FROM (SELECT) one
  LEFT JOIN LATERAL (
            SELECT m.id, coalesce(m.webhook_id, m.id) AS webhook_id, m.event_id, m.subscription_id, m.origin, t.url,
                   CASE WHEN m.values_version IS NOT NULL
                        THEN connection_values_for($1::uuid, m.connection_id, m.values_version, e.event_type) END AS custom_values
              FROM message m
              JOIN event e ON e.tenant_id = $1::uuid AND e.id = m.event_id
              JOIN attempt t ON t.tenant_id = $1::uuid AND t.message_id = m.id AND t.attempt_no::text = $4::text
             WHERE m.tenant_id = $1::uuid AND m.id = $3::uuid) f ON true
  LEFT JOIN LATERAL preview_plan($1::uuid, $2::text, f.subscription_id, json_build_object('event_id', f.event_id), $5::boolean) r
         ON f.id IS NOT NULL
  LEFT JOIN LATERAL webhook_plan(r.target) p ON r.code = '';
