-- Whether somebody else writes this tenant: it lives in another cell, or is on its way there or here. Steps of jobs and
-- of upkeep pass over it. See docs/adr/0041-moving-a-tenant.md.
CREATE OR REPLACE FUNCTION tenant_is_away(tenant_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM tenant_away a WHERE a.tenant_id = $1)
$$;

-- Whether it is being copied, out of this cell or into it: retention leaves its log as it is.
CREATE OR REPLACE FUNCTION tenant_is_moving(tenant_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM tenant_move m WHERE m.tenant_id = $1)
        OR EXISTS (SELECT FROM tenant_arrival a WHERE a.tenant_id = $1 AND a.flipped_at IS NULL)
$$;

-- Whether any is. Then no week is dropped: it is about to be filled, or read.
CREATE OR REPLACE FUNCTION cell_has_move() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM tenant_move m) OR EXISTS (SELECT FROM tenant_arrival a WHERE a.flipped_at IS NULL)
$$;

-- Whether a fact of the log has been counted by the cell that the tenant came from, or will be when it has come.
CREATE OR REPLACE FUNCTION attempt_is_counted(tenant_id uuid, recorded_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM tenant_arrival a WHERE a.tenant_id = $1 AND a.attempts_to >= $2)
$$;
CREATE OR REPLACE FUNCTION event_is_counted(tenant_id uuid, event_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM tenant_arrival a WHERE a.tenant_id = $1 AND a.events_to >= $2)
$$;
