-- The public JSON form of a tenant's secret: its text is known only when it is made.
DROP FUNCTION IF EXISTS tenant_secret_json(uuid, timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION tenant_secret_json(id uuid, public_key text, created_at timestamptz, expires_at timestamptz)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', $1, 'kind', CASE WHEN $2 IS NULL THEN 'v1' ELSE 'v1a' END, 'public_key', $2,
                             'created_at', $3, 'expires_at', $4)
$$;
