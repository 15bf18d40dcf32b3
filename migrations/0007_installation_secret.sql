-- What all API processes of a cell have to agree on and nobody else may know: the key that signs the
-- cursors of lists. It is made here, once, so that no two processes can make two of it.
-- Locks: none, all new. Time: instant.

CREATE TABLE installation_secret (
    tenant_id  uuid NOT NULL DEFAULT installation_id() CONSTRAINT installation_secret_owner CHECK (tenant_id = installation_id()),
    name       text NOT NULL,
    secret     bytea NOT NULL CONSTRAINT installation_secret_size CHECK (length(secret) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

-- gen_random_uuid() has 122 bits of the system's randomness: three of them are more than 32 bytes need.
INSERT INTO installation_secret (name, secret)
VALUES ('cursor', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

ALTER TABLE installation_secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON installation_secret TO hookline_api USING (tenant_id = current_tenant_id());
GRANT SELECT ON installation_secret TO hookline_api;
