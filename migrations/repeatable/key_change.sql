-- A change of an API key. `roles`: with scopes given, the roles that have all of them; without, those all of whose
-- scopes the caller may give. Whoever lets a key live longer must have been able to give its scopes: it may have the
-- text of one that has expired.
DROP FUNCTION IF EXISTS key_update(uuid, uuid, json, text, text);
CREATE OR REPLACE FUNCTION key_update(tenant_id uuid, key_id uuid, given json, if_match text, roles text,
                                      of_roles json, to_give text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    k      api_key;
    fits   boolean;
    scopes text[] := json_texts($3 -> 'scopes');
BEGIN
    SELECT o.* INTO k FROM api_key o WHERE o.tenant_id = $1 AND o.id = $2 FOR NO KEY UPDATE;
    IF k.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, key_json(k)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    fits := k.role = ANY (string_to_array($5, ','));
    IF k.revoked_at IS NOT NULL THEN
        code := 'conflict';
        body := fault('', 'The key has been revoked.');
    ELSIF json_typeof($3 -> 'scopes') = 'null' AND NOT fits THEN
        code := 'forbidden';
    ELSIF $3 -> 'expires_at' IS NOT NULL AND NOT scopes_may_be_given(k.role, k.scopes, $6, $7) THEN
        code := 'forbidden';
    ELSIF scopes IS NOT NULL AND NOT fits THEN
        code := 'invalid_body';
        body := fault('/scopes', 'The role has not all of these scopes.');
    ELSIF ($3 ->> 'expires_at')::timestamptz <= now() THEN
        code := 'invalid_body';
        body := fault('/expires_at', 'This moment is in the past.');
    END IF;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;

    code := '';
    IF $3::text !~ '^\s*\{\s*\}\s*$' THEN
        UPDATE api_key o
           SET name = coalesce($3 ->> 'name', o.name),
               scopes = CASE WHEN $3 -> 'scopes' IS NULL THEN o.scopes ELSE json_texts($3 -> 'scopes') END,
               expires_at = CASE WHEN $3 -> 'expires_at' IS NULL THEN o.expires_at
                                 ELSE ($3 ->> 'expires_at')::timestamptz END,
               requests_per_second = CASE WHEN $3 -> 'requests_per_second' IS NULL THEN o.requests_per_second
                                          ELSE ($3 ->> 'requests_per_second')::integer END,
               requests_burst = CASE WHEN $3 -> 'requests_burst' IS NULL THEN o.requests_burst
                                     ELSE ($3 ->> 'requests_burst')::integer END
         WHERE o.tenant_id = $1 AND o.id = $2
        RETURNING o.* INTO k;
        INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'key.changed', $2::text, $3);
    END IF;
    body := key_json(k)::text;
END
$$;
