-- The public JSON form of a company.
CREATE OR REPLACE FUNCTION company_json(c company) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', c.id, 'external_id', c.external_id, 'name', c.name, 'state', c.state,
                             'created_at', c.created_at, 'updated_at', c.updated_at)
$$;
