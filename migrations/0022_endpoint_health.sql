-- Endpoint health: since when a subscription has had nothing but failures, and for how many hours its
-- profile lets that go on (docs/adr/0025).
-- Locks: profile ACCESS EXCLUSIVE for an instant, no rewrite. No hot table is touched. Time: instant.

ALTER TABLE profile -- hours; 0: never
    ADD COLUMN failing_after_h integer NOT NULL DEFAULT 24
        CONSTRAINT profile_failing_after CHECK (failing_after_h BETWEEN 0 AND 2160), -- an operational event
    ADD COLUMN disable_after_h integer NOT NULL DEFAULT 120
        CONSTRAINT profile_disable_after CHECK (disable_after_h BETWEEN 0 AND 2160);
UPDATE profile p SET disable_after_h = 0 WHERE coalesce(p.base, p.name) = 'basecone'; -- a week of retries is promised

-- A row for each subscription whose last attempt has failed, and for no other.
CREATE TABLE subscription_health (
    tenant_id       uuid NOT NULL,
    subscription_id uuid NOT NULL,
    failing_since   timestamptz NOT NULL DEFAULT now(), -- the first failure since the last success
    last_failed_at  timestamptz NOT NULL DEFAULT now(), -- to a second
    warned_at       timestamptz,                        -- subscription.failing has been told
    check_at        timestamptz NOT NULL DEFAULT now(), -- when a worker looks at it next
    PRIMARY KEY (tenant_id, subscription_id)
) WITH (fillfactor = 50);
CREATE INDEX subscription_health_due ON subscription_health (check_at);

ALTER TABLE subscription_health ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON subscription_health TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON subscription_health TO hookline_worker USING (true);
GRANT SELECT, DELETE ON subscription_health TO hookline_api; -- revived: as if nothing had been
GRANT SELECT, INSERT, UPDATE, DELETE ON subscription_health TO hookline_worker;
