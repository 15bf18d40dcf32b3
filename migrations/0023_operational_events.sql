-- Operational events: of an app or the whole tenant, not of a company (docs/adr/0025). Their messages and
-- skips come from no connection.
-- Locks: event, message and skip ACCESS EXCLUSIVE for an instant each, nothing is read or rewritten; tenant
-- and app for an instant. Time: instant. Workers of the version before leave such messages alone: they are
-- claimed again when their leases end.

ALTER TABLE event ALTER COLUMN company_id DROP NOT NULL;
ALTER TABLE message ALTER COLUMN connection_id DROP NOT NULL;
ALTER TABLE skip ALTER COLUMN connection_id DROP NOT NULL;

ALTER TABLE tenant
    ADD COLUMN operational_app_id uuid, -- gets the operational events of all apps; NULL: each app its own only
    ADD CONSTRAINT tenant_operational_app FOREIGN KEY (tenant_id, operational_app_id) REFERENCES app;
GRANT SELECT (operational_app_id) ON tenant TO hookline_worker;

GRANT INSERT ON event, message, queue, skip TO hookline_worker;
GRANT SELECT, INSERT, UPDATE ON rate_bucket TO hookline_worker; -- how many of them an hour
