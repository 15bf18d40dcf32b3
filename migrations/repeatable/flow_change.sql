-- Changes of what a flow is. The statements are in api/resources/flows.sql. `given` is the body with its credential and steps as
-- they are stored; `derived` is what only the API could find out (api/resources/flow_body.h):
-- {"secrets": {"<name>": sealed}, "needs_secret": boolean, "url_faults": [{"pointer", "detail"}]}.

-- The flow, and the subscription that stands for it, held until the transaction ends; all NULL when the caller may not see it.
CREATE OR REPLACE FUNCTION flow_lock(tenant_id uuid, partner text, flow_id uuid) RETURNS flow LANGUAGE plpgsql AS $$
DECLARE
    held flow;
BEGIN
    PERFORM
       FROM subscription s
       JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
      WHERE s.tenant_id = $1 AND s.id = $3 AND s.kind = 'flow'
        FOR NO KEY UPDATE OF s; -- first, as app_archive() does
    IF FOUND THEN
        SELECT f.* INTO held FROM flow f WHERE f.tenant_id = $1 AND f.id = $3 FOR NO KEY UPDATE;
    END IF;
    RETURN held;
END
$$;

-- What is given to a sender whose request is queued, with its defaults.
CREATE OR REPLACE FUNCTION flow_answer(given json) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_build_object('status', coalesce(($1 ->> 'status')::integer, 202),
                             'headers', coalesce(json_filled($1 -> 'headers'), '{}'),
                             'content_type', coalesce($1 ->> 'content_type', 'application/json'),
                             'body', coalesce($1 ->> 'body', '{}'))
$$;

-- `f` with the members of `given`.
CREATE OR REPLACE FUNCTION flow_merge(f flow, given json) RETURNS flow LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    f.name := coalesce(given ->> 'name', f.name);
    f.methods := CASE WHEN given -> 'methods' IS NULL THEN coalesce(f.methods, '{POST}')
                      ELSE coalesce(json_texts(given -> 'methods'), '{POST}') END;
    f.credential := coalesce(given -> 'credential', f.credential);
    f.answer := flow_answer(merge_object(f.answer, given -> 'answer', false));
    f.content_types := CASE WHEN given -> 'content_types' IS NULL THEN f.content_types ELSE json_texts(given -> 'content_types') END;
    f.max_body_bytes := coalesce(json_patched(given, 'max_body_bytes', f.max_body_bytes::text)::integer, 1048576);
    f.rate_per_second := json_patched(given, 'rate_per_second', f.rate_per_second::text)::integer;
    f.max_receives := json_patched(given, 'max_receives', f.max_receives::text)::integer;
    f.steps := coalesce(json_filled(given -> 'steps'), CASE WHEN given -> 'steps' IS NULL THEN f.steps END, '[]');
    RETURN f;
END
$$;

