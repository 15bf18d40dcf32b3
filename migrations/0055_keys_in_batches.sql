-- The keys of requests are looked up many at once, of any tenants, as events are stored: what the role that does so has to see of
-- a key, and that it was used. See api/auth.sql.
-- Locks: none that anybody waits for: privileges and policies. Time: instant.
CREATE POLICY authenticating ON api_key FOR SELECT TO hookline_ingest USING (true);
CREATE POLICY noting_use ON api_key FOR UPDATE TO hookline_ingest USING (true);
GRANT SELECT (tenant_id, id, role, partner, scopes, key_sha256, expires_at, revoked_at, last_used_at, requests_per_second,
              requests_burst) ON api_key TO hookline_ingest;
GRANT UPDATE (last_used_at) ON api_key TO hookline_ingest;
