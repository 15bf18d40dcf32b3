-- Why nothing, or not much, is sent to a subscription just now. It is no part of subscription_json(): that has an ETag,
-- which traffic must not change. See docs/adr/0022-lanes.md.

-- What waits and what is in flight, of the oldest 10,000 messages; of the lane all that is in flight.
CREATE OR REPLACE FUNCTION delivery_counts(s subscription, OUT n integer, OUT waiting integer, OUT held integer,
                                           OUT in_flight integer, OUT oldest_waiting_at timestamptz,
                                           OUT next_due_at timestamptz)
LANGUAGE sql STABLE AS $$
    WITH oldest AS MATERIALIZED (
        SELECT q.message_id, q.due_at, q.laned, q.leased AND q.due_at > now() AS is_in_flight, q.due_at = 'infinity' AS is_held
          FROM queue q
         WHERE q.tenant_id = s.tenant_id AND q.subscription_id = s.id
         ORDER BY q.message_id
         LIMIT 10001
    ), laned AS (
        SELECT count(*) AS in_flight
          FROM queue q
         WHERE q.tenant_id = s.tenant_id AND q.subscription_id = s.id AND q.laned AND q.leased AND q.due_at > now()
    )
    SELECT count(*),
           least(count(*) FILTER (WHERE NOT o.is_in_flight), 10000),
           least(count(*) FILTER (WHERE o.is_held), 10000),
           count(*) FILTER (WHERE o.is_in_flight AND NOT o.laned) + (SELECT l.in_flight FROM laned l),
           uuid_v7_time((array_agg(o.message_id ORDER BY o.message_id) FILTER (WHERE NOT o.is_in_flight))[1]),
           CASE WHEN s.ordered THEN (array_agg(o.due_at ORDER BY o.message_id) FILTER (WHERE NOT o.is_held))[1]
                ELSE min(o.due_at) FILTER (WHERE NOT o.is_in_flight AND NOT o.is_held) END
      FROM oldest o
$$;

-- What workers are doing with what waits, the oldest 20.
CREATE OR REPLACE FUNCTION delivery_changes_json(s subscription) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('kind', c.kind, 'reason', c.reason, 'since', c.since,
                                               'is_failing', c.n_failed_steps > 0) ORDER BY c.since), '[]')
      FROM (SELECT CASE WHEN x.kind = 'cancel' THEN 'cancelling'
                        WHEN x.kind = 'revive' THEN 'reviving'
                        WHEN s.state = 'active' THEN 'releasing'
                        WHEN s.state IN ('pending', 'paused', 'held') THEN 'holding'
                        ELSE 'cancelling' END AS kind,
                   CASE WHEN x.kind = 'state' THEN s.state_reason ELSE split_part(x.reason, ' ', 1) END AS reason, x.since,
                   x.n_failed_steps
              FROM queue_change x
             WHERE x.tenant_id = s.tenant_id AND x.subscription_id = s.id
             ORDER BY x.since
             LIMIT 20) c
$$;

CREATE OR REPLACE FUNCTION delivery_json(s subscription) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'state', d.state,
               'since', CASE WHEN d.state = 'stopped' THEN s.state_changed_at
                             WHEN d.state = 'throttled' THEN l.asked_at
                             WHEN d.state = 'broken' OR d.state = 'limited' AND l.is_busy THEN l.since END,
               'paused_until', d.paused_until,
               'paused_by', CASE WHEN d.paused_until IS NULL THEN NULL
                                 WHEN d.state = 'cooling_off' THEN 'cool_off'
                                 WHEN d.state = 'throttled' THEN 'receiver'
                                 ELSE 'circuit' END,
               'paused_by_status', CASE WHEN d.state = 'throttled' THEN nullif(l.asked_status, 0) END,
               'next_attempt_at', CASE WHEN d.state <> 'stopped' AND c.next_due_at IS NOT NULL
                                       THEN greatest(c.next_due_at, d.paused_until) END,
               'waiting', CASE WHEN f.is_ended THEN 0 ELSE c.waiting END,
               'held', CASE WHEN f.is_ended THEN 0 WHEN d.state = 'stopped' THEN c.waiting ELSE c.held END, 'is_exact', c.n <= 10000, 'in_flight', c.in_flight,
               'oldest_waiting_at', CASE WHEN NOT f.is_ended THEN c.oldest_waiting_at END,
               'max_in_flight', CASE WHEN d.state = 'stopped' OR d.paused_until IS NOT NULL THEN 0
                                     WHEN s.ordered OR l.pause_ms > 0 OR l.is_busy AND l.succeeded_at IS NULL THEN 1
                                     WHEN d.state = 'limited' THEN least(s.max_in_flight, l.max_in_flight) END,
               'failing_since', (SELECT f.failing_since
                                   FROM subscription_health f
                                  WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id),
               'under_way', delivery_changes_json(s))
      FROM delivery_counts(s) c
     CROSS JOIN (SELECT s.state IN ('unsubscribed', 'disabled', 'archived') AS is_ended) f
      LEFT JOIN lane l ON l.tenant_id = s.tenant_id AND l.subscription_id = s.id
     CROSS JOIN LATERAL (
            SELECT CASE WHEN s.state <> 'active' THEN 'stopped'
                        WHEN s.active_from > now() THEN 'cooling_off'
                        WHEN l.asked_until > now() THEN 'throttled'
                        WHEN l.pause_ms > 0 THEN 'broken'
                        WHEN l.paused_until > now() THEN 'throttled'
                        WHEN l.is_busy OR s.ordered OR num_nonnulls(s.rate_per_second, s.max_in_flight) > 0 THEN 'limited'
                        ELSE 'normal' END AS state,
                   CASE WHEN s.state = 'active' AND greatest(s.active_from, l.paused_until) > now()
                        THEN greatest(s.active_from, l.paused_until) END AS paused_until) d
$$;