-- Whether a step goes on having the secret that it had: the receiver is the same one.
CREATE OR REPLACE FUNCTION step_keeps_secret(old_step json, new_step json) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT $1 -> 'credentials' IS NOT NULL
       AND $1 #>> '{credentials,kind}' = $2 #>> '{credentials,kind}'
       AND NOT url_has_moved($1 ->> 'url', $2 ->> 'url')
       AND coalesce(NOT url_has_moved($1 #>> '{credentials,token_url}', $2 #>> '{credentials,token_url}'), true)
$$;

-- What is wrong with the steps of `given`. `old` is all NULL when the flow is made.
CREATE OR REPLACE FUNCTION flow_step_faults(tenant_id uuid, old flow, given json, derived json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT u.pointer, d.detail
      FROM json_to_recordset($4 -> 'url_faults') AS u (pointer text, detail text)
     CROSS JOIN LATERAL url_fault_for($1, $3 #>> string_to_array(substr(u.pointer, 2), '/'), u.detail) AS d (detail)
     WHERE d.detail IS NOT NULL
     UNION ALL
    SELECT format('/steps/%s/event_type', s.n - 1), format('There is no event type "%s".', s.step ->> 'event_type')
      FROM json_array_elements(json_filled($3 -> 'steps')) WITH ORDINALITY AS s (step, n)
     WHERE s.step ->> 'kind' = 'emit'
       AND NOT EXISTS (SELECT FROM event_type t WHERE t.tenant_id = $1 AND t.name = s.step ->> 'event_type')
     UNION ALL
    SELECT format('/steps/%s/credentials/secret', s.n - 1),
           CASE WHEN EXISTS (SELECT FROM json_array_elements(($2).steps) o (step) WHERE o.step ->> 'name' = s.step ->> 'name'
                                                                                 AND o.step -> 'credentials' IS NOT NULL)
                THEN 'The step says it to another receiver, or in another way: give it again.' ELSE 'is required' END
      FROM json_array_elements(json_filled($3 -> 'steps')) WITH ORDINALITY AS s (step, n)
     WHERE s.step -> 'credentials' IS NOT NULL AND $4 -> 'secrets' -> ('step.' || (s.step ->> 'name')) IS NULL
       AND NOT EXISTS (SELECT FROM json_array_elements(($2).steps) o (step)
                        WHERE o.step ->> 'name' = s.step ->> 'name' AND step_keeps_secret(o.step, s.step))
$$;

-- What is wrong with a new flow (`old` all NULL) or a change of one.
CREATE OR REPLACE FUNCTION flow_faults(tenant_id uuid, old flow, given json, derived json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT f.pointer, f.detail FROM flow_step_faults($1, $2, $3, $4) f
     UNION ALL
    SELECT '/credential/secret', 'is required'
     WHERE ($4 ->> 'needs_secret')::boolean AND $4 -> 'secrets' -> 'credential' IS NULL
       AND ($2).credential ->> 'kind' IS DISTINCT FROM $3 #>> '{credential,kind}'
     UNION ALL
    SELECT '/steps', 'A flow that is pulled has none.'
     WHERE coalesce($3 ->> 'delivery', ($2).delivery) = 'pull' AND json_array_length(json_filled($3 -> 'steps')) > 0
     UNION ALL
    SELECT '/max_receives', 'Only a flow that is pulled has it.'
     WHERE coalesce($3 ->> 'delivery', ($2).delivery, 'steps') <> 'pull' AND $3 ->> 'max_receives' IS NOT NULL
     UNION ALL
    SELECT '/answer/status', 'A 205 has no body, and resets forms.' WHERE $3 #>> '{answer,status}' = '205'
     UNION ALL
    SELECT '/answer', 'It has more than 65536 bytes.'
     WHERE $3 -> 'answer' IS NOT NULL AND octet_length((flow_merge($2, $3)).answer::text) > 65536
$$;

-- What a partner may not make a flow do: an event of `emit` reaches all apps. A step of the flow that stays as it was, stays.
CREATE OR REPLACE FUNCTION flow_partner_faults(partner text, old flow, given json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql IMMUTABLE AS $$
    SELECT '/steps', 'Only the tenant''s own admins let a flow publish.'
     WHERE $1 IS NOT NULL
       AND EXISTS (SELECT FROM json_array_elements(json_filled($3 -> 'steps')) s (step)
                    WHERE s.step ->> 'kind' = 'emit'
                      AND NOT EXISTS (SELECT FROM json_array_elements(($2).steps) o (step)
                                       WHERE o.step::text = s.step::text))
$$;

-- Stores the secrets of `derived`. The credential's one before stays live as `credential.old` for so many seconds. What no step
-- has any more, in no version that is kept, is deleted.
CREATE OR REPLACE FUNCTION flow_set_secrets(f flow, derived json, overlap_s integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF $2 -> 'secrets' -> 'credential' IS NOT NULL OR ($2 ->> 'needs_secret')::boolean IS FALSE THEN
        DELETE FROM flow_secret k WHERE k.tenant_id = f.tenant_id AND k.flow_id = f.id AND k.name = 'credential.old';
        IF $3 > 0 AND ($2 ->> 'needs_secret')::boolean THEN
            UPDATE flow_secret k SET name = 'credential.old', expires_at = now() + $3 * interval '1 second'
             WHERE k.tenant_id = f.tenant_id AND k.flow_id = f.id AND k.name = 'credential';
        ELSE
            DELETE FROM flow_secret k WHERE k.tenant_id = f.tenant_id AND k.flow_id = f.id AND k.name = 'credential';
        END IF;
    END IF;
    DELETE FROM flow_secret k
     WHERE k.tenant_id = f.tenant_id AND k.flow_id = f.id
       AND (k.name IN (SELECT n.name FROM json_object_keys($2 -> 'secrets') n (name))
            OR k.name LIKE 'step.%'
               AND NOT EXISTS (SELECT
                                 FROM flow_version v, json_array_elements(v.steps) s (step)
                                WHERE v.tenant_id = f.tenant_id AND v.flow_id = f.id AND s.step -> 'credentials' IS NOT NULL
                                  AND k.name = 'step.' || (s.step ->> 'name')));
    INSERT INTO flow_secret (tenant_id, flow_id, name, secret)
    SELECT f.tenant_id, f.id, g.key, g.value FROM json_each_text($2 -> 'secrets') g;
END
$$;

-- Keeps the steps of this version, and forgets those that no waiting run can go by. False: 100 are gone by still.
CREATE OR REPLACE FUNCTION flow_keep_version(f flow) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    oldest timestamptz := (SELECT uuid_v7_time(q.message_id)
                             FROM queue q
                            WHERE q.tenant_id = f.tenant_id AND q.subscription_id = f.id
                            ORDER BY q.message_id
                            LIMIT 1);
BEGIN
    -- Requests that were checked a moment ago come in by the version before: none of the last minute is forgotten.
    DELETE FROM flow_version v
     WHERE v.tenant_id = f.tenant_id AND v.flow_id = f.id
       AND EXISTS (SELECT FROM flow_version x
                    WHERE x.tenant_id = f.tenant_id AND x.flow_id = f.id AND x.version > v.version
                      AND x.created_at < least(oldest, now()) - interval '1 minute');
    INSERT INTO flow_version (tenant_id, flow_id, version, steps) VALUES (f.tenant_id, f.id, f.version, f.steps);
    RETURN (SELECT count(*) FROM flow_version v WHERE v.tenant_id = f.tenant_id AND v.flow_id = f.id) <= 100;
END
$$;

-- Why the app cannot have one more, or one of this name; NULL when it can. Holds the app's flows until the transaction ends.
CREATE OR REPLACE FUNCTION flow_cap_fault(tenant_id uuid, app_id uuid, name text, flow_id uuid) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cap_lock($1, 'flow');
    RETURN CASE WHEN EXISTS (SELECT FROM flow f
                              WHERE f.tenant_id = $1 AND f.app_id = $2 AND f.name = $3 AND f.state <> 'archived'
                                AND f.id IS DISTINCT FROM $4)
                THEN fault('/name', 'Another flow of the app has it.')
                WHEN $4 IS NULL AND (SELECT count(*) FROM flow f
                                      WHERE f.tenant_id = $1 AND f.app_id = $2 AND f.state <> 'archived') >= 50
                THEN fault('', 'The app has 50 flows, which is the most.')
                WHEN $4 IS NULL AND (SELECT count(*) FROM flow f WHERE f.tenant_id = $1 AND f.state <> 'archived') >= 1000
                THEN fault('', 'The tenant has 1000 flows, which is the most.') END;
END
$$;

CREATE OR REPLACE FUNCTION flow_create(tenant_id uuid, partner text, given json, derived json, flow_id uuid, token text,
                                       OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    target app;
    made   flow;
BEGIN
    PERFORM tenant_share($1);
    target := app_lock($1, $2, ($3 ->> 'app_id')::uuid);
    IF target.id IS NULL THEN
        code := 'invalid_body';
        body := fault('/app_id', 'There is no such app.');
        RETURN;
    END IF;
    body := coalesce(subscription_activity_fault($1, NULL),
                     CASE WHEN target.state = 'archived' THEN fault('', 'The app is archived.') END,
                     flow_cap_fault($1, target.id, $3 ->> 'name', NULL));
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM (SELECT * FROM flow_faults($1, made, $3, $4) UNION ALL SELECT * FROM flow_partner_faults($2, made, $3)) x
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    made := flow_merge(made, $3);
    INSERT INTO subscription (tenant_id, id, app_id, kind, url, event_types, profile, allows_http, allowed_networks)
    SELECT $1, $5, target.id, 'flow', 'flow:' || $5, '{}', 'standard', t.allow_http, array_to_string(t.allowed_networks, ',')
      FROM tenant t
     WHERE t.tenant_id = $1;
    INSERT INTO flow AS f (tenant_id, id, app_id, name, token, methods, credential, answer, content_types, max_body_bytes,
                           rate_per_second, delivery, max_receives, steps)
    VALUES ($1, $5, target.id, made.name, $6, made.methods, made.credential, made.answer, made.content_types, made.max_body_bytes,
            made.rate_per_second, coalesce($3 ->> 'delivery', 'steps'), made.max_receives, made.steps)
    RETURNING f.* INTO made;
    PERFORM flow_keep_version(made), flow_set_secrets(made, $4, 0);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'flow.created', $5::text, json_build_object('app_id', target.id, 'name', made.name,
                                                            'credential', made.credential ->> 'kind'));
    code := '';
    body := flow_json(made)::text;
    new_id := $5::text;
END
$$;

-- Changes a flow by a merge patch. Runs under way go on by the steps that they have begun with.
CREATE OR REPLACE FUNCTION flow_update(tenant_id uuid, partner text, flow_id uuid, given json, derived json, if_match text,
                                       OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held flow := flow_lock($1, $2, $3);
    was  flow;
BEGIN
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($6, flow_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    body := CASE WHEN held.state = 'archived' THEN fault('', 'The flow is archived.')
                 WHEN $4 ->> 'name' IS NOT NULL THEN flow_cap_fault($1, held.app_id, $4 ->> 'name', $3) END;
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM (SELECT * FROM flow_faults($1, held, $4, $5) UNION ALL SELECT * FROM flow_partner_faults($2, held, $4)) x
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    code := '';
    IF json_has_members($4) THEN
        was := held;
        held := flow_merge(held, $4);
        UPDATE flow f
           SET name = held.name, methods = held.methods, credential = held.credential, answer = held.answer,
               content_types = held.content_types, max_body_bytes = held.max_body_bytes, rate_per_second = held.rate_per_second,
               max_receives = held.max_receives, steps = held.steps, version = f.version + 1, updated_at = now()
         WHERE f.tenant_id = $1 AND f.id = $3
        RETURNING f.* INTO held;
        IF held.steps::text <> was.steps::text AND NOT flow_keep_version(held) THEN
            RAISE EXCEPTION USING ERRCODE = 'HK001';
        END IF;
        PERFORM flow_set_secrets(held, $5, CASE WHEN held.credential ->> 'kind' = was.credential ->> 'kind'
                                                THEN coalesce(($4 ->> 'credential_overlap_s')::integer, 0) ELSE 0 END);
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'flow.changed', $3::text,
                json_build_object('members', (SELECT json_agg(k) FROM json_object_keys($4) k),
                                  'secrets', (SELECT json_agg(k) FROM json_object_keys($5 -> 'secrets') k)));
    END IF;
    body := flow_json(held)::text;
EXCEPTION WHEN SQLSTATE 'HK001' THEN
    code := 'conflict';
    body := fault('/steps', 'Runs wait that go by 100 other versions of the steps: wait for them, or cancel them.');
END
$$;

-- Starts (`running`) or stops (`stopped`) a flow: whether its URL is known. Runs under way go on.
CREATE OR REPLACE FUNCTION flow_set_state(tenant_id uuid, partner text, flow_id uuid, new_state text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held flow := flow_lock($1, $2, $3);
BEGIN
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The flow is archived.');
        RETURN;
    END IF;
    IF held.state <> $4 THEN
        UPDATE flow f SET state = $4, version = f.version + 1, updated_at = now()
         WHERE f.tenant_id = $1 AND f.id = $3
        RETURNING f.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id)
        VALUES ($1, CASE $4 WHEN 'running' THEN 'flow.started' ELSE 'flow.stopped' END, $3::text);
    END IF;
    code := '';
    body := flow_json(held)::text;
END
$$;

-- Gives the flow another URL: the one that it had is unknown from now on.
CREATE OR REPLACE FUNCTION flow_rotate_url(tenant_id uuid, partner text, flow_id uuid, token text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held flow := flow_lock($1, $2, $3);
BEGIN
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The flow is archived.');
        RETURN;
    END IF;
    UPDATE flow f SET token = $4, version = f.version + 1, updated_at = now()
     WHERE f.tenant_id = $1 AND f.id = $3
    RETURNING f.* INTO held;
    INSERT INTO audit_log (tenant_id, action, object_id) VALUES ($1, 'flow.url_rotated', $3::text);
    code := '';
    body := flow_json(held)::text;
END
$$;

-- Ends a flow: its URL is unknown, what waits of it is cancelled.
CREATE OR REPLACE FUNCTION flow_archive(tenant_id uuid, partner text, flow_id uuid, OUT code text) LANGUAGE plpgsql AS $$
DECLARE
    held        flow := flow_lock($1, $2, $3);
    n_cancelled integer;
BEGIN
    IF held.id IS NULL OR held.state = 'archived' THEN
        code := 'not_found';
        RETURN;
    END IF;
    UPDATE flow f SET state = 'archived', version = f.version + 1, updated_at = now() WHERE f.tenant_id = $1 AND f.id = $3;
    UPDATE subscription s
       SET state = 'archived', state_reason = 'flow_archived', state_changed_at = now(), updated_at = now()
     WHERE s.tenant_id = $1 AND s.id = $3;
    DELETE FROM flow_secret k WHERE k.tenant_id = $1 AND k.flow_id = $3;
    n_cancelled := queue_change_begin($1, $3, 'state', NULL, NULL, NULL, NULL, 1000);
    PERFORM delivery_stop($1, ARRAY[$3]);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'flow.archived', $3::text, json_build_object('cancelled_messages', n_cancelled));
    code := '';
END
$$;
