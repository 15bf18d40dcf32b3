-- Replays are asked for, started, paused and cancelled here; workers carry them out (replay_step.sql). The statements are in
-- api/resources/replays.sql. See docs/adr/0034-replays.md.

-- How many a tenant may have that have not ended.
CREATE OR REPLACE FUNCTION replay_cap() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 5;

-- What is wrong with whose messages or skips are asked for; NULL when nothing is. `subject` is the member `name`.
CREATE OR REPLACE FUNCTION replay_subject_fault(tenant_id uuid, partner text, name text, subject json) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF num_nonnulls($4 ->> 'app_id', $4 ->> 'subscription_id') <> 1 THEN
        RETURN fault('/' || $3, 'Takes an app_id or a subscription_id.');
    END IF;
    IF $4 ->> 'app_id' IS NOT NULL
       AND NOT EXISTS (SELECT FROM app a
                        WHERE a.tenant_id = $1 AND a.id = ($4 ->> 'app_id')::uuid AND ($2 IS NULL OR a.partner = $2)) THEN
        RETURN fault('/' || $3 || '/app_id', 'There is no such app.');
    END IF;
    IF $4 ->> 'subscription_id' IS NOT NULL
       AND NOT EXISTS (SELECT FROM subscription s
                         JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
                        WHERE s.tenant_id = $1 AND s.id = ($4 ->> 'subscription_id')::uuid) THEN
        RETURN fault('/' || $3 || '/subscription_id', 'There is no such subscription.');
    END IF;
    RETURN NULL;
END
$$;

