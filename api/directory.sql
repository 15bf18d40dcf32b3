-- The directory: which cell a tenant lives in. Asked of the home cell, as the installation, whose policy shows all of it.

-- name: tenant_cell_find
-- $1 tenant_id uuid. One row, or none: it lives in the home cell.
SELECT d.cell FROM tenant_cell d WHERE d.tenant_id = $1::uuid;
