-- The public JSON form of an API key. Its text is known only when it is made, its hash never.
CREATE OR REPLACE FUNCTION key_json(k api_key) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', k.id, 'name', k.name, 'role', k.role, 'partner', k.partner, 'hint', k.hint,
                             'requests_per_second', k.requests_per_second, 'requests_burst', k.requests_burst,
                             'created_at', k.created_at, 'expires_at', k.expires_at, 'revoked_at', k.revoked_at)
$$;
