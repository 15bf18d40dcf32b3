-- Roll-ups of the log: counts and latencies by minute, hour and day, which workers keep (docs/adr/0032-roll-ups.md).
-- Locks: none that matter; what was there before is rolled up by the workers, in steps. Time: instant, but for finding
-- out whether there is any log at all.

CREATE TABLE stat (
    tenant_id         uuid NOT NULL,
    grain             text NOT NULL CONSTRAINT stat_grain CHECK (grain IN ('minute', 'hour', 'day')),
    app_id            uuid NOT NULL, -- of what: all zero with subscription and type '': all of the tenant; see stat_spread()
    subscription_id   uuid NOT NULL,
    event_type        text NOT NULL,
    at                timestamptz NOT NULL,         -- the minute, hour or day (UTC) that begins then
    n_events          bigint NOT NULL DEFAULT 0,    -- accepted; of the tenant and its types only
    n_messages        bigint NOT NULL DEFAULT 0,    -- that they became at once
    skips             jsonb,                        -- {"filter_false": 3}; NULL: none, as the next
    n_attempts        bigint NOT NULL DEFAULT 0,    -- begun then
    n_succeeded       bigint NOT NULL DEFAULT 0,
    failures          jsonb,                        -- {"http_5xx": 1, "timeout": 2}
    latency_succeeded integer[],                    -- how many took how long: see latency_bin(); NULL: none
    latency_failed    integer[],
    PRIMARY KEY (tenant_id, grain, app_id, subscription_id, event_type, at)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX stat_age ON stat (grain, at); -- what has had its time

-- How far the workers are. One row, which whoever takes a step locks: a step is counted with it, or not at all.
CREATE TABLE stat_progress (
    tenant_id       uuid PRIMARY KEY,               -- the installation's
    mark_at         timestamptz NOT NULL, -- all that was begun before is written when mark_xid and
    mark_xid        xid8 NOT NULL DEFAULT pg_snapshot_xmax(pg_current_snapshot()), -- all before it have ended
    settled_to      timestamptz NOT NULL DEFAULT '-infinity', -- the last mark of which that was true
    attempts_to     timestamptz NOT NULL,           -- recorded before it: rolled up, but for the history
    attempts_span   interval NOT NULL DEFAULT '1 minute', -- of the next step
    events_to       timestamptz NOT NULL,           -- accepted before it: rolled up, with their messages and skips
    events_span     interval NOT NULL DEFAULT '1 hour',
    history_before  timestamptz NOT NULL,           -- attempts recorded before it are walked by their key
    history_tenant  uuid,                           -- the last one that was; NULL: all were
    history_message uuid,
    history_no      integer
);
INSERT INTO stat_progress (tenant_id, mark_at, attempts_to, events_to, history_before, history_tenant, history_message, history_no)
SELECT installation_id(), '-infinity', now(), CASE WHEN e.any THEN now() - interval '400 days' ELSE now() END, now(),
       CASE WHEN e.any THEN installation_id() END, installation_id(), 0
  FROM (SELECT EXISTS (SELECT FROM event) AS any) e;

-- What is counted: n times a measure (event, message, skip, attempt), with its reason or class, and how long it took.
CREATE TYPE stat_fact AS (
    tenant_id       uuid,
    app_id          uuid,
    subscription_id uuid,
    event_type      text,
    at              timestamptz,
    measure         text,
    detail          text,
    bin             integer,
    n               bigint
);

CREATE TYPE stat_place AS (tenant_id uuid, message_id uuid, attempt_no integer); -- in the history

ALTER TABLE stat ENABLE ROW LEVEL SECURITY;
ALTER TABLE stat_progress ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON stat FOR SELECT TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON stat TO hookline_worker USING (true);
CREATE POLICY own ON stat_progress FOR SELECT TO hookline_api USING (current_tenant_id() IS NOT NULL);
CREATE POLICY delivery ON stat_progress TO hookline_worker USING (true);
GRANT SELECT ON stat TO hookline_api;
GRANT SELECT (tenant_id, attempts_to, events_to, history_tenant) ON stat_progress TO hookline_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON stat TO hookline_worker;
GRANT SELECT, UPDATE ON stat_progress TO hookline_worker;
GRANT SELECT (tenant_id, message_id, attempt_no, started_at, outcome, status_code, duration_us, recorded_at) ON attempt
   TO hookline_worker;
GRANT SELECT (tenant_id) ON tenant TO hookline_worker;
