-- The public JSON form of an app with its custom fields in order. plpgsql, because
-- custom_field_json() is created after this file.
CREATE OR REPLACE FUNCTION app_json(a app) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_object(
        'id', a.id, 'partner', a.partner, 'name', a.name, 'description', a.description, 'state', a.state,
        'created_at', a.created_at, 'updated_at', a.updated_at,
        'custom_fields', (SELECT coalesce(json_agg(custom_field_json(f) ORDER BY f.position), '[]')
                            FROM custom_field f
                           WHERE f.tenant_id = a.tenant_id AND f.app_id = a.id));
END
$$;
