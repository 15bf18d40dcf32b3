-- A message's status as others see it: a row of the queue under a live lease is being sent.
CREATE OR REPLACE FUNCTION message_status(status text, leased boolean, due_at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN status = 'pending' AND leased AND due_at > now() THEN 'sending' ELSE status END
$$;
CREATE OR REPLACE FUNCTION message_status(m message) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT x.status FROM message_standing(m) x
$$;

-- The public JSON form of a message. While it is in the queue, the queue knows how it stands. Planned once a connection: an
-- event may be in any week, and planning for all of them takes longer than looking.
CREATE OR REPLACE FUNCTION message_json(m message) RETURNS json LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (SELECT json_build_object(
                       'id', m.id, 'event_id', m.event_id, 'event_type', coalesce(e.event_type, ''), 'company', c.external_id,
                       'app_id', s.app_id, 'subscription_id', m.subscription_id,
                       'status', x.status, 'status_reason', x.reason, 'attempts', x.attempts,
                       'next_attempt_at', CASE WHEN x.status = 'pending' THEN x.due_at END,
                       'origin', coalesce(m.origin, 'live'), 'backfill_id', m.backfill_id,
                       'replay_id', m.replay_id, 'resend_of', m.resend_of, 'webhook_id', coalesce(m.webhook_id, m.id),
                       'finished_at', x.finished_at, 'created_at', uuid_v7_time(m.id))
              FROM message_standing(m) x
              LEFT JOIN event e ON e.tenant_id = m.tenant_id AND e.id = m.event_id -- of a week that is being dropped: none
              LEFT JOIN company c ON c.tenant_id = m.tenant_id AND c.id = e.company_id
              JOIN subscription s ON s.tenant_id = m.tenant_id AND s.id = m.subscription_id);
END
$$;

-- A message in the list that an event carries.
CREATE OR REPLACE FUNCTION message_brief_json(m message) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', m.id, 'subscription_id', m.subscription_id, 'status', message_status(m))
$$;
