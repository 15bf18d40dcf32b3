-- Changes of apps that take more than one step. The statements are in api/resources/apps.sql.

-- The app's row, held until the transaction ends; all NULL when the caller may not see it. Changes of
-- the app and of its fields hold it; who stands on them (connecting, subscribing) shares it.
CREATE OR REPLACE FUNCTION app_lock(tenant_id uuid, partner text, app_id uuid) RETURNS app
LANGUAGE sql AS $$
    SELECT a.*
      FROM app a
     WHERE a.tenant_id = $1 AND a.id = $3 AND ($2 IS NULL OR a.partner = $2)
       FOR NO KEY UPDATE
$$;
CREATE OR REPLACE FUNCTION app_share(tenant_id uuid, partner text, app_id uuid) RETURNS app
LANGUAGE sql AS $$
    SELECT a.*
      FROM app a
     WHERE a.tenant_id = $1 AND a.id = $3 AND ($2 IS NULL OR a.partner = $2)
       FOR SHARE
$$;

DROP FUNCTION IF EXISTS app_create(uuid, text, json, text, text);
CREATE OR REPLACE FUNCTION app_create(tenant_id uuid, partner text, given json, secrets json, url_fault text,
                                      OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    fields     json := coalesce(given -> 'custom_fields', '[]');
    subscriber json := given -> 'subscription';
    made       app;
BEGIN
    IF subscriber IS NOT NULL THEN
        PERFORM tenant_share($1);
        body := subscription_activity_fault($1, NULL);
        IF body IS NOT NULL THEN
            code := 'conflict';
            RETURN;
        END IF;
    END IF;
    PERFORM cap_lock($1, 'app ' || coalesce($2, given ->> 'partner'));
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM (SELECT * FROM custom_fields_faults($1, fields, '/custom_fields/%s')
             UNION ALL
            SELECT * FROM subscription_faults($1, NULL, subscriber, '/subscription', $5)) x
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;

    IF (SELECT count(*) FROM app a
         WHERE a.tenant_id = $1 AND a.partner = coalesce($2, given ->> 'partner') AND a.state = 'active') >= 100 THEN
        code := 'conflict';
        body := fault('', 'The partner has 100 apps, which is the most.');
        RETURN;
    END IF;

    INSERT INTO app AS a (tenant_id, partner, name, description)
    VALUES ($1, coalesce($2, given ->> 'partner'), given ->> 'name', coalesce(given ->> 'description', ''))
    RETURNING a.* INTO made;
    PERFORM quota_take($1, 'apps', 1);
    PERFORM custom_fields_insert($1, made.id, fields);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'app.created', made.id::text, json_build_object('name', made.name, 'partner', made.partner));

    code := '';
    new_id := made.id::text;
    body := app_json(made)::text;
    IF subscriber IS NOT NULL THEN
        body := json_plus(body::json, 'subscription', subscription_insert($1, made.id, subscriber, $4))::text;
    END IF;
END
$$;

-- Changes the app's own members; what is absent stays as it is.
CREATE OR REPLACE FUNCTION app_update(tenant_id uuid, partner text, app_id uuid, given json, if_match text,
                                      OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held app;
BEGIN
    held := app_lock($1, $2, $3);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($5, app_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF held.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The app is archived.');
        RETURN;
    END IF;
    IF json_has_members($4) THEN
        UPDATE app a
           SET name = coalesce($4 ->> 'name', a.name),
               description = coalesce(json_patched($4, 'description', a.description), ''), updated_at = now()
         WHERE a.tenant_id = $1 AND a.id = $3
        RETURNING a.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'app.changed', $3::text, $4);
    END IF;
    code := '';
    body := app_json(held)::text;
END
$$;

-- Ends an app: nothing of it is ever sent again. What is in flight ends on its own.
CREATE OR REPLACE FUNCTION app_archive(tenant_id uuid, partner text, app_id uuid, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    gone        app;
    ids         uuid[];
    id          uuid;
    n_cancelled integer := 0;
    n_archived  bigint;
BEGIN
    gone := app_lock($1, $2, $3);
    IF gone.id IS NULL OR gone.state = 'archived' THEN
        code := 'not_found';
        RETURN;
    END IF;
    UPDATE app a SET state = 'archived', updated_at = now() WHERE a.tenant_id = $1 AND a.id = $3;
    UPDATE connection c SET state = 'disconnected', updated_at = now()
     WHERE c.tenant_id = $1 AND c.app_id = $3 AND c.state <> 'disconnected';
    n_archived := (SELECT count(*) FROM subscription s
                    WHERE s.tenant_id = $1 AND s.app_id = $3 AND s.kind = 'delivery' AND s.state <> 'archived');
    UPDATE subscription s
       SET state = 'archived', state_reason = 'app_archived', state_changed_at = now(), updated_at = now()
     WHERE s.tenant_id = $1 AND s.app_id = $3 AND s.state <> 'archived';
    UPDATE flow f SET state = 'archived', version = f.version + 1, updated_at = now()
     WHERE f.tenant_id = $1 AND f.app_id = $3 AND f.state <> 'archived';
    DELETE FROM flow_secret k USING flow f WHERE f.tenant_id = $1 AND f.app_id = $3 AND k.tenant_id = $1 AND k.flow_id = f.id;
    ids := ARRAY(SELECT s.id FROM subscription s WHERE s.tenant_id = $1 AND s.app_id = $3);
    FOREACH id IN ARRAY ids LOOP
        n_cancelled := n_cancelled + queue_change_begin($1, id, 'state', NULL, NULL, NULL, NULL, 1000 / cardinality(ids));
    END LOOP;
    PERFORM delivery_stop($1, ids);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'app.archived', $3::text, json_build_object('cancelled_messages', n_cancelled));
    PERFORM quota_give($1, 'apps', 1), quota_give($1, 'subscriptions', n_archived);
    code := '';
END
$$;
