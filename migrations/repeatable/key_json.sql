-- The public JSON form of an API key. Its text is known only when it is made, its hash never.
CREATE OR REPLACE FUNCTION key_state(k api_key) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.expires_at <= now() THEN 'expired' ELSE 'active' END
$$;

CREATE OR REPLACE FUNCTION key_json(k api_key) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', k.id, 'name', k.name, 'role', k.role, 'partner', k.partner, 'scopes', k.scopes,
                             'hint', k.hint, 'requests_per_second', k.requests_per_second,
                             'requests_burst', k.requests_burst, 'created_by', k.created_by, 'created_at', k.created_at,
                             'expires_at', k.expires_at, 'revoked_at', k.revoked_at, 'last_used_at', k.last_used_at)
$$;

-- The strings of a JSON array, each once and in order; NULL for null and for nothing.
CREATE OR REPLACE FUNCTION json_texts(list json) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN json_typeof($1) = 'array'
                THEN ARRAY(SELECT DISTINCT e.text FROM json_array_elements_text($1) AS e (text) ORDER BY e.text) END
$$;
