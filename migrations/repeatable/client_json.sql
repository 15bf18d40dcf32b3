-- The public JSON form of an OAuth client. A secret's text is known only when it is made, its hash never.
CREATE OR REPLACE FUNCTION client_json(c oauth_client) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'id', c.id, 'client_id', c.client_id, 'name', c.name, 'role', c.role, 'partner', c.partner,
        'scopes', c.scopes, 'token_lifetime_s', c.token_lifetime_s,
        'secrets', (SELECT coalesce(json_agg(json_build_object('id', s.id, 'hint', s.hint, 'created_at', s.created_at,
                                                               'expires_at', s.expires_at) ORDER BY s.id), '[]')
                      FROM oauth_client_secret s
                     WHERE s.tenant_id = c.tenant_id AND s.client_id = c.id),
        'created_at', c.created_at, 'updated_at', c.updated_at, 'revoked_at', c.revoked_at)
$$;
