-- The directory: which cell a tenant lives in. Asked of the home cell, as the installation, whose policy shows all of it.

-- name: tenant_cell_find
-- $1 tenant_id uuid. One row, or none: it lives in the home cell.
SELECT d.cell FROM tenant_cell d WHERE d.tenant_id = $1::uuid;

-- name: tenant_cell_place
-- $1 tenant_id uuid, $2 its cell text. Before the tenant is made in its cell.
INSERT INTO tenant_cell (tenant_id, cell) VALUES ($1::uuid, $2::text) RETURNING cell;

-- name: cell_state
-- What operators are shown of a cell, asked of the cell itself. Role: hookline_ingest. One row: nothing, and the members of the
-- cell's JSON behind its name. What is due is counted up to
-- 10,000, without what waits in lanes.
SELECT NULL AS id,
       concat('"state":"up","schema_version":', schema_version(),
              ',"tenants":', (SELECT count(*) FROM tenant t
                               WHERE t.tenant_id <> installation_id()
                                 AND NOT EXISTS (SELECT FROM tenant_away a WHERE a.tenant_id = t.tenant_id AND a.state = 'moved')),
              ',"queue_age_ms":', coalesce((SELECT floor(extract(epoch FROM now() - q.due_at) * 1000)::bigint
                                              FROM queue q
                                             WHERE q.due_at <= now() AND NOT q.laned
                                             ORDER BY q.due_at
                                             LIMIT 1), 0),
              ',"backlog":', (SELECT count(*) FROM (SELECT FROM queue q WHERE q.due_at <= now() AND NOT q.laned LIMIT 10000) w), '}') AS body;
