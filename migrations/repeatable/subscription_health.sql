-- Endpoint health: what follows when a subscription has had nothing but failures for long. worker/record.sql writes
-- down the first failure and the last; worker/upkeep.c has this done. `hour` is shorter in tests.

CREATE OR REPLACE FUNCTION health_disable(s subscription, worker text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE subscription x
       SET state = 'disabled', state_reason = 'disabled_by_health', state_changed_at = now(), updated_at = now(),
           cancelled_from = queue_first(x.tenant_id, x.id)
     WHERE x.tenant_id = s.tenant_id AND x.id = s.id;
    INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)
    VALUES (s.tenant_id, 'worker ' || $2, 'subscription.disabled', s.id::text, '{"reason": "disabled_by_health"}');
    PERFORM queue_change_begin(s.tenant_id, s.id, 'state', NULL, NULL, NULL, NULL, 0); -- upkeep's: a round disables many
    PERFORM delivery_stop(s.tenant_id, ARRAY[s.id]);
    PERFORM operational_stop(s.tenant_id, s.id, 'disabled', 'disabled_by_health');
END
$$;

-- Looks at one subscription, whose row and whose health are held. What counts is the time from the first failure
-- to the last: a single one that comes late is the first of its own.
DROP FUNCTION IF EXISTS health_judge(subscription, subscription_health, interval, text);
CREATE OR REPLACE FUNCTION health_judge(s subscription, h subscription_health, hour interval, worker text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    failing_after interval;
    disable_after interval;
    failing_for   interval := h.last_failed_at - h.failing_since;
    is_warning    boolean;
BEGIN
    SELECT coalesce((s.overrides ->> 'failing_after_h')::integer, p.failing_after_h) * $3,
           coalesce((s.overrides ->> 'disable_after_h')::integer, p.disable_after_h) * $3
      INTO failing_after, disable_after
      FROM profile p
     WHERE p.tenant_id IN (s.tenant_id, installation_id()) AND p.name = s.profile
     ORDER BY p.tenant_id DESC -- the tenant's own first
     LIMIT 1;
    IF s.state = 'active' AND s.kind = 'delivery' AND disable_after > '0' AND failing_for >= disable_after THEN
        PERFORM health_disable(s, $4);
        s.state := 'disabled';
    END IF;
    -- Stopped, or silent for so long that another failure is a new beginning; a flow has no endpoint.
    IF s.kind = 'flow' OR s.state IN ('unsubscribed', 'disabled', 'archived')
       OR h.last_failed_at < now() - greatest(failing_after, disable_after, 24 * $3) THEN
        DELETE FROM subscription_health x WHERE x.tenant_id = s.tenant_id AND x.subscription_id = s.id;
        RETURN;
    END IF;

    is_warning := s.state = 'active' AND h.warned_at IS NULL AND failing_after > '0' AND failing_for >= failing_after;
    IF is_warning THEN
        PERFORM operational_event(
            s.tenant_id, s.app_id, 'hookline.subscription.failing',
            json_build_object('subscription_id', s.id, 'app_id', s.app_id, 'failing_since', h.failing_since,
                              'last_failed_at', h.last_failed_at,
                              'disabled_from', CASE WHEN disable_after > '0' THEN h.failing_since + disable_after END));
    END IF;
    UPDATE subscription_health x
       SET check_at = now() + $3 / 2, warned_at = CASE WHEN is_warning THEN now() ELSE x.warned_at END
     WHERE x.tenant_id = s.tenant_id AND x.subscription_id = s.id;
END
$$;

-- Looks at up to `n_most` subscriptions whose time has come. Any number of workers may: each row is one's, by the order
-- in which all lock (the subscription, then its health), and what is locked is left alone. Returns how many.
CREATE OR REPLACE FUNCTION health_check(n_most integer, hour_ms bigint, worker text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    due      record;
    held     subscription;
    health   subscription_health;
    n_judged integer := 0;
BEGIN
    FOR due IN
        SELECT h.tenant_id, h.subscription_id FROM subscription_health h
         WHERE h.check_at <= now() AND NOT tenant_is_away(h.tenant_id)
         ORDER BY h.check_at LIMIT $1
    LOOP
        SELECT s.* INTO held
          FROM subscription s
         WHERE s.tenant_id = due.tenant_id AND s.id = due.subscription_id
           FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        SELECT h.* INTO health
          FROM subscription_health h
         WHERE h.tenant_id = due.tenant_id AND h.subscription_id = due.subscription_id AND h.check_at <= now()
           FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        n_judged := n_judged + 1;
        PERFORM health_judge(held, health, $2 * interval '1 millisecond', $3);
    END LOOP;
    RETURN n_judged;
END
$$;

-- As people see it. The last success is looked for among the last 100 messages.
CREATE OR REPLACE FUNCTION subscription_health_json(s subscription) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'subscription_id', s.id, 'state', s.state, 'state_reason', s.state_reason,
               'failing_since', h.failing_since, 'last_failed_at', h.last_failed_at, 'warned_at', h.warned_at,
               'last_succeeded_at', (SELECT max(m.finished_at)
                                       FROM (SELECT x.status, x.finished_at
                                               FROM message x
                                              WHERE x.tenant_id = s.tenant_id AND x.subscription_id = s.id
                                              ORDER BY x.id DESC
                                              LIMIT 100) m
                                      WHERE m.status = 'succeeded'),
               'failing_after_h', coalesce((s.overrides ->> 'failing_after_h')::integer, p.failing_after_h),
               'disable_after_h', coalesce((s.overrides ->> 'disable_after_h')::integer, p.disable_after_h),
               'attempts_after_s', a.attempts_s, 'gives_up_after_s', a.attempts_s[cardinality(a.attempts_s)])
      FROM (SELECT o.*
              FROM profile o
             WHERE o.tenant_id IN (s.tenant_id, installation_id()) AND o.name = s.profile
             ORDER BY o.tenant_id DESC
             LIMIT 1) p
     CROSS JOIN LATERAL (SELECT schedule_attempts_s(coalesce(s.overrides ->> 'schedule', p.schedule)) AS attempts_s) a
      LEFT JOIN subscription_health h ON h.tenant_id = s.tenant_id AND h.subscription_id = s.id
$$;
