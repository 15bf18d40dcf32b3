-- Flows: what comes in at an address, is checked, queued and worked on step by step. See docs/adr/0039-flows.md.
-- Locks: ACCESS EXCLUSIVE on subscription, event, attempt and queue (with their partitions) for milliseconds: columns that
-- are NULL or have a constant default, no row is written; subscription is read once for its constraint. Time: instant.

-- A flow stands among the subscriptions with its own id, so that queue, lanes, claims and the log have nothing to learn.
-- Its url is 'flow:<id>' (nobody calls it), its event_types are none: nothing is ever fanned out to it.
ALTER TABLE subscription
    ADD COLUMN kind text NOT NULL DEFAULT 'delivery' CONSTRAINT subscription_kind CHECK (kind IN ('delivery', 'flow'));

CREATE TABLE flow (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuid_v7(),
    app_id          uuid NOT NULL,
    name            text NOT NULL,
    state           text NOT NULL DEFAULT 'running' CONSTRAINT flow_state CHECK (state IN ('running', 'stopped', 'archived')),
    token           text NOT NULL,     -- base64url of 16 random bytes: what makes its URL unguessable, see hk/flow_key.h
    methods         text[] NOT NULL DEFAULT '{POST}',
    credential      json NOT NULL,     -- hk/inbound_credential.h, without its secrets
    answer          json NOT NULL,     -- {"status", "headers", "content_type", "body"}: given when the request is queued
    content_types   text[],            -- NULL: any
    max_body_bytes  integer NOT NULL DEFAULT 1048576,
    rate_per_second integer,           -- of requests, asked before the credential is checked; NULL: as the tenant's
    delivery        text NOT NULL DEFAULT 'steps' CONSTRAINT flow_delivery CHECK (delivery IN ('steps', 'pull')),
    max_receives    integer,           -- of a pull flow: how often a run is given out; NULL: until it is acknowledged
    steps           json NOT NULL DEFAULT '[]', -- hk/flow_steps.h, without its secrets
    version         integer NOT NULL DEFAULT 1, -- grows with each change of the row
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT flow_app FOREIGN KEY (tenant_id, app_id) REFERENCES app,
    CONSTRAINT flow_subscription FOREIGN KEY (tenant_id, id) REFERENCES subscription
);
CREATE UNIQUE INDEX flow_name ON flow (tenant_id, app_id, name) WHERE state <> 'archived';
CREATE INDEX flow_of_app ON flow (tenant_id, app_id, id);

-- A run goes by the steps that the flow had when its request came: those of the greatest version that is not above it.
CREATE TABLE flow_version (
    tenant_id  uuid NOT NULL,
    flow_id    uuid NOT NULL,
    version    integer NOT NULL,
    steps      json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, flow_id, version),
    CONSTRAINT flow_version_flow FOREIGN KEY (tenant_id, flow_id) REFERENCES flow
);

-- Sealed (hk/stored_secrets.h): 'credential', 'credential.old' and 'step.<name of the step>'. Who writes never reads them.
CREATE TABLE flow_secret (
    tenant_id  uuid NOT NULL,
    flow_id    uuid NOT NULL,
    name       text NOT NULL,
    secret     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz, -- NULL: live until it is replaced
    PRIMARY KEY (tenant_id, flow_id, name),
    CONSTRAINT flow_secret_flow FOREIGN KEY (tenant_id, flow_id) REFERENCES flow
);

