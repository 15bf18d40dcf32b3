-- Lanes: a line of its own for the messages of a subscription that is limited, ordered, slow or failing, so that
-- it never stands before the others. See docs/adr/0022-lanes.md.
-- Locks: ACCESS EXCLUSIVE on queue and subscription for an instant (columns with a constant default), then SHARE on
-- queue, which stops publishing and sending, while two indexes are built: about 5 s for each 10 million rows that
-- wait. A worker of the version before goes on, but finds no index for its claim: change the workers first when
-- very much waits.

ALTER TABLE queue ADD COLUMN laned boolean NOT NULL DEFAULT false; -- waits in its subscription's lane
DROP INDEX queue_due;
CREATE INDEX queue_due ON queue (due_at) WHERE NOT laned;
CREATE INDEX queue_lane ON queue (tenant_id, subscription_id, leased, due_at) WHERE laned;

ALTER TABLE subscription
    ADD COLUMN ordered_on_failure text NOT NULL DEFAULT 'hold'
        CONSTRAINT subscription_ordered_on_failure CHECK (ordered_on_failure IN ('hold', 'skip'));

-- One row per subscription that has messages in a lane, or had some lately. Written by claims only, which are short
-- and not durable: what a crash takes back, it takes back together with the claims.
CREATE TABLE lane (
    tenant_id       uuid NOT NULL,
    subscription_id uuid NOT NULL,
    is_busy         boolean NOT NULL DEFAULT true,       -- what becomes due meanwhile has to wait in the lane, too
    next_at         timestamptz NOT NULL DEFAULT now(),  -- when a worker looks here next; infinity: nothing waits
    n_turns         integer NOT NULL DEFAULT 0,          -- counts the writes: whoever locks it knows what he has read
    n_idle          integer NOT NULL DEFAULT 0,          -- looks in a row that found nothing due
    max_in_flight   integer NOT NULL DEFAULT 8,          -- grows with successes, shrinks with failures
    tokens          double precision NOT NULL DEFAULT 1, -- of rate_per_second, as of refilled_at
    refilled_at     timestamptz NOT NULL DEFAULT now(),
    failure_cost    integer NOT NULL DEFAULT 0,          -- of the failures since the last success
    pause_ms        integer NOT NULL DEFAULT 0,          -- of the circuit; 0: closed
    paused_until    timestamptz NOT NULL DEFAULT '-infinity',
    succeeded_at    timestamptz,                         -- NULL: not since the lane was made
    since           timestamptz NOT NULL DEFAULT now(),  -- of what delivery_json() calls its state
    PRIMARY KEY (tenant_id, subscription_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lane_next ON lane (next_at);

ALTER TABLE lane ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON lane TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY fan_out ON lane FOR SELECT TO hookline_ingest USING (true);
CREATE POLICY delivery ON lane TO hookline_worker USING (true);
GRANT SELECT ON lane TO hookline_api;
GRANT SELECT (tenant_id, subscription_id, is_busy) ON lane TO hookline_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON lane TO hookline_worker;
