-- Secrets are sealed by the programs (include/hk/vault.h): the API, which seals and shows them masked, may
-- read the sealed texts of its tenant to build exact requests; the worker seals again what stands in clear
-- or under an old master key. The columns stay texts, and what is in them stays until the worker comes by.
-- See docs/adr/0026. Locks: ACCESS EXCLUSIVE on small tables, for an instant each.

GRANT SELECT (secret) ON subscription_secret, tenant_secret TO hookline_api;
GRANT SELECT (password) ON subscription_credentials TO hookline_api;

GRANT UPDATE (secret) ON subscription_secret, tenant_secret TO hookline_worker;
GRANT UPDATE (password) ON subscription_credentials TO hookline_worker;
GRANT UPDATE (headers) ON subscription TO hookline_worker;

CREATE POLICY upkeep ON signing_key TO hookline_worker USING (true);
GRANT SELECT (tenant_id, kid, private_key), UPDATE (private_key) ON signing_key TO hookline_worker;
