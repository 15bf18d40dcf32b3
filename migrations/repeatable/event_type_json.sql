-- The public JSON form of an event type. Schema and sample keep the text they were given in.
CREATE OR REPLACE FUNCTION event_type_json(t event_type) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('name', t.name, 'description', t.description, 'schema', t.schema, 'sample', t.sample,
                             'validation', t.validation, 'enrichable', t.enrichable,
                             'sensitive_paths', to_json(t.sensitive_paths),
                             'attributes', coalesce(t.attributes, '{}'), 'version', t.version,
                             'state', t.state, 'created_at', t.created_at, 'updated_at', t.updated_at)
$$;

-- The public JSON form of one of its versions.
CREATE OR REPLACE FUNCTION event_type_version_json(v event_type_version) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('name', v.name, 'version', v.version, 'schema', v.schema, 'created_at', v.created_at)
$$;
