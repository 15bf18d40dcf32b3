-- Egress: what a tenant's requests may reach, as whom a subscription's requests are made, and what an attempt tells
-- about them. A subscription carries its tenant's two settings, so that a claim needs no look-up: tenant_spread_egress()
-- keeps them.
-- Locks: ACCESS EXCLUSIVE on tenant, subscription, subscription_credentials and attempt. Time: instant but for one update
-- of the subscriptions of tenants that allow http://.

ALTER TABLE tenant
    ADD COLUMN allowed_networks text[]; -- CIDR; networks that are called although they are not public; NULL: none

ALTER TABLE subscription
    ADD COLUMN allows_http      boolean NOT NULL DEFAULT false, -- tenant.allow_http
    ADD COLUMN allowed_networks text,                           -- tenant.allowed_networks, with commas
    ADD COLUMN client_certificate            text,              -- PEM, its chain behind it; NULL: none
    ADD COLUMN client_key                    text,              -- its private key, PEM, sealed
    ADD COLUMN client_certificate_sha256     text,              -- of the certificate (DER), in hex
    ADD COLUMN client_certificate_expires_at timestamptz;
GRANT UPDATE (client_key) ON subscription TO hookline_worker; -- which seals it again when the master key changes
UPDATE subscription s SET allows_http = true FROM tenant t WHERE t.tenant_id = s.tenant_id AND t.allow_http;

ALTER TABLE subscription_credentials
    ADD COLUMN token_url text, -- of kind oauth2; then `username` is the client's id, `password` its secret
    ADD COLUMN scope     text,
    DROP CONSTRAINT subscription_credentials_kind,
    ADD CONSTRAINT subscription_credentials_kind CHECK (kind IN ('basic', 'bearer', 'oauth2')),
    DROP CONSTRAINT subscription_credentials_username,
    ADD CONSTRAINT subscription_credentials_username CHECK ((kind <> 'bearer') = (username IS NOT NULL)),
    ADD CONSTRAINT subscription_credentials_token_url CHECK ((kind = 'oauth2') = (token_url IS NOT NULL));
GRANT SELECT (token_url, scope) ON subscription_credentials TO hookline_api;

ALTER TABLE attempt
    ADD COLUMN n_sent                 integer, -- how often the request went out; NULL: once, or not at all
    ADD COLUMN http_version           text,    -- of an answer; NULL: 1.1
    ADD COLUMN tls_version            text,    -- NULL: no TLS
    ADD COLUMN tls_cipher             text,
    ADD COLUMN certificate_expires_at timestamptz, -- the receiver's
    ADD COLUMN request_headers        text;        -- as attempt_request_headers() reads them
