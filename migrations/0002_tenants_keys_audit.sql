-- Tenants (a directory table: tenant -> cell), API keys, the audit log.
-- Locks: none, all new. Time: instant.

CREATE TABLE tenant (
    tenant_id  uuid PRIMARY KEY,
    name       text NOT NULL,
    cell       text NOT NULL DEFAULT 'default', -- where the tenant's rows live; one cell so far
    allow_http boolean NOT NULL DEFAULT false,  -- subscriptions may have http:// URLs (BC-08)
    state      text NOT NULL DEFAULT 'active' CONSTRAINT tenant_state CHECK (state IN ('active', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tenant (tenant_id, name) VALUES (installation_id(), 'installation');

CREATE TABLE api_key (
    tenant_id  uuid NOT NULL CONSTRAINT api_key_tenant REFERENCES tenant,
    id         uuid NOT NULL DEFAULT uuid_v7(),
    name       text NOT NULL,
    role       text NOT NULL,
    partner    text,           -- whose apps the key sees; NULL: all of the tenant
    key_sha256 bytea NOT NULL, -- 178 random bits need no slow hash
    hint       text NOT NULL,  -- the key's last four characters
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_key_sha256 UNIQUE (tenant_id, key_sha256),
    CONSTRAINT api_key_role CHECK (role IN ('operator', 'admin', 'partner', 'support', 'producer', 'receiver')),
    CONSTRAINT api_key_operator CHECK ((role = 'operator') = (tenant_id = installation_id())),
    CONSTRAINT api_key_partner CHECK ((role IN ('partner', 'receiver')) = (partner IS NOT NULL))
);

-- Append-only: no role may UPDATE or DELETE. Written in the transaction of the change it tells of.
CREATE TABLE audit_log (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL DEFAULT uuid_v7(),
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL DEFAULT coalesce(current_setting('hookline.actor', true), ''),
    request_id text NOT NULL DEFAULT coalesce(current_setting('hookline.request_id', true), ''),
    action     text NOT NULL, -- "app.created"
    object_id  text NOT NULL,
    detail     json,          -- what changed; never a secret
    PRIMARY KEY (tenant_id, id)
);

ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;

-- A tenant sees itself; the operator, acting as the installation, sees all tenants.
CREATE POLICY own ON tenant TO hookline_api
    USING (tenant_id = current_tenant_id() OR current_tenant_id() = installation_id());
CREATE POLICY own ON api_key TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY own ON audit_log TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON audit_log FOR INSERT TO hookline_worker WITH CHECK (true); -- what a 401 or a 410 stopped

GRANT SELECT, INSERT, UPDATE ON tenant, api_key TO hookline_api;
GRANT SELECT, INSERT ON audit_log TO hookline_api;
GRANT INSERT ON audit_log TO hookline_worker;
