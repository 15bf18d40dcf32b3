-- How long a tenant's payloads, messages and attempts are kept, and what the workers know of it (docs/adr/0031-retention.md).
-- Locks: tenant and event (with its partitions) ACCESS EXCLUSIVE for milliseconds, no row is written;
-- connection_values SHARE while a small index is built. Time: instant.

ALTER TABLE tenant
    ADD COLUMN retention_payload_days integer NOT NULL DEFAULT 30,
    ADD COLUMN retention_message_days integer NOT NULL DEFAULT 90,
    ADD COLUMN retention_attempt_days integer NOT NULL DEFAULT 90,
    ADD COLUMN retention_max_days     integer NOT NULL DEFAULT 400, -- the most that its admin may ask for
    ADD CONSTRAINT tenant_retention
        CHECK (1 <= retention_payload_days AND retention_payload_days <= retention_attempt_days
               AND retention_attempt_days <= retention_message_days);
GRANT SELECT (tenant_id, retention_payload_days, retention_message_days, retention_attempt_days) ON tenant TO hookline_worker;

-- A payload that is gone is the JSON null, so that whoever reads it reads JSON.
ALTER TABLE event
    ADD COLUMN payload_state   text, -- expired or expunged; NULL: it is there
    ADD COLUMN payload_gone_at timestamptz;

-- How far each tenant has been walked: events (of attempts: their events) up to that id have been seen to.
CREATE TABLE retention (
    tenant_id      uuid PRIMARY KEY,
    payload_cursor uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    attempt_cursor uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    message_cursor uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    due_at         timestamptz NOT NULL DEFAULT now() -- of the next step
) WITH (fillfactor = 50);
CREATE INDEX retention_due ON retention (due_at);

-- What was to be forgotten and waits for its delivery, still: looked at again now and then.
CREATE TABLE retained_event (
    tenant_id uuid NOT NULL,
    event_id  uuid NOT NULL,
    looked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, event_id)
);
CREATE INDEX retained_event_turn ON retained_event (tenant_id, looked_at);

-- The weeks that are as old as to be dropped, if all tenants agree. Of the whole cell, not of a tenant.
CREATE TABLE retention_week (
    monday       timestamptz PRIMARY KEY,
    is_droppable boolean NOT NULL,       -- nobody wants anything of it: it is not deleted row by row
    key_tenant   uuid,                   -- the event keys of its events are gone up to this event
    key_event    uuid,
    has_keys     boolean NOT NULL DEFAULT true
);

ALTER TABLE retention ENABLE ROW LEVEL SECURITY;
ALTER TABLE retained_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE retention_week ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON retention TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY own ON retained_event TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON retention TO hookline_worker USING (true);
CREATE POLICY delivery ON retained_event TO hookline_worker USING (true);
CREATE POLICY delivery ON retention_week FOR SELECT TO hookline_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON retention, retained_event TO hookline_worker;
GRANT SELECT ON retention_week TO hookline_worker;

-- Who deletes, and who holds an event while a message of it is put into the queue: see event_share().
CREATE POLICY retention ON event_key FOR DELETE TO hookline_worker USING (true);
GRANT DELETE ON event_key TO hookline_worker;
GRANT UPDATE (payload, payload_state, payload_gone_at), DELETE ON event TO hookline_worker;
GRANT UPDATE (payload, payload_state, payload_gone_at) ON event TO hookline_api;
GRANT DELETE ON message TO hookline_worker;
GRANT DELETE ON attempt TO hookline_worker;

-- Versions of custom values that no message of the retention's time can carry.
ALTER TABLE connection_values ADD COLUMN has_forgotten boolean NOT NULL DEFAULT false; -- those before it are gone
CREATE INDEX connection_values_unforgotten ON connection_values (tenant_id, created_at)
    WHERE version > 1 AND has_swept AND NOT has_forgotten;
GRANT UPDATE (has_forgotten) ON connection_values TO hookline_worker;
