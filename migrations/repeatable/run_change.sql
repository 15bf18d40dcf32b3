-- Changes of runs. The statements are in api/resources/runs.sql.

-- The run's flow, held so that it stays as it is; all NULL when there is no such run, or the caller may not see it.
CREATE OR REPLACE FUNCTION run_flow_lock(tenant_id uuid, partner text, run_id uuid) RETURNS subscription LANGUAGE sql AS $$
    SELECT s.*
      FROM message m
      JOIN subscription s ON s.tenant_id = $1 AND s.id = m.subscription_id AND s.kind = 'flow'
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE m.tenant_id = $1 AND m.id = $3
       FOR NO KEY UPDATE OF s
$$;

-- Ends a run: what waits at once; what a worker is at ends on its own, and nothing follows it.
CREATE OR REPLACE FUNCTION run_cancel(tenant_id uuid, partner text, run_id uuid, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    target  subscription := run_flow_lock($1, $2, $3);
    waiting queue;
    held    message;
BEGIN
    IF target.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    SELECT q.* INTO waiting
      FROM queue q
     WHERE q.tenant_id = $1 AND q.subscription_id = target.id AND q.message_id = $3
       FOR UPDATE; -- waits for a claim, or a record, of it
    IF waiting.message_id IS NULL THEN
        code := 'conflict';
        body := fault('', 'The run has ended.');
        RETURN;
    END IF;
    IF waiting.leased AND waiting.due_at > clock_timestamp() THEN
        UPDATE message m SET status_reason = 'run_cancelled' WHERE m.tenant_id = $1 AND m.id = $3;
    ELSE
        DELETE FROM queue q WHERE q.tenant_id = $1 AND q.subscription_id = target.id AND q.message_id = $3;
        DELETE FROM run r WHERE r.tenant_id = $1 AND r.message_id = $3;
        UPDATE message m
           SET status = 'cancelled', status_reason = 'run_cancelled', attempts = waiting.attempts, finished_at = now()
         WHERE m.tenant_id = $1 AND m.id = $3;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'run.cancelled', $3::text, json_build_object('flow_id', target.id));
    SELECT m.* INTO held FROM message m WHERE m.tenant_id = $1 AND m.id = $3;
    code := '';
    body := run_json(held)::text;
END
$$;

-- The attempts that say what a run has come to: its own, and those of the runs that it began in the middle of. `depth` 0 is its own.
CREATE OR REPLACE FUNCTION run_history(tenant_id uuid, run_id uuid)
RETURNS TABLE (depth integer, attempt_no integer, step_name text, outcome text, step_value text, step_output text)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE line AS (
        SELECT 0 AS depth, m.id, m.resend_of, m.origin FROM message m WHERE m.tenant_id = $1 AND m.id = $2
         UNION ALL
        SELECT l.depth + 1, m.id, m.resend_of, m.origin
          FROM line l
          JOIN message m ON m.tenant_id = $1 AND m.id = l.resend_of
         WHERE l.origin = 'rerun' AND l.depth < 20
    )
    SELECT l.depth, a.attempt_no, a.step_name, a.outcome, a.step_value, a.step_output
      FROM line l
      JOIN attempt a ON a.tenant_id = $1 AND a.message_id = l.id AND a.step_no IS NOT NULL
$$;

-- The row of a run that begins at step `from_no` of these steps, with what `run_id` had come to before it; all NULL when it has
-- not come that far.
CREATE OR REPLACE FUNCTION run_begin_at(tenant_id uuid, run_id uuid, steps json, from_no integer) RETURNS run
LANGUAGE sql STABLE AS $$
    WITH before AS MATERIALIZED (
        SELECT s.n, s.step ->> 'name' AS name
          FROM json_array_elements($3) WITH ORDINALITY AS s (step, n)
         WHERE s.n <= $4
    ), known AS MATERIALIZED (
        SELECT DISTINCT ON (b.n) b.n, b.name, h.depth, h.attempt_no, h.step_output
          FROM before b
          JOIN run_history($1, $2) h ON h.step_name = b.name AND h.step_output IS NOT NULL
         ORDER BY b.n, h.depth, h.attempt_no DESC
    )
    SELECT $1, $2, NULL::uuid, 0, $4,
           (SELECT h.step_value
              FROM before b
              JOIN run_history($1, $2) h ON h.step_name = b.name AND h.step_value IS NOT NULL
             ORDER BY b.n DESC, h.depth, h.attempt_no DESC
             LIMIT 1),
           '{' || coalesce((SELECT string_agg(to_json(k.name)::text || ':' || k.step_output, ',' ORDER BY k.n) FROM known k), '') || '}',
           NULL::text, NULL::timestamptz
     WHERE (SELECT count(*) FROM known) = $4
$$;

-- Does a run again that has ended, as a new one: from a step, with what it had come to before, or from the first. By the flow's
-- steps of today.
CREATE OR REPLACE FUNCTION run_rerun(tenant_id uuid, partner text, run_id uuid, given json, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    target  subscription := run_flow_lock($1, $2, $3);
    today   flow;
    sent    message;
    begun   run;
    from_no integer := 0;
    made_id uuid := resend_id($3, uuid_v7());
BEGIN
    IF target.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    PERFORM event_share($1, ARRAY(SELECT m.event_id FROM message m WHERE m.tenant_id = $1 AND m.id = $3));
    SELECT m.* INTO sent FROM message m WHERE m.tenant_id = $1 AND m.id = $3;
    SELECT f.* INTO today FROM flow f WHERE f.tenant_id = $1 AND f.id = target.id;
    IF sent.id IS NULL THEN -- forgotten, this moment
        code := 'not_found';
        RETURN;
    END IF;
    body := payload_fault($1, sent.event_id);
    IF body IS NOT NULL THEN
        code := 'payload_gone';
        RETURN;
    END IF;
    body := CASE WHEN sent.status NOT IN ('succeeded', 'failed', 'cancelled') THEN 'The run has not ended.'
                 WHEN target.state NOT IN ('active', 'held') THEN 'The flow is archived.' END;
    IF body IS NOT NULL THEN
        code := 'conflict';
        body := fault('', body);
        RETURN;
    END IF;
    IF $4 ->> 'from_step' IS NOT NULL THEN
        from_no := (SELECT s.n - 1 FROM json_array_elements(today.steps) WITH ORDINALITY AS s (step, n)
                     WHERE s.step ->> 'name' = $4 ->> 'from_step');
        begun := run_begin_at($1, $3, today.steps, from_no);
        IF begun.message_id IS NULL THEN
            code := 'invalid_body';
            body := fault('/from_step', CASE WHEN from_no IS NULL THEN 'The flow has no such step.'
                                             ELSE 'The run has not come that far.' END);
            RETURN;
        END IF;
    END IF;
    PERFORM message_repeat(target, ARRAY[$3], ARRAY[made_id], false, true, NULL);
    UPDATE message m SET origin = 'rerun' WHERE m.tenant_id = $1 AND m.id = made_id RETURNING m.* INTO sent;
    IF today.delivery = 'steps' THEN
        UPDATE run r -- as message_repeat() has made it
           SET step_no = from_no, value = begun.value, outputs = coalesce(begun.outputs, '{}')
         WHERE r.tenant_id = $1 AND r.message_id = made_id;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'run.repeated', $3::text, json_build_object('as', made_id, 'from_step', $4 ->> 'from_step'));
    code := '';
    body := run_json(sent)::text;
END
$$;
