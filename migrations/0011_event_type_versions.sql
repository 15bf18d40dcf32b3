-- The schemas that an event type has had: a receiver that was built for one can still read it.
-- Locks: SHARE ROW EXCLUSIVE on event_type, for the foreign key. Time: one row for each event type.

CREATE TABLE event_type_version (
    tenant_id  uuid NOT NULL,
    name       text NOT NULL,
    version    integer NOT NULL,
    schema     json,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name, version),
    CONSTRAINT event_type_version_event_type FOREIGN KEY (tenant_id, name) REFERENCES event_type
);
ALTER TABLE event_type_version ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON event_type_version TO hookline_api USING (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, DELETE ON event_type_version TO hookline_api;

INSERT INTO event_type_version (tenant_id, name, version, schema, created_at)
SELECT t.tenant_id, t.name, t.version, t.schema, t.updated_at FROM event_type t;
