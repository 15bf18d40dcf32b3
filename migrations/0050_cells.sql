-- Several cells: which of them a tenant lives in, and the fence of one that moves (docs/adr/0002-cells-and-tenant-keys.md).
-- Locks: none, all new. Time: instant.

-- The directory: only the home cell's is read. A tenant that is not in it lives in the home cell. Operators write it when they
-- create a tenant elsewhere, a move (as the owner) when it flips.
CREATE TABLE tenant_cell (
    tenant_id  uuid PRIMARY KEY,
    cell       text NOT NULL,
    moving_to  text, -- a cell; NULL: it is not being moved
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The fence: while a row is here, nothing of that tenant is written in this cell by anybody but the move. Nearly always empty, but for
-- tenants that have left. A move writes it, as the owner.
CREATE TABLE tenant_away (
    tenant_id uuid PRIMARY KEY,
    state     text NOT NULL CONSTRAINT tenant_away_state CHECK (state IN ('moving', 'moved')),
    since     timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE tenant_cell ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_away ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenant_cell TO hookline_api
    USING (tenant_id = current_tenant_id() OR current_tenant_id() = installation_id());
CREATE POLICY own ON tenant_away TO hookline_api
    USING (tenant_id = current_tenant_id() OR current_tenant_id() = installation_id());
CREATE POLICY publishing ON tenant_away TO hookline_ingest USING (true);
CREATE POLICY delivery ON tenant_away TO hookline_worker USING (true);
GRANT SELECT, INSERT ON tenant_cell TO hookline_api;
GRANT SELECT ON tenant_away TO hookline_api, hookline_ingest, hookline_worker;