-- What is to be recovered, as a filter: docs/query-language.md.
CREATE OR REPLACE FUNCTION replay_recover_filter(asked json) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'status', jsonb_build_array('failed'),
               'app', CASE WHEN $1 ->> 'app_id' IS NOT NULL THEN jsonb_build_array(lower($1 ->> 'app_id')) END,
               'subscription', CASE WHEN $1 ->> 'subscription_id' IS NOT NULL
                                    THEN jsonb_build_array(lower($1 ->> 'subscription_id')) END,
               'since', to_char(($1 ->> 'since')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
$$;

-- `filter` is what the body's q means, NULL without one. The plan is made by workers.
CREATE OR REPLACE FUNCTION replay_create(tenant_id uuid, partner text, filter jsonb, given json,
                                         OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    has_todays_values constant boolean := coalesce($4 ->> 'values' = 'current', false);
    has_own_id        constant boolean := coalesce($4 ->> 'webhook_id' = 'new', has_todays_values);
    source            constant text := CASE WHEN $4 -> 'missed' IS NOT NULL THEN 'missed'
                                            WHEN $4 -> 'recover' IS NOT NULL THEN 'recover' ELSE 'search' END;
    subject           constant json := $4 -> source;
    made              replay;
BEGIN
    PERFORM tenant_share($1);
    IF num_nonnulls($4 -> 'q', $4 -> 'recover', $4 -> 'missed') <> 1 THEN
        body := fault('', 'Takes one of q, recover and missed.');
    ELSIF has_todays_values AND NOT has_own_id THEN
        body := fault('/webhook_id', 'Other values make another body: it has a webhook-id of its own.');
    ELSIF source = 'missed' AND num_nonnulls($4 -> 'values', $4 -> 'webhook_id') > 0 THEN
        body := fault('/missed', 'What was missed has been sent to nobody: values and webhook_id mean nothing.');
    ELSIF source <> 'search' THEN
        body := replay_subject_fault($1, $2, source, subject);
    ELSE
        body := log_masked_fault($1, $3);
    END IF;
    IF body IS NOT NULL THEN
        code := 'invalid_body';
        RETURN;
    END IF;

    PERFORM cap_lock($1, 'replay');
    IF (SELECT count(*) FROM replay r WHERE r.tenant_id = $1 AND r.finished_at IS NULL) >= replay_cap() THEN
        code := 'conflict';
        body := fault('', format('The tenant has %s replays that have not ended, which is the most.', replay_cap()));
        RETURN;
    END IF;
    INSERT INTO replay AS r (tenant_id, partner, source, asked, filter, app_id, subscription_id, since, max_messages,
                             has_todays_values, has_own_id, rate_per_second, runs_at_once)
    VALUES ($1, $2, source, coalesce(subject, json_build_object('q', $4 -> 'q')),
            CASE source WHEN 'search' THEN $3 WHEN 'recover' THEN replay_recover_filter(subject) END,
            CASE source WHEN 'missed' THEN (subject ->> 'app_id')::uuid END,
            CASE source WHEN 'missed' THEN (subject ->> 'subscription_id')::uuid END,
            CASE source WHEN 'missed' THEN (subject ->> 'since')::timestamptz END,
            coalesce(($4 ->> 'max_messages')::integer, 100000), has_todays_values, has_own_id,
            coalesce(($4 ->> 'rate_per_second')::integer, 50), coalesce(($4 ->> 'run')::boolean, false))
    RETURNING r.* INTO made;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'replay.created', made.id::text,
            json_build_object('source', source, 'asked', made.asked, 'max_messages', made.max_messages,
                              'rate_per_second', made.rate_per_second, 'run', made.runs_at_once));
    code := '';
    body := replay_json(made)::text;
    new_id := made.id::text;
END
$$;

-- What `action` makes of a state; NULL when it cannot be done in it.
CREATE OR REPLACE FUNCTION replay_next_state(r replay, action text, has_messages boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE $2
           WHEN 'run' THEN CASE WHEN r.state IN ('planned', 'running') THEN 'running' END
           WHEN 'resume' THEN CASE WHEN r.state IN ('paused', 'running') THEN 'running' END
           WHEN 'pause' THEN CASE WHEN r.state IN ('running', 'paused') THEN 'paused' END
           WHEN 'cancel' THEN CASE WHEN r.state = 'cancelling' OR $3 AND r.n_replayed > r.n_cancelled THEN 'cancelling'
                                   WHEN r.state = 'finished' THEN NULL
                                   ELSE 'cancelled' END
           END
$$;

-- run, pause, resume or cancel; waits for a step that is under way. run and resume take a rate, on a running one, too.
CREATE OR REPLACE FUNCTION replay_change(tenant_id uuid, partner text, replay_id uuid, action text, given json,
                                         OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held       replay;
    next_state text;
    new_rate   integer;
BEGIN
    SELECT r.* INTO held
      FROM replay r
     WHERE r.tenant_id = $1 AND r.id = $3 AND ($2 IS NULL OR r.partner = $2)
       FOR UPDATE;
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    next_state := replay_next_state(held, $4, coalesce(($5 ->> 'messages')::boolean, false));
    IF next_state IS NULL THEN
        code := 'conflict';
        body := fault('', format('The replay is %s.', held.state));
        RETURN;
    END IF;
    new_rate := coalesce(($5 ->> 'rate_per_second')::integer, held.rate_per_second);
    IF next_state <> held.state OR new_rate <> held.rate_per_second THEN
        UPDATE replay r
           SET state = next_state, rate_per_second = new_rate,
               state_reason = CASE WHEN $4 = 'cancel' THEN 'cancelled_on_request' END,
               cursor = CASE WHEN next_state = 'cancelling' THEN uuid_min() ELSE r.cursor END,
               paced_at = CASE WHEN next_state = 'running' THEN now() ELSE r.paced_at END,
               n_pauses = 0,
               due_at = CASE WHEN next_state IN ('running', 'cancelling') THEN now() END,
               started_at = CASE WHEN next_state = 'running' THEN coalesce(r.started_at, now()) ELSE r.started_at END,
               finished_at = CASE WHEN next_state = 'cancelled' THEN coalesce(r.finished_at, now()) END
         WHERE r.tenant_id = $1 AND r.id = $3
        RETURNING r.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'replay.' || CASE $4 WHEN 'run' THEN 'started' WHEN 'resume' THEN 'resumed' WHEN 'pause' THEN 'paused'
                                         ELSE 'cancelled' END, $3::text,
                json_build_object('rate_per_second', new_rate, 'replayed', held.n_replayed,
                                  'messages', next_state = 'cancelling'));
    END IF;
    code := '';
    body := replay_json(held)::text;
END
$$;
