-- Why a message is as it is, in a reason and in a sentence: for GET /v1/messages/{id} and for the explanation of an event.
-- The words are in explanation_words.sql.

-- The newest line of the audit log about an object with one of these actions, up to a moment. Looks at the newest 200.
-- STRICT keeps it from being merged into the statement: behind row-level security an index is asked for parameters only.
CREATE OR REPLACE FUNCTION audit_before(tenant_id uuid, object_id text, actions text[], moment timestamptz)
RETURNS SETOF audit_log LANGUAGE sql STABLE STRICT ROWS 1 AS $$
    SELECT l.*
      FROM (SELECT x.*
              FROM audit_log x
             WHERE x.tenant_id = $1 AND x.object_id = $2 AND x.id < id_until($4)
             ORDER BY x.id DESC
             LIMIT 200) l
     WHERE l.action = ANY ($3)
     LIMIT 1
$$;

-- When a message is tried for the last time by the schedule of its subscription, at the earliest: jitter and a receiver that
-- asks for time come on top. NULL: it is not going to be.
CREATE OR REPLACE FUNCTION message_gives_up_at(q queue, s subscription) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN q.due_at < 'infinity'
                THEN q.due_at + coalesce((SELECT sum(d.delay_s)
                                            FROM unnest(schedule_delays_s(coalesce(s.overrides ->> 'schedule', p.schedule)))
                                                 WITH ORDINALITY AS d (delay_s, n)
                                           WHERE d.n > q.attempts - q.schedule_from), 0) * interval '1 second' END
      FROM (SELECT o.schedule
              FROM profile o
             WHERE o.tenant_id IN (s.tenant_id, installation_id()) AND o.name = s.profile
             ORDER BY o.tenant_id DESC -- the tenant's own first
             LIMIT 1) p
$$;

-- What a message waits for, or why it ended. `q`: its row in the queue, if it is there.
CREATE OR REPLACE FUNCTION message_reason(m message, q queue, s subscription, l lane) RETURNS text
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (SELECT CASE x.status
                   WHEN 'succeeded' THEN 'delivered'
                   WHEN 'sending' THEN 'sending'
                   WHEN 'pending' THEN CASE WHEN s.state IN ('paused', 'held', 'pending') THEN 'subscription_' || s.state
                                            WHEN s.active_from > now() THEN 'cool_off'
                                            WHEN q.laned AND l.pause_ms > 0 THEN 'receiver_broken'
                                            WHEN q.laned AND l.paused_until > now() THEN 'receiver_resting'
                                            WHEN q.attempts > q.schedule_from THEN 'retrying'
                                            ELSE 'waiting' END
                   ELSE coalesce(x.reason, x.status) END
              FROM message_standing(m) x);
END
$$;

-- One row. `since`: of the state that holds or ended it; `until`: when what it waits for ends.
-- Planned once a connection: planning it costs more than running it, for each of its look-ups has all partitions.
CREATE OR REPLACE FUNCTION why_message(m message)
RETURNS TABLE (reason text, explanation text, since timestamptz, until timestamptz, gives_up_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 1 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.reason,
           explanation_sentence(
               r.reason, 'message',
               jsonb_build_object(
                   'status', m.status, 'reason', m.status_reason,
                   'attempts', nullif(coalesce(q.attempts, m.attempts), 0),
                   'attempt_no', CASE WHEN m.status = 'failed' THEN m.attempts ELSE (stop.detail ->> 'attempt_no')::integer END,
                   'stop_message_id', CASE WHEN m.status <> 'failed' THEN stop.detail ->> 'message_id' END,
                   'code', substring(r.reason FROM '_by_(\d{3})$'),
                   'finished_at', explanation_time(m.finished_at), 'since', explanation_time(t.since),
                   'until', explanation_time(t.until), 'next_at', explanation_time(t.next_at),
                   'gives_up_at', explanation_time(t.gives_up_at),
                   'late', explanation_span((extract(epoch FROM nullif(m.finished_at - uuid_v7_time(m.id), interval '0')) * 1000000)::bigint),
                   'last_words', attempt_words(a.outcome, a.status_code, a.duration_us, CASE WHEN a.error IS NOT NULL THEN (attempt_shown(a::attempt)).error END),
                   'previous_no', CASE WHEN b.outcome <> 'succeeded' THEN b.attempt_no END,
                   'previous_words', attempt_words(b.outcome, b.status_code, b.duration_us, CASE WHEN b.error IS NOT NULL THEN (attempt_shown(b::attempt)).error END))),
           t.since, t.until, t.gives_up_at
      FROM subscription s
      LEFT JOIN LATERAL (SELECT x.*
                           FROM queue x
                          WHERE x.tenant_id = m.tenant_id AND x.subscription_id = m.subscription_id AND x.message_id = m.id
                         OFFSET 0) q ON true
      LEFT JOIN LATERAL (SELECT x.*
                           FROM lane x
                          WHERE x.tenant_id = m.tenant_id AND x.subscription_id = m.subscription_id AND q.laned
                         OFFSET 0) l ON true
      LEFT JOIN LATERAL (SELECT x.*
                           FROM attempt x
                          WHERE x.tenant_id = m.tenant_id AND x.message_id = m.id
                          ORDER BY x.attempt_no DESC
                          LIMIT 1) a ON true
      LEFT JOIN LATERAL (SELECT x.*
                           FROM attempt x
                          WHERE x.tenant_id = m.tenant_id AND x.message_id = m.id AND x.attempt_no = a.attempt_no - 1
                         OFFSET 0) b ON true
     CROSS JOIN LATERAL (SELECT message_reason(m, q::queue, s, l::lane) AS reason OFFSET 0) r
      LEFT JOIN LATERAL audit_before(m.tenant_id,
                                     CASE WHEN m.status IN ('failed', 'cancelled') AND r.reason ~ '^(unsubscribed|disabled)_by_'
                                          THEN m.subscription_id::text END,
                                     ARRAY['subscription.unsubscribed', 'subscription.disabled'],
                                     m.finished_at + interval '2 seconds') stop ON true -- its id is a little younger than its time
     CROSS JOIN LATERAL (
            SELECT CASE WHEN m.status IN ('failed', 'cancelled') THEN coalesce(stop.at, m.finished_at)
                        WHEN s.state <> 'active' AND r.reason <> 'sending' THEN s.state_changed_at END AS since,
                   CASE r.reason WHEN 'cool_off' THEN s.active_from
                                 WHEN 'receiver_resting' THEN l.paused_until
                                 WHEN 'receiver_broken' THEN l.paused_until END AS until,
                   CASE WHEN q.due_at < 'infinity' THEN greatest(q.due_at, l.paused_until) END AS next_at,
                   CASE WHEN m.status = 'pending' THEN message_gives_up_at(q::queue, s) END AS gives_up_at
            OFFSET 0) t
     WHERE s.tenant_id = m.tenant_id AND s.id = m.subscription_id;
END
$$;

-- A message that sends another one again, beside that one's explanation.
CREATE OR REPLACE FUNCTION repeated_message_json(m message) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', m.id, 'resend_of', m.resend_of, 'status', message_status(m), 'reason', w.reason,
                             'explanation', w.explanation)
      FROM why_message(m) w
$$;