-- How far a run has come that has not ended: none before the first step is recorded, none behind the last.
CREATE TABLE run (
    tenant_id  uuid NOT NULL,
    message_id uuid NOT NULL,
    flow_id    uuid NOT NULL,
    version    integer NOT NULL, -- of the flow: whose steps it goes by
    step_no    integer NOT NULL, -- the next one to be carried out, 0 is the first
    value      text,             -- JSON: what the steps work on; NULL: the request's body
    outputs    text NOT NULL DEFAULT '{}', -- JSON: {"<name of a step>": its output}
    wait_key   text,             -- of a wait step that waits
    wait_until timestamptz,
    PRIMARY KEY (tenant_id, message_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX run_waiting ON run (tenant_id, flow_id, wait_key) WHERE wait_key IS NOT NULL;

-- A request at /in/<key>/wait/<correlation key>, until a run takes it.
CREATE TABLE flow_signal (
    tenant_id   uuid NOT NULL,
    flow_id     uuid NOT NULL,
    wait_key    text NOT NULL,
    event_id    uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, flow_id, wait_key, event_id)
);
CREATE INDEX flow_signal_received ON flow_signal (received_at);

ALTER TABLE event
    ADD COLUMN body    bytea, -- of a request to a flow that is no JSON: payload is the JSON null then
    ADD COLUMN request json;  -- of a request to a flow, see docs/flows.md; NULL: the event was published
ALTER TABLE attempt
    ADD COLUMN step_no     integer, -- of a run; NULL: of a message that is sent
    ADD COLUMN step_name   text,
    ADD COLUMN step_value  text,   -- JSON: what the steps behind it work on, NULL: what those before it did; reruns begin there
    ADD COLUMN step_output text;   -- JSON: what $steps.<name> is behind it; NULL: it has to be carried out again
ALTER TABLE queue
    ADD COLUMN pulled_until timestamptz; -- of a pull flow: a consumer's until then; due_at is infinity: no worker sees it

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['flow', 'flow_version', 'flow_secret', 'run', 'flow_signal']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO hookline_api USING (tenant_id = current_tenant_id())', name);
        EXECUTE format('CREATE POLICY delivery ON %I TO hookline_worker USING (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['flow', 'run', 'flow_signal']
    LOOP
        EXECUTE format('CREATE POLICY receiving ON %I TO hookline_ingest USING (true)', name);
    END LOOP;
    BEGIN -- the step `emit` publishes as who receives: taken on by "-c role=", never inherited
        ALTER ROLE hookline_worker NOINHERIT;
        GRANT hookline_ingest TO hookline_worker;
    EXCEPTION WHEN OTHERS THEN
        IF NOT pg_has_role('hookline_worker', 'hookline_ingest', 'MEMBER') THEN
            RAISE;
        END IF;
    END;
END
$$;
CREATE POLICY receiving ON flow_secret FOR SELECT TO hookline_ingest USING (name IN ('credential', 'credential.old'));

GRANT SELECT, INSERT, UPDATE ON flow TO hookline_api;
GRANT SELECT, INSERT, DELETE ON flow_version TO hookline_api;
GRANT INSERT, UPDATE, DELETE, SELECT (tenant_id, flow_id, name, created_at, expires_at) ON flow_secret TO hookline_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON run TO hookline_api;
GRANT SELECT, DELETE ON flow_signal TO hookline_api;
GRANT INSERT ON attempt TO hookline_api; -- what a consumer of a pull flow says

GRANT SELECT (kind) ON subscription TO hookline_ingest, hookline_worker;
GRANT SELECT ON flow, flow_secret, run TO hookline_ingest;
GRANT SELECT, INSERT ON flow_signal TO hookline_ingest;
GRANT UPDATE (due_at) ON queue TO hookline_ingest; -- of a run that a signal wakes

GRANT SELECT ON flow, flow_version, flow_secret TO hookline_worker;
GRANT UPDATE (secret) ON flow_secret TO hookline_worker; -- sealed anew under another master key
GRANT SELECT, INSERT, UPDATE, DELETE ON run TO hookline_worker;
GRANT SELECT, DELETE ON flow_signal TO hookline_worker;

-- What is forgotten with the payload.
GRANT UPDATE (body, request) ON event TO hookline_api, hookline_worker;
GRANT UPDATE (step_value, step_output) ON attempt TO hookline_api, hookline_worker;
