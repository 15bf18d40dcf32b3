-- The public JSON forms of a run: a message of a flow. docs/flows.md says what its states mean.

-- The version of the flow whose steps it goes by: of a rerun the one of its first attempt.
CREATE OR REPLACE FUNCTION run_version(m message) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT r.version FROM run r WHERE r.tenant_id = m.tenant_id AND r.message_id = m.id),
                    CASE WHEN m.origin = 'rerun'
                         THEN (SELECT max(v.version)
                                 FROM flow_version v
                                WHERE v.tenant_id = m.tenant_id AND v.flow_id = m.subscription_id
                                  AND v.created_at <= (SELECT a.started_at FROM attempt a
                                                        WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id
                                                        ORDER BY a.attempt_no LIMIT 1)) END,
                    (SELECT (e.request ->> 'version')::integer FROM event e WHERE e.tenant_id = m.tenant_id AND e.id = m.event_id))
$$;

-- The steps of a version: those of the greatest one that is not above it.
CREATE OR REPLACE FUNCTION flow_steps_of(tenant_id uuid, flow_id uuid, version integer) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT v.steps
      FROM flow_version v
     WHERE v.tenant_id = $1 AND v.flow_id = $2 AND v.version <= $3
     ORDER BY v.version DESC
     LIMIT 1
$$;

CREATE OR REPLACE FUNCTION run_json(m message) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', m.id, 'flow_id', m.subscription_id, 'event_id', m.event_id, 'status', x.status, 'status_reason', x.reason,
               'version', v.version, 'step', CASE WHEN x.status IN ('pending', 'sending', 'held')
                                                  THEN flow_steps_of(m.tenant_id, m.subscription_id, v.version)
                                                       -> coalesce(r.step_no, 0) ->> 'name' END,
               'waits_until', r.wait_until, 'attempts', x.attempts,
               'next_attempt_at', CASE WHEN x.status = 'pending' AND isfinite(x.due_at) THEN x.due_at END,
               'origin', coalesce(m.origin, 'live'), 'resend_of', m.resend_of, 'finished_at', x.finished_at,
               'created_at', uuid_v7_time(m.id))
      FROM message_standing(m) x
     CROSS JOIN run_version(m) AS v (version)
      LEFT JOIN run r ON r.tenant_id = m.tenant_id AND r.message_id = m.id
$$;

-- How a step of a run stands. `is_here`: the run has come to it.
CREATE OR REPLACE FUNCTION step_status(outcome text, is_here boolean, has_ended boolean, waits boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN $2 AND NOT $3 AND $4 THEN 'waiting'
            WHEN $2 AND NOT $3 AND $1 IS NOT NULL AND $1 <> 'succeeded' THEN 'retrying'
            WHEN $1 = 'succeeded' THEN 'succeeded'
            WHEN $1 IS NOT NULL THEN 'failed'
            WHEN $3 THEN 'skipped' ELSE 'pending' END;

-- The steps of a run: those of its version, each with what its attempts say.
CREATE OR REPLACE FUNCTION run_steps_json(m message) RETURNS json LANGUAGE sql STABLE AS $$
    WITH told AS MATERIALIZED (
        SELECT a.step_no, min(a.step_name) AS name, count(*) AS n, min(a.started_at) AS started_at, max(a.attempt_no) AS last_no
          FROM attempt a
         WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id AND a.step_no IS NOT NULL
         GROUP BY a.step_no
    ), step AS (
        SELECT coalesce(s.n - 1, t.step_no) AS no, coalesce(t.name, s.step ->> 'name') AS name, s.step ->> 'kind' AS kind,
               coalesce(t.n, 0) AS n, t.started_at, t.last_no
          FROM json_array_elements(flow_steps_of(m.tenant_id, m.subscription_id, run_version(m))) WITH ORDINALITY AS s (step, n)
          FULL JOIN told t ON t.step_no = s.n - 1
    )
    SELECT coalesce(json_agg(json_build_object(
               'name', s.name, 'kind', s.kind,
               'status', step_status((l.shown).outcome, coalesce(r.step_no, 0) = s.no, m.status IN ('succeeded', 'failed', 'cancelled'),
                                     r.wait_until IS NOT NULL),
               'attempts', s.n, 'started_at', s.started_at,
               'finished_at', (l.shown).started_at + (l.shown).duration_us * interval '1 microsecond',
               'error', (l.shown).error, 'output', (l.shown).step_output::json) ORDER BY s.no), '[]')
      FROM step s
      LEFT JOIN run r ON r.tenant_id = m.tenant_id AND r.message_id = m.id
      LEFT JOIN LATERAL (SELECT attempt_shown(a) AS shown
                           FROM attempt a
                          WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id AND a.attempt_no = s.last_no
                         OFFSET 0) l ON true
$$;
