-- What partners and tenant admins keep: apps, custom fields, companies, connections, event types,
-- profiles, subscriptions.
-- Locks: none, all new. Time: instant.

CREATE TABLE app (
    tenant_id   uuid NOT NULL CONSTRAINT app_tenant REFERENCES tenant,
    id          uuid NOT NULL DEFAULT uuid_v7(),
    partner     text NOT NULL,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'active' CONSTRAINT app_state CHECK (state IN ('active', 'archived')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX app_partner ON app (tenant_id, partner, id);

CREATE TABLE custom_field (
    tenant_id  uuid NOT NULL,
    app_id     uuid NOT NULL,
    key        text NOT NULL, -- the member's name in custom_fields
    position   integer NOT NULL,
    label      text NOT NULL,
    help       text NOT NULL DEFAULT '',
    type       text NOT NULL CONSTRAINT custom_field_type CHECK (type IN ('text', 'number', 'date', 'boolean', 'choice')),
    required   boolean NOT NULL DEFAULT false,
    max_length integer NOT NULL DEFAULT 1000, -- characters of a text
    choices    text[],                        -- of a choice
    PRIMARY KEY (tenant_id, app_id, key),
    CONSTRAINT custom_field_app FOREIGN KEY (tenant_id, app_id) REFERENCES app,
    CONSTRAINT custom_field_choices CHECK ((type = 'choice') = (choices IS NOT NULL))
);

CREATE TABLE company (
    tenant_id   uuid NOT NULL CONSTRAINT company_tenant REFERENCES tenant,
    id          uuid NOT NULL DEFAULT uuid_v7(),
    external_id text NOT NULL, -- the tenant's own id of it
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT company_external_id UNIQUE (tenant_id, external_id)
);

CREATE TABLE connection (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL DEFAULT uuid_v7(),
    app_id         uuid NOT NULL,
    company_id     uuid NOT NULL,
    state          text NOT NULL CONSTRAINT connection_state
                   CHECK (state IN ('incomplete', 'active', 'paused', 'disconnected')),
    values_version integer NOT NULL DEFAULT 1, -- of connection_values: the version that new events carry
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT connection_company_app UNIQUE (tenant_id, company_id, app_id),
    CONSTRAINT connection_app FOREIGN KEY (tenant_id, app_id) REFERENCES app,
    CONSTRAINT connection_company FOREIGN KEY (tenant_id, company_id) REFERENCES company
);
CREATE INDEX connection_of_app ON connection (tenant_id, app_id, id);

-- The custom-field values of a connection, one row per version; versions never change, so that
-- every retry of a message carries the same bytes (BC-12).
CREATE TABLE connection_values (
    tenant_id     uuid NOT NULL,
    connection_id uuid NOT NULL,
    version       integer NOT NULL,
    "values"      text NOT NULL, -- a JSON object, sent as it is
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id, version),
    CONSTRAINT connection_values_connection FOREIGN KEY (tenant_id, connection_id) REFERENCES connection
);

CREATE TABLE event_type (
    tenant_id   uuid NOT NULL CONSTRAINT event_type_tenant REFERENCES tenant,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    schema      json,
    sample      json,
    enrichable  boolean NOT NULL DEFAULT false, -- its messages carry custom values (BC-09)
    version     integer NOT NULL DEFAULT 1,
    state       text NOT NULL DEFAULT 'active' CONSTRAINT event_type_state CHECK (state IN ('active', 'deprecated')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

-- How a subscription is spoken to. The shipped ones belong to the installation (directory rows).
CREATE TABLE profile (
    tenant_id          uuid NOT NULL CONSTRAINT profile_tenant REFERENCES tenant,
    name               text NOT NULL,
    envelope           text NOT NULL CONSTRAINT profile_envelope CHECK (envelope IN ('standard', 'basecone')),
    success            text NOT NULL CONSTRAINT profile_success CHECK (success IN ('2xx', '200')),
    timeout_ms         integer NOT NULL CONSTRAINT profile_timeout CHECK (timeout_ms BETWEEN 1000 AND 30000),
    schedule           text NOT NULL, -- delays before the 2nd, 3rd, ... attempt: "5s 5m 2h", "1h*168"
    jitter_percent     integer NOT NULL CONSTRAINT profile_jitter CHECK (jitter_percent BETWEEN 0 AND 100),
    on_401             text NOT NULL CONSTRAINT profile_on_401 CHECK (on_401 IN ('fail', 'unsubscribe')),
    on_410             text NOT NULL CONSTRAINT profile_on_410 CHECK (on_410 IN ('fail', 'disable')),
    retry_after_cap_ms bigint NOT NULL, -- a receiver's Retry-After counts up to this
    PRIMARY KEY (tenant_id, name)
);
INSERT INTO profile VALUES
    (installation_id(), 'standard', 'standard', '2xx', 15000, '5s 5m 30m 2h 5h 10h 14h 20h 24h', 20,
     'fail', 'disable', 86400000),
    (installation_id(), 'basecone', 'basecone', '200', 5000, '1h*168', 0,
     'unsubscribe', 'fail', 3600000);

CREATE TABLE subscription (
    tenant_id        uuid NOT NULL,
    id               uuid NOT NULL DEFAULT uuid_v7(),
    app_id           uuid NOT NULL,
    url              text NOT NULL,
    description      text NOT NULL DEFAULT '',
    event_types      text[] NOT NULL,
    profile          text NOT NULL DEFAULT 'standard',
    timeout_ms       integer CONSTRAINT subscription_timeout CHECK (timeout_ms BETWEEN 1000 AND 30000), -- NULL: the profile's
    state            text NOT NULL DEFAULT 'active' CONSTRAINT subscription_state
                     CHECK (state IN ('active', 'paused', 'unsubscribed', 'disabled', 'archived')),
    state_reason     text,
    state_changed_at timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT subscription_app FOREIGN KEY (tenant_id, app_id) REFERENCES app
);
CREATE INDEX subscription_of_app ON subscription (tenant_id, app_id, id);

-- Secrets stand apart from what the API may read: it can write them and never see them again.
CREATE TABLE subscription_secret (
    tenant_id       uuid NOT NULL,
    subscription_id uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuid_v7(),
    secret          text NOT NULL, -- "whsec_..."
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,   -- NULL: live until rotated
    PRIMARY KEY (tenant_id, subscription_id, id),
    CONSTRAINT subscription_secret_subscription FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription
);

CREATE TABLE subscription_credentials (
    tenant_id       uuid NOT NULL,
    subscription_id uuid NOT NULL,
    username        text NOT NULL,
    password        text NOT NULL, -- sent as HTTP Basic (BC-30)
    PRIMARY KEY (tenant_id, subscription_id),
    CONSTRAINT subscription_credentials_subscription FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['app', 'custom_field', 'company', 'connection', 'connection_values', 'event_type',
                                'subscription', 'subscription_secret', 'subscription_credentials']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO hookline_api USING (tenant_id = current_tenant_id())', name);
    END LOOP;
    -- Fan-out and delivery work on many tenants at once; each of their statements joins on the tenant.
    FOREACH name IN ARRAY ARRAY['company', 'connection', 'event_type', 'subscription']
    LOOP
        EXECUTE format('CREATE POLICY fan_out ON %I FOR SELECT TO hookline_ingest USING (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['company', 'connection_values', 'subscription', 'subscription_secret', 'subscription_credentials']
    LOOP
        EXECUTE format('CREATE POLICY delivery ON %I TO hookline_worker USING (true)', name);
    END LOOP;
END
$$;
ALTER TABLE profile ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON profile TO hookline_api
    USING (tenant_id IN (current_tenant_id(), installation_id())) WITH CHECK (tenant_id = current_tenant_id());
CREATE POLICY delivery ON profile FOR SELECT TO hookline_worker USING (true);

GRANT SELECT, INSERT, UPDATE ON app, company, connection, event_type, subscription TO hookline_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON custom_field TO hookline_api;
GRANT SELECT, INSERT ON connection_values TO hookline_api;
GRANT SELECT ON profile TO hookline_api;
GRANT INSERT, DELETE, SELECT (tenant_id, subscription_id, id, created_at, expires_at) ON subscription_secret TO hookline_api;
GRANT INSERT, DELETE, UPDATE, SELECT (tenant_id, subscription_id, username) ON subscription_credentials TO hookline_api;

GRANT SELECT ON company, connection, event_type, subscription TO hookline_ingest;
GRANT SELECT ON company, connection_values, profile, subscription, subscription_secret, subscription_credentials TO hookline_worker;
GRANT UPDATE (state, state_reason, state_changed_at, updated_at) ON subscription TO hookline_worker;
