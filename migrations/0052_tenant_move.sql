-- Moving a tenant from cell to cell: what a move remembers, and where a queue waits meanwhile. See
-- docs/adr/0041-moving-a-tenant.md.
-- Locks: ACCESS EXCLUSIVE on tenant, then SHARE ROW EXCLUSIVE on tenant and app, while each tenant's app is looked up again. Time:
-- instant: tenants are few.

-- In the cell that a tenant leaves, until nothing of it is left there.
CREATE TABLE tenant_move (
    tenant_id     uuid PRIMARY KEY,
    to_cell       text NOT NULL,
    changed_since xid8 NOT NULL, -- what transactions before it wrote is in the other cell
    begun_at      timestamptz NOT NULL DEFAULT now()
);

-- In the cell that a tenant comes to. It stays: statistics count no more what was counted, or will be, by the cell before.
CREATE TABLE tenant_arrival (
    tenant_id   uuid PRIMARY KEY,
    from_cell   text NOT NULL,
    attempts_to timestamptz NOT NULL DEFAULT 'infinity', -- recorded until then: counted
    events_to   uuid NOT NULL DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff', -- up to this one: counted
    flipped_at  timestamptz                              -- since then the tenant lives here; NULL: not yet
);

-- How far each of its tables is copied into this cell.
CREATE TABLE tenant_copy (
    tenant_id uuid NOT NULL,
    relation  text NOT NULL,
    last_key  text,                   -- of the last row, as SQL; NULL: none
    n_rows    bigint NOT NULL DEFAULT 0,
    is_whole  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, relation)
);

-- Where the queue of a tenant waits that is held: no worker sees it.
CREATE TABLE queue_away (LIKE queue INCLUDING DEFAULTS);
ALTER TABLE queue_away ADD PRIMARY KEY (tenant_id, subscription_id, message_id);

-- The one circle of foreign keys: a move copies tables as a whole, parents first.
ALTER TABLE tenant DROP CONSTRAINT tenant_operational_app;
ALTER TABLE tenant ADD CONSTRAINT tenant_operational_app
    FOREIGN KEY (tenant_id, operational_app_id) REFERENCES app DEFERRABLE INITIALLY IMMEDIATE;

ALTER TABLE tenant_move ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_arrival ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_copy ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_away ENABLE ROW LEVEL SECURITY;
CREATE POLICY delivery ON tenant_move FOR SELECT TO hookline_worker USING (true);
CREATE POLICY delivery ON tenant_arrival FOR SELECT TO hookline_worker USING (true);
GRANT SELECT ON tenant_move, tenant_arrival TO hookline_worker;
