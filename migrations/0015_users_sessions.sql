-- Users, their sessions, what slows guessing down; API keys with fewer scopes than their role; indexes
-- by which the audit log is searched.
-- Locks: api_key ACCESS EXCLUSIVE for an instant, no rewrite; audit_log SHARE while three indexes are
-- built (seconds per million lines): changes wait for so long. Time: instant but for those.

CREATE TABLE user_account (
    tenant_id                 uuid NOT NULL CONSTRAINT user_account_tenant REFERENCES tenant,
    id                        uuid NOT NULL DEFAULT uuid_v7(),
    email                     text NOT NULL, -- lower case
    name                      text NOT NULL,
    role                      text NOT NULL,
    partner                   text,          -- whose apps the user sees; NULL: all of the tenant
    state                     text NOT NULL DEFAULT 'active',
    password_hash             text,          -- argon2id, a PHC string; NULL until it is set
    password_changed_at       timestamptz,
    password_token_sha256     bytea,         -- of the one-time token, until it is used
    password_token_expires_at timestamptz,
    signed_in_at              timestamptz,
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT user_account_email UNIQUE (tenant_id, email),
    CONSTRAINT user_account_password_token UNIQUE (tenant_id, password_token_sha256),
    CONSTRAINT user_account_role CHECK (role IN ('operator', 'admin', 'support', 'partner')),
    CONSTRAINT user_account_operator CHECK ((role = 'operator') = (tenant_id = installation_id())),
    CONSTRAINT user_account_partner CHECK ((role = 'partner') = (partner IS NOT NULL)),
    CONSTRAINT user_account_state CHECK (state IN ('active', 'disabled'))
);

CREATE TABLE user_session (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL DEFAULT uuid_v7(),
    user_id      uuid NOT NULL,
    token_sha256 bytea NOT NULL, -- 256 random bits need no slow hash
    created_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(), -- to some minutes
    expires_at   timestamptz NOT NULL,               -- the end, whatever is done with it
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT user_session_token UNIQUE (tenant_id, token_sha256),
    CONSTRAINT user_session_user FOREIGN KEY (tenant_id, user_id) REFERENCES user_account ON DELETE CASCADE
);
CREATE INDEX user_session_of_user ON user_session (tenant_id, user_id, id);

-- Wrong passwords, by the address that was typed, whether there is such a user or not.
CREATE TABLE sign_in_failure (
    tenant_id      uuid NOT NULL CONSTRAINT sign_in_failure_tenant REFERENCES tenant,
    email_sha256   bytea NOT NULL,
    failures       integer NOT NULL DEFAULT 1,
    last_failed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, email_sha256)
);
CREATE INDEX sign_in_failure_by_time ON sign_in_failure (tenant_id, last_failed_at);

ALTER TABLE user_account ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_failure ENABLE ROW LEVEL SECURITY;

CREATE POLICY own ON user_account TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY own ON user_session TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY own ON sign_in_failure TO hookline_api USING (tenant_id = current_tenant_id());

GRANT SELECT, INSERT, UPDATE, DELETE ON user_account, user_session, sign_in_failure TO hookline_api;

ALTER TABLE api_key ADD COLUMN scopes text[],              -- NULL: all that the role grants
                    ADD COLUMN last_used_at timestamptz,   -- to the hour
                    ADD COLUMN created_by text NOT NULL DEFAULT ''; -- as audit_log.actor
ALTER TABLE api_key ALTER COLUMN created_by SET DEFAULT coalesce(current_setting('hookline.actor', true), '');

CREATE INDEX audit_log_by_action ON audit_log (tenant_id, action, id);
CREATE INDEX audit_log_by_object ON audit_log (tenant_id, object_id, id);
CREATE INDEX audit_log_by_actor ON audit_log (tenant_id, actor, id);
