-- What waits for a subscription is held, cancelled, released and revived in steps (docs/adr/0038-queue-changes-in-steps.md).
-- Locks: ACCESS EXCLUSIVE on subscription for an instant (a column without a default). Time: instant.

-- A row for each change of what waits for a subscription that has not ended. Who works on it holds it.
CREATE TABLE queue_change (
    tenant_id       uuid NOT NULL,
    subscription_id uuid NOT NULL,
    kind            text NOT NULL CONSTRAINT queue_change_kind CHECK (kind IN ('state', 'cancel', 'revive')),
    target_id       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- cancel: whose; of one connection or backfill
    reason          text,        -- cancel: the messages' status_reason; revive: that of the stop
    as_of           timestamptz, -- revive: when the stop was
    from_id         uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- the next message to be looked at
    since           timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(), -- the next step
    PRIMARY KEY (tenant_id, subscription_id, kind, target_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_change_due ON queue_change (due_at);
CREATE INDEX queue_change_cancel ON queue_change (tenant_id, target_id) WHERE kind = 'cancel'; -- nearly always empty

ALTER TABLE queue_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON queue_change TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON queue_change TO hookline_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_change TO hookline_api, hookline_worker;

-- The oldest message that waited when a subscription was stopped: a revival looks for what was cancelled from there.
ALTER TABLE subscription ADD COLUMN cancelled_from uuid;
GRANT UPDATE (cancelled_from) ON subscription TO hookline_worker;

-- Was made for the resume alone; the functions of this version do not use it, a later one drops it.
INSERT INTO queue_change (tenant_id, subscription_id, kind) SELECT r.tenant_id, r.subscription_id, 'state' FROM held_release r;
DELETE FROM held_release;
