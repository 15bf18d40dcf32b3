-- Paced resume: what was held is released in steps, into the subscription's lane (docs/adr/0022-lanes.md), however
-- much it is. Locks: none that anybody waits for. Time: instant.

-- A row for each subscription whose held messages are being released. Whoever writes it holds the subscription.
CREATE TABLE held_release (
    tenant_id       uuid NOT NULL,
    subscription_id uuid NOT NULL,
    due_at          timestamptz NOT NULL DEFAULT now(), -- the next step
    PRIMARY KEY (tenant_id, subscription_id)
) WITH (fillfactor = 50);
CREATE INDEX held_release_due ON held_release (due_at);

ALTER TABLE held_release ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON held_release TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON held_release TO hookline_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON held_release TO hookline_api, hookline_worker;

-- Who resumes wakes the lane.
GRANT INSERT (tenant_id, subscription_id),
      UPDATE (is_busy, next_at, n_turns, n_idle, max_in_flight, succeeded_at) ON lane TO hookline_api;
