-- Signatures v1a of Standard Webhooks: secrets with a public key, and profiles whose subscriptions begin with such.
-- Locks: ACCESS EXCLUSIVE on subscription_secret, tenant_secret and profile, one after the other. Time: instant; profile,
-- which is small, is read once for its constraint.

ALTER TABLE subscription_secret
    ADD COLUMN public_key text; -- "whpk_...": signs as v1a; NULL: as v1
GRANT SELECT (public_key) ON subscription_secret TO hookline_api;

ALTER TABLE tenant_secret
    ADD COLUMN public_key text; -- as above
GRANT SELECT (public_key) ON tenant_secret TO hookline_api;

ALTER TABLE profile
    DROP CONSTRAINT profile_signature,
    ADD CONSTRAINT profile_signature
        CHECK (signature IN ('standard', 'standard_v1a', 'standard_both', 'hmac_hex', 'hmac_base64'));
