-- What receiving at a flow's URL has to know of its tenant: whether it is active, its limits and its URL. See api/inbound.sql.
-- Locks: none that anybody waits for: privileges and a policy. Time: instant.
CREATE POLICY receiving ON tenant FOR SELECT TO hookline_ingest USING (true);
GRANT SELECT (tenant_id, state, requests_per_second, requests_burst, quota_events_per_day, base_url) ON tenant TO hookline_ingest;
