-- Settings of how events become messages and how messages are sent: profiles of a tenant's own, what a
-- subscription may say for itself (filter, headers, overrides, limits, hold), secrets of a tenant,
-- wildcards of event types.
-- Locks: ACCESS EXCLUSIVE on tables that have a row per thing that somebody configured, for
-- milliseconds each; event_type is rewritten, subscription read once. No hot table is touched.

-- "invoice.line.paid" is selected by "invoice.line.paid", "invoice.line.*", "invoice.*" and "*".
CREATE FUNCTION event_type_patterns(name text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT ARRAY[event_type_patterns.name]
               || coalesce(array_agg(array_to_string(p.parts[1:n], '.') || '.*' ORDER BY n DESC), '{}')
               || ARRAY['*']
          FROM (SELECT string_to_array(event_type_patterns.name, '.') AS parts) p
         CROSS JOIN LATERAL generate_series(1, cardinality(p.parts) - 1) AS n);
ALTER TABLE event_type
    ADD COLUMN patterns text[] NOT NULL GENERATED ALWAYS AS (event_type_patterns(name)) STORED; -- fan-out compares these

ALTER TABLE tenant
    ADD COLUMN cool_off_s integer NOT NULL DEFAULT 0 CONSTRAINT tenant_cool_off CHECK (cool_off_s BETWEEN 0 AND 900), -- BQ-09
    ADD COLUMN base_url   text; -- the tenant's own API: links in envelopes begin with it

ALTER TABLE profile
    DROP CONSTRAINT profile_envelope,
    ADD CONSTRAINT profile_envelope CHECK (envelope IN ('standard', 'basecone', 'raw', 'basiq', 'acculynx', 'acculynx_table',
                                                        'cloudevents', 'cloudevents_binary')),
    ADD COLUMN signature text NOT NULL DEFAULT 'standard'
        CONSTRAINT profile_signature CHECK (signature IN ('standard', 'hmac_hex', 'hmac_base64')),
    ADD COLUMN secret_of text NOT NULL DEFAULT 'subscription'
        CONSTRAINT profile_secret_of CHECK (secret_of IN ('subscription', 'tenant')),
    ADD COLUMN starts text NOT NULL DEFAULT 'at_once'
        CONSTRAINT profile_starts CHECK (starts IN ('at_once', 'cool_off')), -- new subscriptions: see tenant.cool_off_s
    ADD COLUMN base text, -- the shipped profile that a tenant's own began as; NULL: it is shipped
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT profile_base CHECK ((base IS NULL) = (tenant_id = installation_id()));
INSERT INTO profile (tenant_id, name, envelope, signature, secret_of, starts, success, timeout_ms, schedule, jitter_percent,
                     on_401, on_410, retry_after_cap_ms)
SELECT installation_id(), s.name, s.envelope, s.signature, s.secret_of, s.starts, p.success, p.timeout_ms, p.schedule,
       p.jitter_percent, p.on_401, p.on_410, p.retry_after_cap_ms
  FROM (VALUES ('basekit', 'raw', 'hmac_hex', 'tenant', 'at_once'),
               ('basiq', 'basiq', 'standard', 'subscription', 'cool_off'),
               ('acculynx', 'acculynx', 'standard', 'subscription', 'at_once'),
               ('cloudevents', 'cloudevents', 'standard', 'subscription', 'at_once'))
       AS s (name, envelope, signature, secret_of, starts)
  JOIN profile p ON p.tenant_id = installation_id() AND p.name = 'standard';

-- All see the shipped ones, nobody changes them.
DROP POLICY own ON profile;
CREATE POLICY own ON profile TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY shipped ON profile FOR SELECT TO hookline_api USING (tenant_id = installation_id());
GRANT INSERT, UPDATE, DELETE ON profile TO hookline_api;

ALTER TABLE subscription
    DROP CONSTRAINT subscription_state,
    ADD CONSTRAINT subscription_state
        CHECK (state IN ('active', 'paused', 'held', 'unsubscribed', 'disabled', 'archived')),
    ADD COLUMN filter          text,        -- a predicate on the payload, see api/filter.h; NULL: every payload
    ADD COLUMN headers         json,        -- {"X-Name": "value"}: sent with each request
    ADD COLUMN overrides       json,        -- of single settings of the profile
    ADD COLUMN rate_per_second integer CONSTRAINT subscription_rate CHECK (rate_per_second BETWEEN 1 AND 1000),
    ADD COLUMN max_in_flight   integer CONSTRAINT subscription_in_flight CHECK (max_in_flight BETWEEN 1 AND 1000),
    ADD COLUMN ordered         boolean NOT NULL DEFAULT false,
    ADD COLUMN active_from     timestamptz; -- end of the cool-off: what is published before is sent then

ALTER TABLE subscription_credentials
    ADD COLUMN kind text NOT NULL DEFAULT 'basic'
        CONSTRAINT subscription_credentials_kind CHECK (kind IN ('basic', 'bearer')), -- a bearer's token is its password
    ALTER COLUMN username DROP NOT NULL,
    ADD CONSTRAINT subscription_credentials_username CHECK ((kind = 'basic') = (username IS NOT NULL));
GRANT SELECT (kind) ON subscription_credentials TO hookline_api;

-- A secret that all subscriptions of the tenant share whose profile says so (BK-06).
CREATE TABLE tenant_secret (
    tenant_id  uuid NOT NULL CONSTRAINT tenant_secret_tenant REFERENCES tenant,
    id         uuid NOT NULL DEFAULT uuid_v7(),
    secret     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz, -- NULL: live until rotated
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE tenant_secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenant_secret TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON tenant_secret TO hookline_worker USING (true);
CREATE POLICY delivery ON tenant FOR SELECT TO hookline_worker USING (true);
GRANT INSERT, DELETE, UPDATE (expires_at), SELECT (tenant_id, id, created_at, expires_at) ON tenant_secret TO hookline_api;
GRANT UPDATE (expires_at) ON subscription_secret TO hookline_api;
GRANT SELECT (tenant_id, base_url) ON tenant TO hookline_worker;

-- The worker forgets secrets that have expired.
GRANT SELECT, DELETE ON tenant_secret TO hookline_worker;
GRANT DELETE ON subscription_secret TO hookline_worker;
CREATE INDEX tenant_secret_expiry ON tenant_secret (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX subscription_secret_expiry ON subscription_secret (expires_at) WHERE expires_at IS NOT NULL;

-- Fan-out reads what it compares, not what is sent.
REVOKE SELECT ON subscription FROM hookline_ingest;
GRANT SELECT (tenant_id, id, app_id, event_types, filter, state, active_from) ON subscription TO hookline_ingest;
