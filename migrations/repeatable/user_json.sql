-- The public JSON forms of a user and of its sessions. Nothing of a password or of a token is in them.
CREATE OR REPLACE FUNCTION user_json(u user_account) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'role', u.role, 'partner', u.partner,
                             'state', u.state, 'has_password', u.password_hash IS NOT NULL,
                             'password_changed_at', u.password_changed_at, 'signed_in_at', u.signed_in_at,
                             'created_at', u.created_at, 'updated_at', u.updated_at)
$$;

-- `own_sha256`: of the session that asks, NULL when it is none of these.
CREATE OR REPLACE FUNCTION session_json(s user_session, own_sha256 bytea) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', s.id, 'user_id', s.user_id, 'is_current', s.token_sha256 IS NOT DISTINCT FROM $2,
                             'created_at', s.created_at, 'seen_at', s.seen_at, 'expires_at', s.expires_at)
$$;
