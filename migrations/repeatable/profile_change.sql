-- Changes of a tenant's own profiles. The statements are in api/resources/profiles.sql.

-- The profile's row, held until the transaction ends; all NULL when the tenant sees none of that name.
-- A shipped one is not held: nobody changes it.
CREATE OR REPLACE FUNCTION profile_lock(tenant_id uuid, name text) RETURNS profile
LANGUAGE plpgsql AS $$
DECLARE
    found profile;
BEGIN
    SELECT p.* INTO found FROM profile p WHERE p.tenant_id = $1 AND p.name = $2 FOR UPDATE;
    IF found.name IS NULL THEN
        SELECT p.* INTO found FROM profile p WHERE p.tenant_id = installation_id() AND p.name = $2;
    END IF;
    RETURN found;
END
$$;

-- `p` with the settings that `given` names.
CREATE OR REPLACE FUNCTION profile_merge(p profile, given json) RETURNS profile
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    p.envelope := coalesce(given ->> 'envelope', p.envelope);
    p.signature := coalesce(given ->> 'signature', p.signature);
    p.secret_of := coalesce(given ->> 'secret_of', p.secret_of);
    p.starts := coalesce(given ->> 'starts', p.starts);
    p.verification := coalesce(given ->> 'verification', p.verification);
    IF given -> 'responses' IS NOT NULL THEN
        p.responses := coalesce(responses_text(merge_object(responses_json(p.responses), given -> 'responses', false)), '');
    END IF;
    p.timeout_ms := coalesce((given ->> 'timeout_ms')::integer, p.timeout_ms);
    p.schedule := coalesce(given ->> 'schedule', p.schedule);
    p.jitter_percent := coalesce((given ->> 'jitter_percent')::integer, p.jitter_percent);
    p.retry_after_cap_ms := coalesce((given ->> 'retry_after_cap_ms')::bigint, p.retry_after_cap_ms);
    p.failing_after_h := coalesce((given ->> 'failing_after_h')::integer, p.failing_after_h);
    p.disable_after_h := coalesce((given ->> 'disable_after_h')::integer, p.disable_after_h);
    RETURN p;
END
$$;

-- What is wrong with `given` for a profile that it would make into `p`, as a problem's errors; NULL when nothing is.
CREATE OR REPLACE FUNCTION profile_faults(p profile, given json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT json_agg(f)::text
      FROM (SELECT x.pointer, x.detail FROM responses_faults(given, '') x
             UNION ALL
            SELECT '/responses', 'There must be an answer that is a success.' WHERE p.responses !~ ' success(,|$)') f
$$;

CREATE OR REPLACE FUNCTION profile_create(tenant_id uuid, given json, OUT code text, OUT body text, OUT new_name text)
LANGUAGE plpgsql AS $$
DECLARE
    made profile;
BEGIN
    PERFORM tenant_share($1); -- its retention
    SELECT p.* INTO made
      FROM profile p
     WHERE p.tenant_id = installation_id() AND p.name = coalesce($2 ->> 'base', 'standard');
    IF made.name IS NULL THEN
        code := 'invalid_body';
        body := fault('/base', format('There is no shipped profile "%s".', $2 ->> 'base'));
        RETURN;
    END IF;
    PERFORM cap_lock($1, 'profile');
    IF (SELECT count(*) FROM profile p WHERE p.tenant_id = $1) >= 50 THEN
        code := 'conflict';
        body := fault('', 'There are 50 profiles, which is the most.');
        RETURN;
    END IF;

    made := profile_merge(made, $2);
    body := coalesce(profile_faults(made, $2), schedule_fault($1, '/schedule', made.schedule, made.jitter_percent));
    IF body IS NOT NULL THEN
        code := 'invalid_body';
        RETURN;
    END IF;
    made.base := made.name;
    made.name := $2 ->> 'name';
    made.tenant_id := $1;
    made.created_at := now();
    made.updated_at := now();
    IF EXISTS (SELECT FROM profile p WHERE p.tenant_id = installation_id() AND p.name = made.name) THEN
        code := 'conflict';
    ELSE
        INSERT INTO profile SELECT made.* ON CONFLICT DO NOTHING;
        code := CASE WHEN FOUND THEN '' ELSE 'conflict' END;
    END IF;
    IF code <> '' THEN
        body := fault('/name', 'There is a profile of this name already.');
        RETURN;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'profile.created', made.name, $2);
    body := profile_json(made)::text;
    new_name := made.name;
END
$$;

-- Whatever is attempted from now on goes by the new settings.
CREATE OR REPLACE FUNCTION profile_update(tenant_id uuid, name text, given json, if_match text,
                                          OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held profile;
BEGIN
    PERFORM tenant_share($1); -- its retention
    held := profile_lock($1, $2);
    IF held.name IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, profile_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF held.tenant_id = installation_id() THEN
        code := 'conflict';
        body := fault('', 'A shipped profile cannot be changed: create one with it as its base.');
        RETURN;
    END IF;

    IF json_has_members($3) THEN
        held := profile_merge(held, $3);
        body := profile_faults(held, $3);
        IF body IS NULL AND num_nonnulls($3 -> 'schedule', $3 -> 'jitter_percent') > 0 THEN
            body := schedule_fault($1, CASE WHEN $3 -> 'schedule' IS NULL THEN '/jitter_percent' ELSE '/schedule' END,
                                   held.schedule, held.jitter_percent);
        END IF;
        IF body IS NOT NULL THEN
            code := 'invalid_body';
            RETURN;
        END IF;
        UPDATE profile p
           SET envelope = held.envelope, signature = held.signature, secret_of = held.secret_of, starts = held.starts,
               verification = held.verification,
               responses = held.responses, timeout_ms = held.timeout_ms, schedule = held.schedule,
               jitter_percent = held.jitter_percent,
               retry_after_cap_ms = held.retry_after_cap_ms, failing_after_h = held.failing_after_h,
               disable_after_h = held.disable_after_h, updated_at = now()
         WHERE p.tenant_id = $1 AND p.name = $2
        RETURNING p.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'profile.changed', $2, $3);
    END IF;
    code := '';
    body := profile_json(held)::text;
END
$$;

CREATE OR REPLACE FUNCTION profile_delete(tenant_id uuid, name text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held profile;
BEGIN
    held := profile_lock($1, $2);
    IF held.name IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.tenant_id = installation_id() THEN
        code := 'conflict';
        body := fault('', 'A shipped profile cannot be deleted.');
        RETURN;
    END IF;
    -- An archived subscription needs it as long as something of it is in flight.
    IF EXISTS (SELECT
                 FROM subscription s
                WHERE s.tenant_id = $1 AND s.profile = $2
                  AND (s.state <> 'archived'
                       OR EXISTS (SELECT FROM queue q WHERE q.tenant_id = $1 AND q.subscription_id = s.id))) THEN
        code := 'conflict';
        body := fault('', 'The profile is that of a subscription.');
        RETURN;
    END IF;
    DELETE FROM profile p WHERE p.tenant_id = $1 AND p.name = $2;
    INSERT INTO audit_log (tenant_id, action, object_id) VALUES ($1, 'profile.deleted', $2);
    code := '';
END
$$;
