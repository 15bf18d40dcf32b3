-- Backfill: a subscription gets events that were accepted before they would have become messages of it, in
-- steps that the worker carries out.
-- Locks: ACCESS EXCLUSIVE on message (and its partitions), connection: for milliseconds, no row is written.
-- Time: instant.

CREATE TABLE backfill (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuid_v7(),
    subscription_id uuid NOT NULL,
    reason          text NOT NULL CONSTRAINT backfill_reason CHECK (reason IN ('connected', 'event_types', 'requested', 'revived')),
    since           timestamptz NOT NULL, -- events that were accepted from then on, until it was asked for
    event_types     text[],               -- names and wildcards; NULL: all that the subscription selects
    company_ids     uuid[],               -- NULL: all that are connected
    max_events      integer NOT NULL CONSTRAINT backfill_max_events CHECK (max_events BETWEEN 1 AND 10000), -- the newest ones
    may_predate     boolean NOT NULL,     -- goes back to before connection.active_since: a tenant's admin asked for it
    state           text NOT NULL DEFAULT 'counting'
                    CONSTRAINT backfill_state CHECK (state IN ('counting', 'sending', 'finished', 'cancelled')),
    state_reason    text,
    cursor          uuid,                 -- an event: counting has come down to it, sending up to it; NULL: not begun
    n_looked_at     bigint NOT NULL DEFAULT 0,
    n_found         integer NOT NULL DEFAULT 0, -- by counting: without a message yet, filters not asked
    n_made          integer NOT NULL DEFAULT 0, -- messages
    n_filtered      integer NOT NULL DEFAULT 0, -- the subscription's filter says no
    n_pauses        integer NOT NULL DEFAULT 0, -- steps in a row that had to wait
    due_at          timestamptz DEFAULT now(),  -- of the next step; NULL: there is none
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT backfill_subscription FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription
);
CREATE INDEX backfill_of_subscription ON backfill (tenant_id, subscription_id, id);
CREATE INDEX backfill_due ON backfill (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX backfill_finished ON backfill (finished_at) WHERE finished_at IS NOT NULL;
ALTER TABLE backfill ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON backfill TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON backfill TO hookline_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON backfill TO hookline_api;
GRANT SELECT, UPDATE, DELETE ON backfill TO hookline_worker;

ALTER TABLE message
    ADD COLUMN origin      text, -- backfill or resend; NULL: live, the event was published
    ADD COLUMN backfill_id uuid; -- that made it
ALTER TABLE connection
    ADD COLUMN active_since timestamptz; -- the last time that it became active; NULL: before this column was there

-- The worker makes messages, as fan-out does.
CREATE POLICY delivery ON connection FOR SELECT TO hookline_worker USING (true);
CREATE POLICY delivery ON event_type FOR SELECT TO hookline_worker USING (true);
CREATE POLICY delivery ON skip TO hookline_worker USING (true);
GRANT SELECT ON connection, event_type TO hookline_worker;
GRANT SELECT, DELETE ON skip TO hookline_worker;
GRANT INSERT ON message, queue TO hookline_worker;
GRANT SELECT (state) ON tenant TO hookline_worker;
