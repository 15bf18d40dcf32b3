-- The hot part: events, messages, the queue, attempts, skips. All but the queue and the event keys
-- are range-partitioned by the time inside a UUIDv7 (partition_create() makes the partitions);
-- retention will drop partitions, so nothing here has a foreign key: the ingest statement makes
-- these rows together, from rows that are archived and never deleted.
-- Locks: none, all new. Time: instant.

CREATE TABLE event (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL, -- its time is when the event was accepted
    event_type  text NOT NULL,
    company_id  uuid NOT NULL,
    external_id text,          -- the producer's own id, see event_key
    occurred_at text,          -- RFC 3339 exactly as the producer gave it (AL-05)
    payload     text NOT NULL, -- the producer's own bytes: never jsonb, which rewrites them
    traceparent text,          -- W3C Trace Context
    PRIMARY KEY (tenant_id, id)
) PARTITION BY RANGE (id);

-- The producer's ids, so that publishing twice makes one event.
CREATE TABLE event_key (
    tenant_id   uuid NOT NULL,
    external_id text NOT NULL,
    event_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, external_id)
);

CREATE TABLE message (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL, -- message_id(event_id, subscription_id)
    event_id        uuid NOT NULL,
    subscription_id uuid NOT NULL,
    connection_id   uuid NOT NULL,
    values_version  integer,       -- of connection_values; NULL: the event type is not enrichable
    status          text NOT NULL DEFAULT 'pending' CONSTRAINT message_status
                    CHECK (status IN ('pending', 'succeeded', 'failed', 'cancelled', 'held')), -- sending: see queue
    status_reason   text,
    attempts        integer NOT NULL DEFAULT 0, -- exact once the message has left the queue
    finished_at     timestamptz,
    PRIMARY KEY (tenant_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX message_of_subscription ON message (tenant_id, subscription_id, id);

-- One narrow row per unfinished message; deleted when it is final. Everything a claim writes is here.
CREATE TABLE queue (
    tenant_id       uuid NOT NULL,
    subscription_id uuid NOT NULL,
    message_id      uuid NOT NULL,
    due_at          timestamptz NOT NULL DEFAULT now(), -- next attempt; while leased: end of the lease; infinity: held
    leased          boolean NOT NULL DEFAULT false,
    fence           integer NOT NULL DEFAULT 0,         -- grows with each claim; a record must name it
    attempts        integer NOT NULL DEFAULT 0,         -- recorded so far
    schedule_from   integer NOT NULL DEFAULT 0,         -- attempts when the schedule (re)started
    PRIMARY KEY (tenant_id, subscription_id, message_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_due ON queue (due_at);

CREATE TABLE attempt (
    tenant_id          uuid NOT NULL,
    message_id         uuid NOT NULL,
    attempt_no         integer NOT NULL, -- 1 is the first
    started_at         timestamptz NOT NULL,
    url                text NOT NULL,
    outcome            text NOT NULL, -- succeeded, or the class of failure: http_status, timeout, dns, ...
    status_code        integer,       -- NULL: no answer
    duration_us        bigint NOT NULL,
    dns_us             bigint,        -- end of each phase, from the start; NULL: not reached
    connect_us         bigint,
    tls_us             bigint,
    first_byte_us      bigint,
    remote_address     text,
    error              text,          -- in words
    response_headers   text,
    response_body      bytea,         -- the first bytes of it
    response_truncated boolean NOT NULL DEFAULT false,
    worker             text NOT NULL,
    PRIMARY KEY (tenant_id, message_id, attempt_no)
) PARTITION BY RANGE (message_id);

-- Why an event did not become a message for a subscription of a connected app.
CREATE TABLE skip (
    tenant_id       uuid NOT NULL,
    event_id        uuid NOT NULL,
    subscription_id uuid NOT NULL,
    connection_id   uuid NOT NULL,
    reason          text NOT NULL,
    PRIMARY KEY (tenant_id, event_id, subscription_id)
) PARTITION BY RANGE (event_id);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['event', 'event_key', 'message', 'queue', 'attempt', 'skip']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO hookline_api USING (tenant_id = current_tenant_id())', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['event', 'event_key', 'message', 'queue', 'skip']
    LOOP
        EXECUTE format('CREATE POLICY fan_out ON %I TO hookline_ingest USING (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['event', 'message', 'queue', 'attempt']
    LOOP
        EXECUTE format('CREATE POLICY delivery ON %I TO hookline_worker USING (true)', name);
    END LOOP;
END
$$;

-- Rights are granted on the parents only: a partition addressed directly would skip the policies.
GRANT SELECT ON event, event_key, attempt, skip TO hookline_api;
GRANT SELECT, UPDATE ON message TO hookline_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue TO hookline_api;
GRANT INSERT ON event, message, skip TO hookline_ingest;
GRANT SELECT, INSERT, UPDATE ON event_key TO hookline_ingest;
GRANT SELECT, INSERT ON queue TO hookline_ingest;
GRANT SELECT ON event TO hookline_worker;
GRANT SELECT, UPDATE ON message TO hookline_worker;
GRANT SELECT, UPDATE, DELETE ON queue TO hookline_worker;
GRANT INSERT ON attempt TO hookline_worker;
