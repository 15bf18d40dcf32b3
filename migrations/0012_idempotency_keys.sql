-- Replies that repeated requests get: a row for each Idempotency-Key, made in the transaction of what the
-- request made. Neither the key nor the reply can be read here: see docs/adr/0010.
-- Locks: none, all new. Time: instant.

CREATE TABLE idempotency_key (
    tenant_id   uuid NOT NULL,
    id          bytea NOT NULL CONSTRAINT idempotency_key_id_size CHECK (length(id) = 32),
    fingerprint bytea NOT NULL CONSTRAINT idempotency_key_fingerprint_size CHECK (length(fingerprint) = 32),
    reply       bytea CONSTRAINT idempotency_key_reply_size CHECK (length(reply) <= 1052672),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE idempotency_key ALTER COLUMN reply SET STORAGE EXTERNAL; -- sealed bytes do not get smaller
CREATE INDEX idempotency_key_age ON idempotency_key (created_at); -- for the worker, which removes the old ones

ALTER TABLE idempotency_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON idempotency_key TO hookline_api, hookline_ingest USING (tenant_id = current_tenant_id());
CREATE POLICY upkeep ON idempotency_key TO hookline_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON idempotency_key TO hookline_api, hookline_ingest;
GRANT SELECT (tenant_id, id, created_at), DELETE ON idempotency_key TO hookline_worker;
