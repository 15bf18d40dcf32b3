-- Changes of OAuth clients. The statements are in api/resources/clients.sql.

CREATE OR REPLACE FUNCTION client_secret_insert(tenant_id uuid, client_id uuid, secret text, secret_sha256 text)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO oauth_client_secret (tenant_id, client_id, secret_sha256, hint)
    VALUES ($1, $2, decode($4, 'hex'), right($3, 4))
$$;

DROP FUNCTION IF EXISTS client_create(uuid, json, uuid, text, text, text, json);
CREATE OR REPLACE FUNCTION client_create(tenant_id uuid, given json, new_id uuid, client_id text, secret text,
                                         secret_sha256 text, of_roles json, to_give text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    wanted text[] := CASE json_typeof(given -> 'scopes')
                     WHEN 'array' THEN ARRAY(SELECT json_array_elements_text(given -> 'scopes')) END;
    made   oauth_client;
BEGIN
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM scope_faults(given ->> 'role', wanted, $7) x
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    IF NOT scopes_may_be_given(given ->> 'role', wanted, $7, $8) THEN
        code := 'forbidden';
        RETURN;
    END IF;
    PERFORM cap_lock($1, 'client');
    IF (SELECT count(*) FROM oauth_client c WHERE c.tenant_id = $1 AND c.revoked_at IS NULL) >= 100 THEN
        code := 'conflict';
        body := fault('', 'The tenant has 100 clients, which is the most.');
        RETURN;
    END IF;

    INSERT INTO oauth_client AS c (tenant_id, id, client_id, name, role, partner, scopes, token_lifetime_s)
    VALUES ($1, $3, $4, given ->> 'name', given ->> 'role', given ->> 'partner', wanted,
            coalesce((given ->> 'token_lifetime_s')::integer, 900))
    RETURNING c.* INTO made;
    PERFORM client_secret_insert($1, made.id, $5, $6);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'client.created', made.id::text,
            json_build_object('name', made.name, 'role', made.role, 'partner', made.partner, 'scopes', made.scopes));
    code := '';
    body := json_plus(client_json(made), 'client_secret', to_json($5))::text;
END
$$;

-- The client's row, held until the transaction ends; all NULL when there is none that lives.
CREATE OR REPLACE FUNCTION client_lock(tenant_id uuid, client_id uuid) RETURNS oauth_client
LANGUAGE sql AS $$
    SELECT c.* FROM oauth_client c WHERE c.tenant_id = $1 AND c.id = $2 AND c.revoked_at IS NULL FOR NO KEY UPDATE
$$;

DROP FUNCTION IF EXISTS client_update(uuid, uuid, json, text, json);
CREATE OR REPLACE FUNCTION client_update(tenant_id uuid, client_id uuid, given json, if_match text, of_roles json,
                                         to_give text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    c oauth_client := client_lock($1, $2);
BEGIN
    IF c.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, client_json(c)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    c.name := coalesce(given ->> 'name', c.name);
    IF given -> 'token_lifetime_s' IS NOT NULL THEN
        c.token_lifetime_s := coalesce((given ->> 'token_lifetime_s')::integer, 900);
    END IF;
    IF given -> 'scopes' IS NOT NULL THEN
        c.scopes := CASE json_typeof(given -> 'scopes')
                    WHEN 'array' THEN ARRAY(SELECT json_array_elements_text(given -> 'scopes')) END;
        SELECT 'invalid_body', json_agg(x)::text INTO code, body
          FROM scope_faults(c.role, c.scopes, $5) x
        HAVING count(*) > 0;
        IF code IS NULL AND NOT scopes_may_be_given(c.role, c.scopes, $5, $6) THEN
            code := 'forbidden';
        END IF;
        IF code IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;
    IF given::jsonb <> '{}' THEN
        UPDATE oauth_client o
           SET name = c.name, scopes = c.scopes, token_lifetime_s = c.token_lifetime_s, updated_at = now()
         WHERE o.tenant_id = $1 AND o.id = $2
        RETURNING o.* INTO c;
        INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'client.changed', $2::text, given);
    END IF;
    code := '';
    body := client_json(c)::text;
END
$$;

-- One more secret; those there are end after the overlap, so that both work while the client changes over. Who sees
-- it can do what the client can.
DROP FUNCTION IF EXISTS client_secret_create(uuid, uuid, json, text, text);
CREATE OR REPLACE FUNCTION client_secret_create(tenant_id uuid, client_id uuid, given json, secret text,
                                                secret_sha256 text, of_roles json, to_give text,
                                                OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    c     oauth_client := client_lock($1, $2);
    until timestamptz := now() + make_interval(secs => coalesce((given ->> 'overlap_s')::integer, 86400));
BEGIN
    IF c.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT scopes_may_be_given(c.role, c.scopes, $6, $7) THEN
        code := 'forbidden';
        RETURN;
    END IF;
    DELETE FROM oauth_client_secret s WHERE s.tenant_id = $1 AND s.client_id = $2 AND s.expires_at <= now();
    IF (SELECT count(*) FROM oauth_client_secret s WHERE s.tenant_id = $1 AND s.client_id = $2) >= 10 THEN
        code := 'conflict';
        body := fault('', 'The client has 10 live secrets, which is the most.');
        RETURN;
    END IF;
    UPDATE oauth_client_secret s SET expires_at = until
     WHERE s.tenant_id = $1 AND s.client_id = $2 AND (s.expires_at IS NULL OR s.expires_at > until);
    PERFORM client_secret_insert($1, $2, $4, $5);
    UPDATE oauth_client o SET updated_at = now() WHERE o.tenant_id = $1 AND o.id = $2 RETURNING o.* INTO c;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'client.secret_rotated', $2::text, json_build_object('hint', right($4, 4), 'previous_until', until));
    code := '';
    body := json_plus(client_json(c), 'client_secret', to_json($4))::text;
END
$$;

CREATE OR REPLACE FUNCTION client_secret_delete(tenant_id uuid, client_id uuid, secret_id uuid, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    c oauth_client := client_lock($1, $2);
BEGIN
    DELETE FROM oauth_client_secret s WHERE s.tenant_id = $1 AND s.client_id = c.id AND s.id = $3;
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    UPDATE oauth_client o SET updated_at = now() WHERE o.tenant_id = $1 AND o.id = $2;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'client.secret_deleted', $2::text, json_build_object('secret_id', $3));
    code := '';
END
$$;

-- No token more, and those that are out are refused as soon as a process has asked again.
CREATE OR REPLACE FUNCTION client_revoke(tenant_id uuid, client_id uuid, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    c oauth_client := client_lock($1, $2);
BEGIN
    IF c.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    DELETE FROM oauth_client_secret s WHERE s.tenant_id = $1 AND s.client_id = $2;
    UPDATE oauth_client o SET revoked_at = now(), updated_at = now() WHERE o.tenant_id = $1 AND o.id = $2;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'client.revoked', $2::text, json_build_object('name', c.name));
    code := '';
END
$$;
