-- The public JSON form of a tenant's secret: its text is known only when it is made.
CREATE OR REPLACE FUNCTION tenant_secret_json(id uuid, created_at timestamptz, expires_at timestamptz) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', $1, 'created_at', $2, 'expires_at', $3)
$$;
