-- The public JSON form of a tenant.
CREATE OR REPLACE FUNCTION tenant_json(t tenant) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', t.tenant_id, 'name', t.name, 'cell', t.cell, 'allow_http', t.allow_http,
                             'state', t.state, 'created_at', t.created_at, 'updated_at', t.updated_at)
$$;
