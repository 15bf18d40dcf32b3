-- The rest of what the explanation of an event shows. The statement is event_explain in api/resources/events.sql.

-- An attempt as it stands in an explanation.
CREATE OR REPLACE FUNCTION attempt_brief_json(a attempt) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('attempt_no', a.attempt_no, 'started_at', a.started_at, 'outcome', a.outcome,
                             'status_code', a.status_code, 'duration_us', a.duration_us,
                             'explanation', attempt_words(a.outcome, a.status_code, a.duration_us,
                                                          CASE WHEN a.error IS NOT NULL THEN (attempt_shown(a)).error END))
$$;

-- A message with the last five of its attempts, oldest first, and when it is tried for the last time. Planned once a connection.
CREATE OR REPLACE FUNCTION explained_message_json(m message, gives_up_at timestamptz) RETURNS json
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (SELECT json_build_object(
                       'id', m.id, 'status', x.status, 'status_reason', x.reason,
                       'origin', coalesce(m.origin, 'live'), 'attempts', x.attempts,
                       'next_attempt_at', CASE WHEN x.status = 'pending' THEN x.due_at END,
                       'gives_up_at', $2, 'finished_at', x.finished_at, 'created_at', uuid_v7_time(m.id),
                       'last_attempts', coalesce((SELECT json_agg(attempt_brief_json(a.attempt) ORDER BY (a.attempt).attempt_no)
                                                    FROM (SELECT t AS attempt
                                                            FROM attempt t
                                                           WHERE t.tenant_id = m.tenant_id AND t.message_id = m.id
                                                           ORDER BY t.attempt_no DESC
                                                           LIMIT 5) a), '[]'))
              FROM message_standing(m) x);
END
$$;

-- An explanation with the flow that a request came to, and its run; that of any other event as it is.
CREATE OR REPLACE FUNCTION with_flow_json(e event, explained json) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN e.event_type = 'flow.request'
                THEN json_plus($2, 'flow', (SELECT json_build_object('id', f.id, 'name', f.name, 'run_id', m.id)
                                              FROM message m
                                              JOIN flow f ON f.tenant_id = e.tenant_id AND f.id = m.subscription_id
                                             WHERE m.tenant_id = e.tenant_id AND m.event_id = e.id AND m.resend_of IS NULL
                                               AND m.id BETWEEN message_id_floor(e.id) AND message_id_ceiling(e.id)
                                             LIMIT 1))
                ELSE $2 END
$$;

-- The event itself: what there is to say of it before any subscription is looked at.
CREATE OR REPLACE FUNCTION explained_event_json(e event) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT with_flow_json(e, json_build_object(
               'event', json_plus(json_plus(event_json(e), 'published_again', to_json(coalesce(k.n_repeats, 0))),
                                  'published_again_at', to_json(k.repeated_at)),
               'explanation',
               explanation_sentence('event', 'event', jsonb_build_object(
                   'accepted_at', explanation_time(uuid_v7_time(e.id)), 'external_id', e.external_id,
                   'n_repeats', CASE WHEN k.n_repeats = 1 THEN 'once' ELSE k.n_repeats || ' times' END,
                   'repeated_at', explanation_time(k.repeated_at)))))
      FROM (SELECT) one
      LEFT JOIN event_key k ON k.tenant_id = e.tenant_id AND k.external_id = e.external_id AND k.event_id = e.id
$$;
