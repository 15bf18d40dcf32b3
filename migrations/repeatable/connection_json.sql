-- The public JSON form of a connection: its company, what is missing, the current values. plpgsql,
-- because custom_values_missing() is created after this file.
CREATE OR REPLACE FUNCTION connection_json(c connection) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object(
                'id', c.id, 'app_id', c.app_id,
                'company', json_build_object('id', co.id, 'external_id', co.external_id, 'name', co.name),
                'state', c.state,
                'missing', custom_values_missing(c.tenant_id, c.app_id, v."values"::json),
                'values', values_shown(v.tenant_id, v.connection_id, v.version, v."values")::json,
                'values_version', c.values_version,
                'created_at', c.created_at, 'updated_at', c.updated_at)
              FROM company co
              JOIN connection_values v ON v.tenant_id = c.tenant_id AND v.connection_id = c.id
                                      AND v.version = c.values_version
             WHERE co.tenant_id = c.tenant_id AND co.id = c.company_id);
END
$$;

-- The public JSON form of a version of its values. `applies`: which event types alone carry which.
CREATE OR REPLACE FUNCTION connection_values_json(v connection_values) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_object('version', v.version, 'values', values_shown(v.tenant_id, v.connection_id, v.version, v."values")::json,
                             'applies', coalesce(v.applies, '{}'), 'created_at', v.created_at);
END
$$;
