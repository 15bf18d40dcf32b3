-- How much a tenant and a key may ask for: requests per second, and how much a tenant may keep and publish.
-- NULL is the installation's default, see tenant_quota(); 0 requests per second is no limit.
-- Locks: tenant and api_key for an instant (columns without a default), then one read of app, company
-- and subscription for the counters, which makes nobody wait. Time: seconds with 10 million companies. What
-- programs of the version before make until they are stopped is not counted: quota_recount() mends that.

ALTER TABLE tenant
    ADD COLUMN requests_per_second integer CONSTRAINT tenant_requests_per_second CHECK (requests_per_second >= 0),
    ADD COLUMN requests_burst integer CONSTRAINT tenant_requests_burst CHECK (requests_burst >= 1),
    ADD COLUMN quota_apps bigint CONSTRAINT tenant_quota_apps CHECK (quota_apps >= 0),
    ADD COLUMN quota_companies bigint CONSTRAINT tenant_quota_companies CHECK (quota_companies >= 0),
    ADD COLUMN quota_subscriptions bigint CONSTRAINT tenant_quota_subscriptions CHECK (quota_subscriptions >= 0),
    ADD COLUMN quota_events_per_day bigint CONSTRAINT tenant_quota_events_per_day CHECK (quota_events_per_day >= 0);
ALTER TABLE api_key
    ADD COLUMN requests_per_second integer CONSTRAINT api_key_requests_per_second CHECK (requests_per_second >= 0),
    ADD COLUMN requests_burst integer CONSTRAINT api_key_requests_burst CHECK (requests_burst >= 1);

-- The token buckets, one row each, of which the threads of all API processes lease slices. Not in the
-- WAL: after a crash, and on a replica that takes over, they are full, which is what a new one is.
CREATE UNLOGGED TABLE rate_bucket (
    tenant_id   uuid NOT NULL,
    bucket      text NOT NULL, -- 'tenant', or who calls: 'key:<id>', 'user:<id>', ...
    tokens      double precision NOT NULL,
    refilled_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, bucket)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);

-- What counts against the quotas of a tenant, one row for each kind: counting companies takes too long.
CREATE TABLE quota_use (
    tenant_id uuid NOT NULL CONSTRAINT quota_use_tenant REFERENCES tenant,
    kind      text NOT NULL CONSTRAINT quota_use_kind CHECK (kind IN ('apps', 'companies', 'subscriptions', 'events_per_day')),
    used      bigint NOT NULL DEFAULT 0,
    day       date, -- of events_per_day: the day (UTC) that `used` is of
    PRIMARY KEY (tenant_id, kind)
) WITH (fillfactor = 50);

INSERT INTO quota_use (tenant_id, kind, used)
SELECT a.tenant_id, 'apps', count(*) FROM app a WHERE a.state = 'active' GROUP BY a.tenant_id
 UNION ALL
SELECT c.tenant_id, 'companies', count(*) FROM company c WHERE c.state = 'active' GROUP BY c.tenant_id
 UNION ALL
SELECT s.tenant_id, 'subscriptions', count(*) FROM subscription s WHERE s.state <> 'archived' GROUP BY s.tenant_id;

ALTER TABLE rate_bucket ENABLE ROW LEVEL SECURITY;
ALTER TABLE quota_use ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON rate_bucket TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY own ON quota_use TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON rate_bucket TO hookline_worker USING (true); -- takes old ones away
GRANT SELECT, INSERT, UPDATE ON rate_bucket, quota_use TO hookline_api;
GRANT DELETE, SELECT (refilled_at) ON rate_bucket TO hookline_worker;
