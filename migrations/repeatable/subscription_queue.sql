-- What waits for a subscription changes with it, however much it is: a change is a row of queue_change, on which whoever
-- makes it does the first step and workers the others. Each looks at so many messages and is a transaction of its own.
-- Who works on a change holds its row, and writes the subscription's state before: so a step sees the state as it is.
-- See docs/adr/0038-queue-changes-in-steps.md.
DROP FUNCTION IF EXISTS subscription_hold_queue(uuid, uuid, text);
DROP FUNCTION IF EXISTS queue_release(uuid, uuid, timestamptz, integer, boolean);
DROP FUNCTION IF EXISTS subscription_release_queue(uuid, uuid, timestamptz);
DROP FUNCTION IF EXISTS health_cancel(uuid, uuid);

-- Has a lane that sleeps look at what has been put into it, waiting for whoever is looking at it just now. `is_ramp`:
-- it begins with one at a time, whatever it had learned before. See docs/adr/0022-lanes.md.
CREATE OR REPLACE FUNCTION lane_wake(tenant_id uuid, subscription_id uuid, is_ramp boolean) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO lane AS l (tenant_id, subscription_id) VALUES ($1, $2)
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET is_busy = true, n_turns = l.n_turns + 1, n_idle = 0,
           next_at = CASE WHEN l.is_busy THEN l.next_at ELSE greatest(excluded.next_at, l.paused_until) END,
           max_in_flight = CASE WHEN $3 THEN least(l.max_in_flight, 8) ELSE l.max_in_flight END,
           succeeded_at = CASE WHEN NOT $3 THEN l.succeeded_at END;
END
$$;

