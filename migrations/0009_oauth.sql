-- OAuth: clients with their secrets, the installation's signing keys, and the issuers of others whose
-- tokens a tenant accepts.
-- Locks: none, all new. Time: instant.

CREATE TABLE oauth_client (
    tenant_id        uuid NOT NULL CONSTRAINT oauth_client_tenant REFERENCES tenant,
    id               uuid NOT NULL,
    client_id        text NOT NULL, -- "hkc_...": tenant and id in one, see api/client_id.h
    name             text NOT NULL,
    role             text NOT NULL CONSTRAINT oauth_client_role
                     CHECK (role IN ('admin', 'partner', 'support', 'producer', 'receiver')),
    partner          text,          -- whose apps it sees; NULL: all of the tenant
    scopes           text[],        -- NULL: all that the role has
    token_lifetime_s integer NOT NULL DEFAULT 900 CONSTRAINT oauth_client_lifetime
                     CHECK (token_lifetime_s BETWEEN 60 AND 3600),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    revoked_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT oauth_client_partner CHECK ((role IN ('partner', 'receiver')) = (partner IS NOT NULL))
);

CREATE TABLE oauth_client_secret (
    tenant_id     uuid NOT NULL,
    client_id     uuid NOT NULL,
    id            uuid NOT NULL DEFAULT uuid_v7(),
    secret_sha256 bytea NOT NULL, -- 256 random bits need no slow hash
    hint          text NOT NULL,  -- the secret's last four characters
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,    -- NULL: live until rotated
    PRIMARY KEY (tenant_id, client_id, id),
    CONSTRAINT oauth_client_secret_client FOREIGN KEY (tenant_id, client_id) REFERENCES oauth_client
);

-- The pairs that sign access tokens: one is published and will be next, one signs, retired ones stay
-- published until the longest token has expired. tenant_id is the installation's.
CREATE TABLE signing_key (
    tenant_id   uuid NOT NULL CONSTRAINT signing_key_tenant REFERENCES tenant
                CONSTRAINT signing_key_installation CHECK (tenant_id = installation_id()),
    kid         text NOT NULL,
    state       text NOT NULL CONSTRAINT signing_key_state CHECK (state IN ('next', 'signing', 'retired', 'removed')),
    x           text NOT NULL, -- coordinates of the public key, base64url
    y           text NOT NULL,
    public_key  text NOT NULL, -- PEM
    private_key text,          -- PEM; forgotten when the key stops signing
    created_at  timestamptz NOT NULL DEFAULT now(),
    signing_at  timestamptz,
    retired_at  timestamptz,
    PRIMARY KEY (tenant_id, kid),
    CONSTRAINT signing_key_private CHECK ((private_key IS NOT NULL) = (state IN ('next', 'signing')))
);
CREATE UNIQUE INDEX signing_key_one_signing ON signing_key (tenant_id) WHERE state = 'signing';
CREATE UNIQUE INDEX signing_key_one_next ON signing_key (tenant_id) WHERE state = 'next';

CREATE TABLE token_issuer (
    tenant_id       uuid NOT NULL CONSTRAINT token_issuer_tenant REFERENCES tenant,
    id              uuid NOT NULL DEFAULT uuid_v7(),
    issuer          text NOT NULL, -- the token's iss, byte for byte
    jwks_uri        text NOT NULL,
    audience        text NOT NULL,
    algorithms      text[] NOT NULL,
    role            text NOT NULL CONSTRAINT token_issuer_role
                    CHECK (role IN ('admin', 'partner', 'support', 'producer', 'receiver')),
    partner         text,
    partner_claim   text,          -- the claim that names the partner
    subject_claim   text NOT NULL DEFAULT 'sub',
    required_claims json NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT token_issuer_issuer UNIQUE (tenant_id, issuer),
    CONSTRAINT token_issuer_partner
    CHECK (num_nonnulls(partner, partner_claim) = CASE WHEN role IN ('partner', 'receiver') THEN 1 ELSE 0 END)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['oauth_client', 'oauth_client_secret', 'signing_key', 'token_issuer']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO hookline_api USING (tenant_id = current_tenant_id())', name);
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON oauth_client TO hookline_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_client_secret, signing_key, token_issuer TO hookline_api;
