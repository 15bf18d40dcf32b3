-- name: test_message_plan
-- $1 tenant_id uuid, $2 body json, $3 profile unless the body names one text,
-- $4 what is wrong with the URL unless the tenant allows http, text or NULL
-- One row for each message: code '', NULL, profile, envelope, signature, responses, timeout_ms, base_url, headers
-- ("Name: value" lines), event_type, sample, allows_http, allowed_networks. Or one row with a code and errors.
SELECT r.code, r.body, r.profile, r.envelope, r.signature, r.responses, r.timeout_ms, r.base_url, r.headers, r.event_type, r.sample,
       r.allows_http, r.allowed_networks
  FROM test_message_plan($1::uuid, $2::json, $3::text, $4::text) r;
