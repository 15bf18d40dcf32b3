-- Whether the value of a header field is a secret, by the field's name: it is never shown again.
CREATE OR REPLACE FUNCTION header_is_sensitive(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(name) ~ '(auth|key|token|secret|password|signature|credential)';

-- The public JSON form of a subscription. Secrets, passwords, tokens and the values of sensitive header
-- fields are left out on purpose: they are sealed, and nobody is shown them again.
CREATE OR REPLACE FUNCTION subscription_json(s subscription) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', s.id, 'app_id', s.app_id, 'url', s.url, 'description', s.description,
               'event_types', s.event_types, 'filter', s.filter, 'profile', s.profile,
               'overrides', coalesce(s.overrides, '{}'), 'timeout_ms', s.timeout_ms,
               'headers', h.shown, 'sensitive_headers', h.hidden,
               'credentials_kind', b.kind, 'username', CASE WHEN b.kind = 'basic' THEN b.username END,
               'token_url', b.token_url, 'client_id', CASE WHEN b.kind = 'oauth2' THEN b.username END, 'scope', b.scope,
               'client_certificate',
               CASE WHEN s.client_certificate IS NOT NULL
                    THEN json_build_object('sha256', s.client_certificate_sha256,
                                           'expires_at', s.client_certificate_expires_at) END,
               'rate_per_second', s.rate_per_second, 'max_in_flight', s.max_in_flight, 'ordered', s.ordered,
               'ordered_on_failure', s.ordered_on_failure,
               'active_from', s.active_from,
               'verification', s.verification, 'verified_at', s.verified_at, 'verification_error', s.verification_error,
               'state', s.state, 'state_reason', s.state_reason, 'state_changed_at', s.state_changed_at,
               'failing_since', (SELECT f.failing_since
                                   FROM subscription_health f
                                  WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id),
               'created_at', s.created_at, 'updated_at', s.updated_at)
      FROM (SELECT coalesce(json_object_agg(e.key, e.value) FILTER (WHERE NOT header_is_sensitive(e.key)), '{}') AS shown,
                   coalesce(json_agg(e.key) FILTER (WHERE header_is_sensitive(e.key)), '[]') AS hidden
              FROM json_each(s.headers) e) h
      LEFT JOIN subscription_credentials b ON b.tenant_id = s.tenant_id AND b.subscription_id = s.id
$$;
