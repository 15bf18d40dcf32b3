-- Changes of what a subscription is. The statements are in api/resources/subscriptions.sql.

-- What is wrong with a new or changed subscription, each with its place below `prefix`. Members that
-- are absent are right; `given` NULL has none. `url_fault`: why the URL is none for a tenant that
-- does not allow http:// (hk_url_check() has judged it), NULL when it is one.
CREATE OR REPLACE FUNCTION subscription_faults(tenant_id uuid, given json, prefix text, url_fault text)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT $3 || '/url', $4
      FROM tenant t
     WHERE t.tenant_id = $1 AND NOT t.allow_http AND $4 IS NOT NULL
     UNION ALL
    SELECT format('%s/event_types/%s', $3, g.n - 1), format('There is no event type "%s".', g.name)
      FROM json_array_elements_text(coalesce($2 -> 'event_types', '[]')) WITH ORDINALITY AS g (name, n)
     WHERE NOT EXISTS (SELECT FROM event_type t WHERE t.tenant_id = $1 AND t.name = g.name)
     UNION ALL
    SELECT $3 || '/profile', format('There is no profile "%s".', $2 ->> 'profile')
     WHERE NOT EXISTS (SELECT FROM profile p WHERE p.tenant_id = installation_id() AND p.name = $2 ->> 'profile')
       AND $2 ->> 'profile' IS NOT NULL
$$;

-- The subscription's row, held until the transaction ends; all NULL when the caller may not see it.
CREATE OR REPLACE FUNCTION subscription_lock(tenant_id uuid, partner text, subscription_id uuid) RETURNS subscription
LANGUAGE sql AS $$
    SELECT s.*
      FROM subscription s
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE s.tenant_id = $1 AND s.id = $3
       FOR NO KEY UPDATE OF s
$$;

-- Sets the Basic credentials, or takes them away with a JSON null; nothing when `given` is NULL.
CREATE OR REPLACE FUNCTION subscription_set_credentials(tenant_id uuid, subscription_id uuid, given json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF $3 IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM subscription_credentials b WHERE b.tenant_id = $1 AND b.subscription_id = $2;
    IF json_typeof($3) = 'object' THEN
        INSERT INTO subscription_credentials (tenant_id, subscription_id, username, password)
        VALUES ($1, $2, $3 ->> 'username', $3 ->> 'password');
    END IF;
END
$$;

-- Stores a subscription that subscription_faults() found nothing wrong with, and its secret. Returns
-- its JSON with the secret: the one time that it is shown.
CREATE OR REPLACE FUNCTION subscription_insert(tenant_id uuid, app_id uuid, given json, secret text) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    made subscription;
BEGIN
    INSERT INTO subscription AS s (tenant_id, app_id, url, description, event_types, profile, timeout_ms)
    VALUES ($1, $2, $3 ->> 'url', coalesce($3 ->> 'description', ''),
            ARRAY(SELECT json_array_elements_text($3 -> 'event_types')),
            coalesce($3 ->> 'profile', 'standard'), ($3 ->> 'timeout_ms')::integer)
    RETURNING s.* INTO made;
    INSERT INTO subscription_secret (tenant_id, subscription_id, secret) VALUES ($1, made.id, $4);
    PERFORM subscription_set_credentials($1, made.id, $3 -> 'credentials');
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'subscription.created', made.id::text,
            json_build_object('app_id', $2, 'url', made.url, 'event_types', made.event_types));
    RETURN json_plus(subscription_json(made), 'secret', to_json($4));
END
$$;

CREATE OR REPLACE FUNCTION subscription_create(tenant_id uuid, partner text, app_id uuid, given json, secret text,
                                               url_fault text, OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    target app;
BEGIN
    target := app_share($1, $2, $3);
    IF target.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF target.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The app is archived.');
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM subscription_faults($1, $4, '', $6) x HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    -- Each event costs a message or a skip for each of them.
    IF (SELECT count(*) FROM subscription s
         WHERE s.tenant_id = $1 AND s.app_id = $3 AND s.state <> 'archived') >= 50 THEN
        code := 'conflict';
        body := fault('', 'The app has 50 subscriptions, which is the most.');
        RETURN;
    END IF;
    code := '';
    body := subscription_insert($1, $3, $4, $5)::text;
    new_id := body::json ->> 'id';
END
$$;

DROP FUNCTION IF EXISTS subscription_update(uuid, text, uuid, json, text);
CREATE OR REPLACE FUNCTION subscription_update(tenant_id uuid, partner text, subscription_id uuid, given json,
                                               url_fault text, if_match text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held subscription;
BEGIN
    held := subscription_lock($1, $2, $3);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($6, subscription_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF held.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The subscription is archived.');
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM subscription_faults($1, $4, '', $5) x HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;

    UPDATE subscription s
       SET url = coalesce($4 ->> 'url', s.url),
           description = coalesce($4 ->> 'description', s.description),
           event_types = CASE WHEN $4 -> 'event_types' IS NULL THEN s.event_types
                              ELSE ARRAY(SELECT json_array_elements_text($4 -> 'event_types')) END,
           profile = coalesce($4 ->> 'profile', s.profile),
           timeout_ms = CASE WHEN $4 -> 'timeout_ms' IS NULL THEN s.timeout_ms
                             ELSE ($4 ->> 'timeout_ms')::integer END,
           updated_at = now()
     WHERE s.tenant_id = $1 AND s.id = $3
    RETURNING s.* INTO held;
    PERFORM subscription_set_credentials($1, $3, $4 -> 'credentials');
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'subscription.changed', $3::text,
            json_build_object('members', (SELECT json_agg(k) FROM json_object_keys($4) k)));
    code := '';
    body := subscription_json(held)::text;
END
$$;