-- Puts an end to a rest: the receiver's, or that of the circuit. The lane begins anew, with one at a time; what was sent
-- before and is answered later tells it nothing. Returns whether there was a rest.
CREATE OR REPLACE FUNCTION lane_lift(tenant_id uuid, subscription_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    rested boolean;
BEGIN
    SELECT l.paused_until > now() OR l.pause_ms > 0 INTO rested
      FROM lane l
     WHERE l.tenant_id = $1 AND l.subscription_id = $2
       FOR UPDATE;
    -- One that has no messages stays for as long as something may be under way.
    INSERT INTO lane AS l (tenant_id, subscription_id, is_busy, next_at, lifted_at)
    VALUES ($1, $2, false, now() + interval '1 minute', clock_timestamp())
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET next_at = CASE WHEN l.is_busy THEN EXCLUDED.since ELSE EXCLUDED.next_at END,
           n_turns = l.n_turns % 2000000000 + 1, n_idle = 0, max_in_flight = least(l.max_in_flight, 8), failure_cost = 0,
           pause_ms = 0, paused_until = '-infinity', succeeded_at = NULL, since = EXCLUDED.since, asked_at = NULL,
           asked_until = NULL, asked_status = NULL, lifted_at = EXCLUDED.lifted_at;
    RETURN coalesce(rested, false);
END
$$;

-- The same of a subscription, which the caller holds; `hurries`: the message that an ordered one's others wait for is due
-- now. Returns whether anything waited less for it.
CREATE OR REPLACE FUNCTION subscription_lift_rest(s subscription, hurries boolean) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n_hurried integer := 0;
BEGIN
    IF hurries AND s.ordered THEN
        UPDATE queue q SET due_at = now()
         WHERE q.ctid = (SELECT x.ctid
                           FROM (SELECT y.ctid, y.leased, y.due_at
                                   FROM queue y
                                  WHERE y.tenant_id = s.tenant_id AND y.subscription_id = s.id
                                  ORDER BY y.message_id
                                  LIMIT 1
                                    FOR UPDATE SKIP LOCKED) x
                          WHERE NOT x.leased AND x.due_at > now() AND x.due_at < 'infinity')
           AND q.tenant_id = s.tenant_id;
        GET DIAGNOSTICS n_hurried = ROW_COUNT;
    END IF;
    PERFORM pg_notify('hookline_due', '');
    RETURN lane_lift(s.tenant_id, s.id) OR n_hurried > 0;
END
$$;

-- The oldest message that waits.
CREATE OR REPLACE FUNCTION queue_first(tenant_id uuid, subscription_id uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT q.message_id FROM queue q WHERE q.tenant_id = $1 AND q.subscription_id = $2 ORDER BY q.message_id LIMIT 1
$$;

-- Of these, the rows of the queue that nobody else holds, and that are not in flight: locked. Held ones only on request.
CREATE OR REPLACE FUNCTION queue_take(c queue_change, ids uuid[], with_held boolean) RETURNS tid[] LANGUAGE sql AS $$
    SELECT array_agg(x.queue_ctid)
      FROM unnest($2) AS u (id)
     CROSS JOIN LATERAL (SELECT q.ctid AS queue_ctid
                           FROM queue q
                          WHERE q.tenant_id = ($1).tenant_id AND q.subscription_id = ($1).subscription_id
                            AND q.message_id = u.id AND NOT (q.leased AND q.due_at > now())
                            AND ($3 OR q.due_at < 'infinity')
                         OFFSET 0
                            FOR UPDATE SKIP LOCKED) x
$$;

-- The first of the messages that still waits, or, when they are to be held, is not: somebody else holds it just now.
CREATE OR REPLACE FUNCTION queue_left(c queue_change, ids uuid[], is_hold boolean) RETURNS uuid LANGUAGE sql AS $$
    SELECT u.id
      FROM unnest($2) AS u (id)
     CROSS JOIN LATERAL (SELECT q.due_at
                           FROM queue q
                          WHERE q.tenant_id = ($1).tenant_id AND q.subscription_id = ($1).subscription_id
                            AND q.message_id = u.id AND NOT (q.leased AND q.due_at > now())
                         OFFSET 0) x
     WHERE NOT ($3 AND x.due_at = 'infinity')
     ORDER BY u.id
     LIMIT 1
$$;

-- Holds those that wait. What is in flight ends on its own, and worker/record.sql holds it should it have to wait again.
CREATE OR REPLACE FUNCTION queue_hold(c queue_change, ids uuid[], reason text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    rows   tid[] := queue_take(c, ids, false);
    n_held integer;
BEGIN
    WITH stopped AS (
        UPDATE queue q SET due_at = 'infinity', leased = false, laned = false
         WHERE q.ctid = ANY (rows)
        RETURNING q.tenant_id, q.subscription_id, q.message_id
    )
    UPDATE message m SET status = 'held', status_reason = coalesce(m.status_reason, reason) -- see revoked_reason()
      FROM stopped t
     WHERE m.tenant_id = t.tenant_id AND m.id = t.message_id AND m.subscription_id = t.subscription_id;
    GET DIAGNOSTICS n_held = ROW_COUNT;
    RETURN n_held;
END
$$;

-- Cancels those that wait. What is in flight ends on its own, and is not tried again.
CREATE OR REPLACE FUNCTION queue_drop(c queue_change, ids uuid[], reason text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    rows        tid[] := queue_take(c, ids, true);
    n_cancelled integer;
BEGIN
    WITH taken AS (
        DELETE FROM queue q WHERE q.ctid = ANY (rows) RETURNING q.tenant_id, q.subscription_id, q.message_id, q.attempts
    )
    UPDATE message m
       SET status = 'cancelled', status_reason = coalesce(revoked_reason(m.status_reason), reason),
           attempts = t.attempts, finished_at = now()
      FROM taken t
     WHERE m.tenant_id = t.tenant_id AND m.id = t.message_id AND m.subscription_id = t.subscription_id;
    GET DIAGNOSTICS n_cancelled = ROW_COUNT;
    RETURN n_cancelled;
END
$$;

-- Makes those due that are held, in the order in which the events were published, and not before `active_from`, the end
-- of the cool-off: in the subscription's lane, whose limits and window pace what is sent. Nothing becomes held
-- meanwhile: who holds a message of an active subscription waits for it (worker/record.sql).
CREATE OR REPLACE FUNCTION queue_release(c queue_change, ids uuid[], active_from timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    n_released integer;
BEGIN
    WITH released AS (
        UPDATE queue q -- what consumers pull stays where no worker sees it
           SET due_at = CASE WHEN q.pulled_until IS NULL THEN greatest(now(), $3) + w.n * interval '1 microsecond' ELSE 'infinity' END,
               laned = q.pulled_until IS NULL
          FROM (SELECT u.n, x.queue_ctid
                  FROM unnest(ids) WITH ORDINALITY AS u (id, n)
                 CROSS JOIN LATERAL (SELECT r.ctid AS queue_ctid
                                       FROM queue r
                                      WHERE r.tenant_id = c.tenant_id AND r.subscription_id = c.subscription_id
                                        AND r.message_id = u.id AND r.due_at = 'infinity'
                                     OFFSET 0
                                        FOR UPDATE) x) w
         WHERE q.ctid = w.queue_ctid
        RETURNING q.tenant_id, q.subscription_id, q.message_id
    )
    UPDATE message m SET status = 'pending', status_reason = revoked_reason(m.status_reason)
      FROM released t
     WHERE m.tenant_id = t.tenant_id AND m.id = t.message_id AND m.subscription_id = t.subscription_id;
    GET DIAGNOSTICS n_released = ROW_COUNT;
    RETURN n_released;
END
$$;

-- Has those wait again, from the start of their schedules, that the stop of `c` has cancelled; not those of companies
-- that are not connected any more, or paused, nor those whose payload is gone.
CREATE OR REPLACE FUNCTION queue_revive(c queue_change, ids uuid[], s subscription) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    event_ids uuid[] := event_share(c.tenant_id, ARRAY(
        SELECT x.event_id
          FROM unnest(ids) AS u (id)
         CROSS JOIN LATERAL (SELECT m.event_id
                               FROM message m
                              WHERE m.tenant_id = c.tenant_id AND m.id = u.id AND m.subscription_id = c.subscription_id
                                AND m.status = 'cancelled' AND m.finished_at >= c.as_of
                             OFFSET 0) x));
    n_revived integer;
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT x.*
          FROM unnest(ids) AS u (id)
         CROSS JOIN LATERAL (SELECT m.tenant_id, m.subscription_id, m.id
                               FROM message m
                              WHERE m.tenant_id = c.tenant_id AND m.id = u.id AND m.subscription_id = c.subscription_id
                                AND m.status = 'cancelled' AND m.status_reason = ANY (string_to_array(c.reason, ' '))
                                AND m.finished_at >= c.as_of AND m.event_id = ANY (event_ids)
                                AND (m.connection_id IS NULL -- an operational event's
                                     OR EXISTS (SELECT
                                                  FROM connection x
                                                 WHERE x.tenant_id = c.tenant_id AND x.id = m.connection_id
                                                   AND x.state = 'active'))
                             OFFSET 0
                                FOR NO KEY UPDATE OF m) x
    ), revived AS (
        UPDATE message m
           SET status = CASE s.state WHEN 'active' THEN 'pending' ELSE 'held' END,
               status_reason = CASE WHEN s.state <> 'active' THEN 'subscription_' || s.state END, finished_at = NULL
          FROM wanted w
         WHERE m.tenant_id = w.tenant_id AND m.id = w.id AND m.subscription_id = w.subscription_id
        RETURNING m.id, m.attempts
    )
    INSERT INTO queue (tenant_id, subscription_id, message_id, attempts, schedule_from, due_at, laned)
    SELECT c.tenant_id, c.subscription_id, r.id, r.attempts, r.attempts,
           CASE WHEN s.state = 'active' THEN greatest(now(), s.active_from) + row_number() OVER (ORDER BY r.id) * interval '1 microsecond'
                ELSE 'infinity' END,
           s.state = 'active'
      FROM revived r
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS n_revived = ROW_COUNT;
    RETURN n_revived;
END
$$;

-- Of the messages, those that a change of kind `cancel` is about.
CREATE OR REPLACE FUNCTION queue_pick(c queue_change, ids uuid[]) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN ($1).target_id = uuid_min() THEN $2
                ELSE ARRAY(SELECT u.id
                             FROM unnest($2) AS u (id)
                            CROSS JOIN LATERAL (SELECT
                                                  FROM message m
                                                 WHERE m.tenant_id = ($1).tenant_id AND m.id = u.id
                                                   AND m.subscription_id = ($1).subscription_id
                                                   AND ($1).target_id IN (m.connection_id, m.backfill_id)
                                                OFFSET 0) x) END
$$;

-- Those in flight are told that they are to be cancelled. A message that somebody else holds is left for later.
CREATE OR REPLACE FUNCTION queue_revoke(c queue_change, ids uuid[]) RETURNS void LANGUAGE sql AS $$
    WITH in_flight AS MATERIALIZED (
        SELECT x.*
          FROM unnest($2) AS u (id)
         CROSS JOIN LATERAL (SELECT
                               FROM queue q
                              WHERE q.tenant_id = ($1).tenant_id AND q.subscription_id = ($1).subscription_id
                                AND q.message_id = u.id AND q.leased AND q.due_at > now()
                             OFFSET 0) q
         CROSS JOIN LATERAL (SELECT y.tenant_id, y.subscription_id, y.id
                               FROM message y
                              WHERE y.tenant_id = ($1).tenant_id AND y.id = u.id
                                AND y.subscription_id = ($1).subscription_id AND y.status = 'pending'
                             OFFSET 0
                                FOR NO KEY UPDATE SKIP LOCKED) x
    )
    UPDATE message m
       SET status_reason = ($1).reason
      FROM in_flight f
     WHERE m.tenant_id = f.tenant_id AND m.id = f.id AND m.subscription_id = f.subscription_id
$$;

-- The first of the messages that still waits, or is in flight, and has not been told.
CREATE OR REPLACE FUNCTION queue_untold(c queue_change, ids uuid[]) RETURNS uuid LANGUAGE sql AS $$
    SELECT u.id
      FROM unnest($2) AS u (id)
     CROSS JOIN LATERAL (SELECT q.leased AND q.due_at > now() AS is_in_flight
                           FROM queue q
                          WHERE q.tenant_id = ($1).tenant_id AND q.subscription_id = ($1).subscription_id
                            AND q.message_id = u.id
                         OFFSET 0) q
     CROSS JOIN LATERAL (SELECT y.status_reason
                           FROM message y
                          WHERE y.tenant_id = ($1).tenant_id AND y.id = u.id
                            AND y.subscription_id = ($1).subscription_id
                         OFFSET 0) m
     WHERE NOT q.is_in_flight OR revoked_reason(m.status_reason) IS NULL
     ORDER BY u.id
     LIMIT 1
$$;

-- How many more may become due in the lane: some thousand wait there at most. Before the subscription became active
-- there is nothing of it but what was left of rows that were held since.
CREATE OR REPLACE FUNCTION lane_room(s subscription) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT 5000 - count(*)::integer
      FROM (SELECT
              FROM queue q
             WHERE q.tenant_id = ($1).tenant_id AND q.subscription_id = ($1).id AND q.laned AND NOT q.leased
               AND q.due_at <= now() AND q.due_at >= ($1).state_changed_at
             ORDER BY q.due_at
             LIMIT 5000) w
$$;

-- The next `n` messages to be looked at: those that wait, of a revival all; and the one behind them, NULL when they are
-- the last.
CREATE OR REPLACE FUNCTION queue_look(c queue_change, n integer, OUT ids uuid[], OUT next_id uuid) LANGUAGE plpgsql AS $$
BEGIN
    IF c.kind = 'revive' THEN
        ids := ARRAY(SELECT m.id
                       FROM message m
                      WHERE m.tenant_id = c.tenant_id AND m.subscription_id = c.subscription_id AND m.id >= c.from_id
                      ORDER BY m.id
                      LIMIT n + 1);
    ELSE
        ids := ARRAY(SELECT q.message_id
                       FROM queue q
                      WHERE q.tenant_id = c.tenant_id AND q.subscription_id = c.subscription_id
                        AND q.message_id >= c.from_id
                      ORDER BY q.message_id
                      LIMIT n + 1);
    END IF;
    next_id := ids[n + 1];
    ids := ids[:n];
END
$$;

-- A step of a change whose row is held: looks at `most` messages. Returns what has become of how many. As the hot
-- statements are planned (include/hk/db.h): by key, whatever the statistics.
CREATE OR REPLACE FUNCTION queue_change_go_on(c queue_change, most integer) RETURNS integer
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET enable_memoize = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    s          subscription;
    is_opening boolean; -- more is put into the lane
    ids        uuid[];
    next_id    uuid;
    left_id    uuid;
    n_done     integer := 0;
BEGIN
    SELECT x.* INTO s FROM subscription x WHERE x.tenant_id = c.tenant_id AND x.id = c.subscription_id;
    is_opening := s.state = 'active' AND c.kind <> 'cancel';
    IF is_opening AND lane_room(s) < most OR c.kind = 'revive' AND s.state IN ('unsubscribed', 'disabled') THEN
        UPDATE queue_change x
           SET due_at = CASE WHEN is_opening THEN clock_timestamp() + interval '1 second' ELSE 'infinity' END
         WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id AND x.kind = c.kind AND x.target_id = c.target_id;
        RETURN 0;
    END IF;
    SELECT l.ids, l.next_id INTO ids, next_id FROM queue_look(c, most) l;

    IF c.kind = 'cancel' THEN
        ids := queue_pick(c, ids);
        n_done := queue_drop(c, ids, c.reason);
        PERFORM queue_revoke(c, ids);
        left_id := queue_untold(c, ids);
    ELSIF c.kind = 'revive' AND s.state = 'archived' THEN
        next_id := NULL;
    ELSIF c.kind = 'revive' THEN
        n_done := queue_revive(c, ids, s);
    ELSIF s.state = 'active' THEN
        n_done := queue_release(c, ids, s.active_from);
    ELSIF s.state IN ('pending', 'paused', 'held') THEN
        n_done := queue_hold(c, ids, subscription_stop_reason(s));
        left_id := queue_left(c, ids, true);
    ELSE
        n_done := queue_drop(c, ids, subscription_stop_reason(s));
        left_id := queue_left(c, ids, false);
    END IF;
    IF is_opening AND n_done > 0 THEN
        PERFORM lane_wake(c.tenant_id, c.subscription_id, c.from_id = uuid_min()); -- one at a time at first
    END IF;

    IF coalesce(left_id, next_id) IS NULL THEN
        DELETE FROM queue_change x
         WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id AND x.kind = c.kind AND x.target_id = c.target_id;
    ELSE
        UPDATE queue_change x
           SET from_id = coalesce(left_id, next_id),
               due_at = clock_timestamp() + CASE WHEN left_id IS NULL THEN '0' ELSE interval '100 milliseconds' END
         WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id AND x.kind = c.kind AND x.target_id = c.target_id;
    END IF;
    RETURN n_done;
END
$$;

-- Makes a change, or begins it anew, and does its first step: at once, unless `most` is 0. Whoever calls has written the
-- subscription's state. Returns what has become of how many.
CREATE OR REPLACE FUNCTION queue_change_begin(tenant_id uuid, subscription_id uuid, kind text, target_id uuid, reason text,
                                              as_of timestamptz, from_id uuid, most integer) RETURNS integer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    made queue_change;
BEGIN
    IF $3 = 'state' THEN -- a revival that was stopped is over for good
        DELETE FROM queue_change c
         USING subscription s
         WHERE c.tenant_id = $1 AND c.subscription_id = $2 AND c.kind = 'revive'
           AND s.tenant_id = $1 AND s.id = $2 AND s.state = 'archived';
    END IF;
    IF $3 <> 'revive' AND queue_first($1, $2) IS NULL THEN -- the usual case
        DELETE FROM queue_change c
         WHERE c.tenant_id = $1 AND c.subscription_id = $2 AND c.kind = $3 AND c.target_id = coalesce($4, uuid_min());
        RETURN 0;
    END IF;
    INSERT INTO queue_change AS c (tenant_id, subscription_id, kind, target_id, reason, as_of, from_id)
    VALUES ($1, $2, $3, coalesce($4, uuid_min()), $5, $6, coalesce($7, uuid_min()))
        ON CONFLICT (tenant_id, subscription_id, kind, target_id) DO UPDATE
       SET reason = EXCLUDED.reason, as_of = EXCLUDED.as_of, from_id = EXCLUDED.from_id, since = EXCLUDED.since, due_at = EXCLUDED.due_at
    RETURNING c.* INTO made;
    RETURN CASE WHEN $8 > 0 THEN queue_change_go_on(made, $8) ELSE 0 END;
END
$$;

-- A step of one for somebody who has to wait for its end. Returns whether there is more to be done.
CREATE OR REPLACE FUNCTION queue_change_hurry(tenant_id uuid, subscription_id uuid, kind text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    c queue_change;
BEGIN
    SELECT x.* INTO c
      FROM queue_change x
     WHERE x.tenant_id = $1 AND x.subscription_id = $2 AND x.kind = $3
       FOR UPDATE;
    IF c.tenant_id IS NOT NULL THEN
        PERFORM queue_change_go_on(c, 1000);
    END IF;
    RETURN EXISTS (SELECT FROM queue_change x WHERE x.tenant_id = $1 AND x.subscription_id = $2 AND x.kind = $3);
END
$$;

-- What functions of the version before have noted where they did, while they were not replaced yet. Returns 1 when there
-- was any.
CREATE OR REPLACE FUNCTION queue_change_adopt() RETURNS bigint LANGUAGE sql AS $$
    WITH noted AS (
        DELETE FROM held_release r RETURNING r.tenant_id, r.subscription_id
    ), begun AS (
        INSERT INTO queue_change (tenant_id, subscription_id, kind)
        SELECT n.tenant_id, n.subscription_id, 'state' FROM noted n ORDER BY n.tenant_id, n.subscription_id
            ON CONFLICT (tenant_id, subscription_id, kind, target_id) DO UPDATE
           SET from_id = uuid_min(), since = excluded.since, due_at = excluded.due_at
    )
    SELECT least(count(*), 1) FROM noted
$$;

-- A step of the change that has waited longest, if one is due; nobody else is at it meanwhile. Returns 1 when there was
-- one, and there may be another.
CREATE OR REPLACE FUNCTION queue_change_step(most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    c queue_change;
BEGIN
    SELECT x.* INTO c FROM queue_change x WHERE x.due_at <= now() AND NOT tenant_is_away(x.tenant_id)
     ORDER BY x.due_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF c.tenant_id IS NULL THEN
        RETURN queue_change_adopt();
    END IF;
    BEGIN
        PERFORM queue_change_go_on(c, $1);
        IF c.n_failed_steps > 0 THEN
            UPDATE queue_change x
               SET n_failed_steps = 0
             WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id AND x.kind = c.kind
               AND x.target_id = c.target_id;
        END IF;
    EXCEPTION WHEN query_canceled OR others THEN -- the first: it has taken too long
        UPDATE queue_change x
           SET n_failed_steps = c.n_failed_steps + 1,
               due_at = job_postpone('queue_change ' || c.kind || ' of subscription', c.subscription_id::text,
                                     c.n_failed_steps + 1, SQLSTATE, SQLERRM)
         WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id AND x.kind = c.kind
           AND x.target_id = c.target_id;
    END;
    RETURN 1;
END
$$;

-- The same as workers of the version before call it.
CREATE OR REPLACE FUNCTION held_release_step(most integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT queue_change_step($1)
$$;
