-- What becomes of a lane when a worker has learned something of its receiver: worker/lanes.sql says it while it holds the
-- lane. Pure. See docs/adr/0022-lanes.md.

-- `was` is all NULL when there is no lane yet. Of the last attempts, the youngest of which is `age_ms` old, `n_answered`
-- were answered, the failures among them cost `cost`; the receiver wants nothing for `throttle_ms` (it said so with
-- `throttle_status`); `n_entering` messages go into the lane, which waits `wait_ms` before it is looked at;
-- `is_proven`: others know that it answers well. `divisor` divides pauses.
-- Failures that cost 10 without an answer open the circuit: the lane pauses for 1 s, then sends one message to probe,
-- pauses twice as long when that fails, 30 s at most, and begins with one at a time when it is answered. So it does
-- after a rest of a minute or more. What was sent before the lane's rest was lifted tells nothing.
DROP FUNCTION IF EXISTS lane_told(lane, integer, integer, bigint, integer, bigint, boolean, integer);
CREATE OR REPLACE FUNCTION lane_told(was lane, n_answered integer, cost integer, throttle_ms bigint, throttle_status integer,
                                     age_ms bigint, n_entering integer, wait_ms bigint, is_proven boolean, divisor integer)
RETURNS lane LANGUAGE plpgsql STABLE AS $$
DECLARE
    l            lane        := was;
    is_news      boolean     := coalesce(was.lifted_at <= now() - age_ms * interval '1 millisecond', true);
    n_good       integer     := CASE WHEN is_news THEN n_answered ELSE 0 END;
    costs        integer     := CASE WHEN is_news THEN cost ELSE 0 END;
    asked_ms     bigint      := CASE WHEN is_news THEN throttle_ms ELSE 0 END;
    old_pause_ms integer     := coalesce(was.pause_ms, 0);
    rests_until  timestamptz := coalesce(was.paused_until, '-infinity');
    most         integer     := coalesce(was.max_in_flight, 8);
    closes       boolean     := n_good > 0 AND old_pause_ms > 0;
    opens        boolean;
BEGIN
    l.failure_cost := CASE WHEN n_good > 0 THEN 0
                           ELSE least(1000000, coalesce(was.failure_cost, 0)::bigint + costs) END;
    opens := costs > 0 AND l.failure_cost >= 10 AND rests_until <= now();
    l.pause_ms := CASE WHEN n_good > 0 THEN 0
                       WHEN opens THEN least(30000, greatest(1000, 2 * old_pause_ms))
                       ELSE old_pause_ms END;
    IF asked_ms > 0 AND now() + asked_ms * interval '1 millisecond' > coalesce(was.asked_until, '-infinity') THEN
        l.asked_at := CASE WHEN was.asked_until > now() THEN was.asked_at ELSE now() END;
        l.asked_until := now() + asked_ms * interval '1 millisecond';
        l.asked_status := throttle_status;
    END IF;
    l.paused_until := greatest(CASE WHEN NOT closes THEN rests_until END, l.asked_until,
                               CASE WHEN opens THEN now() + l.pause_ms / divisor * interval '1 millisecond' END,
                               '-infinity');
    l.is_busy := coalesce(was.is_busy, false) OR n_entering > 0 OR l.paused_until > now();
    l.next_at := greatest(now() + wait_ms * interval '1 millisecond', l.paused_until);
    l.max_in_flight := CASE WHEN closes OR l.pause_ms > 0 THEN 1
                            WHEN costs = 0 THEN least(1000, most + n_good)
                            WHEN n_good = 0 THEN greatest(1, most / 2)
                            ELSE most END;
    l.succeeded_at := CASE WHEN asked_ms >= 60000 / divisor AND n_good = 0 THEN NULL
                           WHEN n_good > 0 OR is_proven THEN now()
                           ELSE was.succeeded_at END;
    l.since := CASE WHEN closes OR opens AND was.pause_ms = 0 THEN now() ELSE coalesce(was.since, now()) END;
    l.n_turns := coalesce(was.n_turns % 2000000000 + 1, 0);
    l.n_idle := 0; -- the looks for what is just being put into it begin anew: this one may come too soon
    RETURN l;
END
$$;
