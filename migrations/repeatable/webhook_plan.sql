-- What a request to a subscription is made of when no worker claims it: for tests and previews. worker/claim.sql says
-- the same of messages; the request itself is built by the same code (lib/envelope.c, lib/request.c).

-- How `s` is spoken to: its profile, with what it overrides.
CREATE OR REPLACE FUNCTION subscription_settings(s subscription) RETURNS profile
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found profile;
BEGIN
    SELECT p.* INTO found
      FROM profile p
     WHERE p.tenant_id IN (s.tenant_id, installation_id()) AND p.name = s.profile
     ORDER BY p.tenant_id DESC -- the tenant's own first
     LIMIT 1;
    found := profile_merge(found, s.overrides);
    found.timeout_ms := coalesce((s.overrides ->> 'timeout_ms')::integer, s.timeout_ms, found.timeout_ms);
    RETURN found;
END
$$;

-- The live secrets that sign, "<id>:<stored>" each, the newest first: those of the subscription or of the tenant.
CREATE OR REPLACE FUNCTION secrets_to_sign(tenant_id uuid, subscription_id uuid, secret_of text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT string_agg(k.id || ':' || k.secret, ' ' ORDER BY k.id DESC)
      FROM (SELECT o.id, o.secret
              FROM tenant_secret o
             WHERE o.tenant_id = $1 AND $3 = 'tenant' AND (o.expires_at IS NULL OR o.expires_at > now())
             UNION ALL
            SELECT o.id, o.secret
              FROM subscription_secret o
             WHERE o.tenant_id = $1 AND o.subscription_id = $2 AND $3 = 'subscription'
               AND (o.expires_at IS NULL OR o.expires_at > now())) k
$$;

-- Secrets and what else is sealed come as they are stored. With a token_url, username and password are the client's that an
-- access token is asked for. `s` need not be a stored subscription: one that has no id has
-- no secrets and no credentials.
DROP FUNCTION IF EXISTS webhook_plan(subscription);
CREATE OR REPLACE FUNCTION webhook_plan(s subscription)
RETURNS TABLE (profile text, envelope text, signature text, responses text, timeout_ms integer, base_url text,
               subscription_id uuid, url text, headers text, secret_of text, secrets text, username text, password text,
               token_url text, scope text, client_certificate text, client_key text, allows_http boolean, allowed_networks text, webhook_origin text)
LANGUAGE sql STABLE AS $$
    SELECT p.name, p.envelope, p.signature, p.responses, p.timeout_ms, t.base_url, s.id, s.url,
           (SELECT string_agg(h.key || ': ' || h.value, E'\n') FROM json_each_text(s.headers) h),
           p.secret_of, secrets_to_sign(s.tenant_id, s.id, p.secret_of),
           b.username, b.password, b.token_url, b.scope, s.client_certificate, s.client_key,
           t.allow_http, array_to_string(t.allowed_networks, ','), s.webhook_origin
      FROM subscription_settings(s) p
      JOIN tenant t ON t.tenant_id = s.tenant_id
      LEFT JOIN subscription_credentials b ON b.tenant_id = s.tenant_id AND b.subscription_id = s.id
$$;

-- The values of a connection (a version of them, NULL: the newest) that an event of that type carries.
CREATE OR REPLACE FUNCTION connection_values_for(tenant_id uuid, connection_id uuid, version integer, event_type text)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT values_shown($1, $2, v.version,
                        CASE WHEN v.applies IS NULL THEN v."values" ELSE custom_values_for(v."values", v.applies, $4) END)
      FROM connection c
      JOIN connection_values v ON v.tenant_id = $1 AND v.connection_id = c.id AND v.version = coalesce($3, c.values_version)
     WHERE c.tenant_id = $1 AND c.id = $2
$$;
