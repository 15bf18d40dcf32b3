-- Changes of users. `roles`: those that the caller may give, separated by commas: whoever has fewer scopes than
-- its role cannot get them back by way of a user.

CREATE OR REPLACE FUNCTION user_faults(tenant_id uuid, role text, partner text)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql IMMUTABLE AS $$
    SELECT '/role', CASE WHEN $1 = installation_id() THEN 'Users of the installation are operators.'
                         ELSE 'Operators are users of the installation.' END
     WHERE ($2 = 'operator') <> ($1 = installation_id())
     UNION ALL
    SELECT '/partner', CASE WHEN $2 = 'partner' THEN 'A user of this role needs a partner.'
                            ELSE 'A user of this role has no partner.' END
     WHERE ($2 = 'partner') <> ($3 IS NOT NULL)
$$;

-- A token to set the password with, for 72 hours; the one before is void. Failed tries are forgotten.
CREATE OR REPLACE FUNCTION password_token_set(tenant_id uuid, user_id uuid, token_sha256 text) RETURNS user_account
LANGUAGE plpgsql AS $$
DECLARE
    u user_account;
BEGIN
    UPDATE user_account a
       SET password_token_sha256 = decode($3, 'hex'), password_token_expires_at = now() + interval '72 hours'
     WHERE a.tenant_id = $1 AND a.id = $2
    RETURNING a.* INTO u;
    PERFORM sign_in_forget_failures($1, u.email);
    RETURN u;
END
$$;

CREATE OR REPLACE FUNCTION password_token_json(u user_account, token text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('token', $2, 'expires_at', u.password_token_expires_at)
$$;

CREATE OR REPLACE FUNCTION user_create(tenant_id uuid, given json, roles text, token text, token_sha256 text,
                                       OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    made user_account;
BEGIN
    IF $2 ->> 'role' <> ALL (string_to_array($3, ',')) THEN
        code := 'forbidden';
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM user_faults($1, $2 ->> 'role', $2 ->> 'partner') x HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM cap_lock($1, 'user');
    IF (SELECT count(*) FROM user_account u WHERE u.tenant_id = $1) >= 1000 THEN
        code := 'conflict';
        body := fault('', 'The tenant has 1000 users, which is the most.');
        RETURN;
    END IF;
    INSERT INTO user_account AS u (tenant_id, email, name, role, partner)
    VALUES ($1, lower($2 ->> 'email'), $2 ->> 'name', $2 ->> 'role', $2 ->> 'partner')
    ON CONFLICT ON CONSTRAINT user_account_email DO NOTHING
    RETURNING u.* INTO made;
    IF made.id IS NULL THEN
        code := 'conflict';
        body := fault('/email', 'There is a user with this e-mail address already.');
        RETURN;
    END IF;
    made := password_token_set($1, made.id, $5);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'user.created', made.id::text,
            json_build_object('email', made.email, 'role', made.role, 'partner', made.partner));
    code := '';
    new_id := made.id::text;
    body := json_plus(user_json(made), 'password_token', password_token_json(made, $4))::text;
END
$$;

-- The user's row, held until the transaction ends; all NULL when there is none.
CREATE OR REPLACE FUNCTION user_lock(tenant_id uuid, user_id uuid) RETURNS user_account LANGUAGE sql AS $$
    SELECT u.* FROM user_account u WHERE u.tenant_id = $1 AND u.id = $2 FOR NO KEY UPDATE
$$;

-- Nobody takes its own rights away: whoever removes admins stays one.
CREATE OR REPLACE FUNCTION user_is_caller(user_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_setting('hookline.actor', true) = 'user:' || $1
$$;

CREATE OR REPLACE FUNCTION user_update(tenant_id uuid, user_id uuid, given json, if_match text, roles text,
                                       OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    u           user_account := user_lock($1, $2);
    new_role    text;
    new_partner text;
    new_state   text;
BEGIN
    IF u.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, user_json(u)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    new_role := coalesce($3 ->> 'role', u.role);
    new_partner := CASE WHEN $3 -> 'partner' IS NULL THEN u.partner ELSE $3 ->> 'partner' END;
    new_state := coalesce($3 ->> 'state', u.state);
    IF NOT ARRAY[u.role, new_role] <@ string_to_array($5, ',') THEN
        code := 'forbidden';
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM user_faults($1, new_role, new_partner) x HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    IF user_is_caller($2) AND (new_role, new_state) <> (u.role, u.state) THEN
        code := 'conflict';
        body := fault('', 'Nobody changes its own role or state.');
        RETURN;
    END IF;
    IF (coalesce($3 ->> 'name', u.name), new_role, new_partner, new_state)
       IS NOT DISTINCT FROM (u.name, u.role, u.partner, u.state) THEN
        code := '';
        body := user_json(u)::text;
        RETURN;
    END IF;

    UPDATE user_account a
       SET name = coalesce($3 ->> 'name', a.name), role = new_role, partner = new_partner, state = new_state,
           password_token_sha256 = CASE new_state WHEN 'active' THEN a.password_token_sha256 END,
           updated_at = now()
     WHERE a.tenant_id = $1 AND a.id = $2
    RETURNING a.* INTO u;
    IF new_state = 'disabled' THEN
        PERFORM sessions_end($1, $2, NULL);
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'user.changed', $2::text, $3);
    code := '';
    body := user_json(u)::text;
END
$$;

CREATE OR REPLACE FUNCTION user_delete(tenant_id uuid, user_id uuid, roles text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    u user_account := user_lock($1, $2);
BEGIN
    IF u.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF u.role <> ALL (string_to_array($3, ',')) THEN
        code := 'forbidden';
        RETURN;
    END IF;
    IF user_is_caller($2) THEN
        code := 'conflict';
        body := fault('', 'Nobody removes itself.');
        RETURN;
    END IF;
    PERFORM sessions_end($1, $2, NULL);
    DELETE FROM user_account a WHERE a.tenant_id = $1 AND a.id = $2;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'user.deleted', $2::text, json_build_object('email', u.email, 'role', u.role));
    code := '';
END
$$;

CREATE OR REPLACE FUNCTION user_password_token(tenant_id uuid, user_id uuid, roles text, token text, token_sha256 text,
                                               OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    u user_account := user_lock($1, $2);
BEGIN
    IF u.id IS NULL THEN
        code := 'not_found';
    ELSIF u.role <> ALL (string_to_array($3, ',')) THEN
        code := 'forbidden';
    ELSIF u.state <> 'active' THEN
        code := 'conflict';
        body := fault('', 'The user is disabled.');
    ELSE
        u := password_token_set($1, $2, $5);
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'password_token.created', $2::text, json_build_object('expires_at', u.password_token_expires_at));
        code := '';
        body := password_token_json(u, $4)::text;
    END IF;
END
$$;
