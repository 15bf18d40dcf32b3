-- The public JSON form of a replay. planned = replayed + skipped + remaining, always.
CREATE OR REPLACE FUNCTION replay_json(r replay) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', r.id, 'source', r.source, 'asked', r.asked, 'max_messages', r.max_messages,
               'values', CASE WHEN r.has_todays_values THEN 'current' ELSE 'original' END,
               'webhook_id', CASE WHEN r.has_own_id THEN 'new' ELSE 'same' END,
               'rate_per_second', r.rate_per_second, 'state', r.state, 'state_reason',
               CASE WHEN r.n_failed_steps > 0 AND r.finished_at IS NULL THEN 'step_failed' ELSE r.state_reason END,
               'looked_at', r.n_looked_at, 'planned', r.n_planned, 'is_truncated', r.is_truncated,
               'replayed', r.n_replayed, 'skipped', r.n_skipped,
               'remaining', r.n_planned - r.n_replayed - r.n_skipped,
               'skipped_by_reason', r.skipped, 'cancelled_messages', r.n_cancelled,
               'is_waiting', r.state = 'running' AND r.n_pauses > 0,
               'created_at', r.created_at, 'planned_at', r.planned_at, 'started_at', r.started_at,
               'finished_at', r.finished_at)
$$;

-- The id of the message that it makes.
CREATE OR REPLACE FUNCTION replay_message_id(i replay_message) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN i.was IS NULL THEN i.message_id ELSE resend_id(i.message_id, i.replay_id) END
$$;

-- What became of the messages that it has made, of the oldest 10,000 that it is about.
CREATE OR REPLACE FUNCTION replay_outcomes_json(r replay) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'succeeded', count(*) FILTER (WHERE m.status = 'succeeded'), 'failed', count(*) FILTER (WHERE m.status = 'failed'),
               'cancelled', count(*) FILTER (WHERE m.status = 'cancelled'),
               'waiting', count(*) FILTER (WHERE m.status IN ('pending', 'held')), 'is_exact', r.n_planned <= 10000)
      FROM (SELECT x.subscription_id, x.outcome, replay_message_id(x) AS new_id
              FROM replay_message x
             WHERE x.tenant_id = r.tenant_id AND x.replay_id = r.id
             ORDER BY x.message_id
             LIMIT 10000) i
     CROSS JOIN LATERAL (SELECT y.status
                           FROM message y
                          WHERE y.tenant_id = r.tenant_id AND y.id = i.new_id AND y.subscription_id = i.subscription_id
                            AND i.outcome = 'replayed'
                         OFFSET 0) m
$$;

-- One of those that it is about.
CREATE OR REPLACE FUNCTION replay_message_json(i replay_message) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'message_id', CASE WHEN i.was IS NOT NULL THEN i.message_id END,
               'event_id', i.event_id, 'subscription_id', i.subscription_id, 'was', coalesce(i.was, 'missed'),
               'outcome', CASE WHEN i.outcome IS NULL THEN 'remaining' WHEN i.outcome = 'replayed' THEN i.outcome ELSE 'skipped' END,
               'reason', CASE WHEN i.outcome <> 'replayed' THEN i.outcome END,
               'new_message_id', CASE WHEN i.outcome = 'replayed' THEN replay_message_id(i) END)
$$;
