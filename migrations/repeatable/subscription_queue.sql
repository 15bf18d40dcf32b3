-- What waits for a subscription while it is not sent to, whatever the reason. Whoever calls holds the subscription.

-- Holds what waits. What is in flight ends on its own, and worker/record.sql holds it should it have to wait again.
-- Returns how many were held.
CREATE OR REPLACE FUNCTION subscription_hold_queue(tenant_id uuid, subscription_id uuid, reason text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    n_held integer;
BEGIN
    WITH stopped AS (
        UPDATE queue q SET due_at = 'infinity', leased = false, laned = false
         WHERE q.tenant_id = $1 AND q.subscription_id = $2 AND NOT (q.leased AND q.due_at > now())
        RETURNING q.message_id
    )
    UPDATE message m SET status = 'held', status_reason = coalesce(m.status_reason, $3) -- see revoked_reason()
      FROM stopped t
     WHERE m.tenant_id = $1 AND m.id = t.message_id;
    GET DIAGNOSTICS n_held = ROW_COUNT;
    RETURN n_held;
END
$$;

-- Has a lane that sleeps look at what has been put into it, waiting for whoever is looking at it just now. `is_ramp`:
-- it begins with one at a time, whatever it had learned before. See docs/adr/0022-lanes.md.
CREATE OR REPLACE FUNCTION lane_wake(tenant_id uuid, subscription_id uuid, is_ramp boolean) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO lane AS l (tenant_id, subscription_id) VALUES ($1, $2)
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET is_busy = true, n_turns = l.n_turns + 1, n_idle = 0,
           next_at = CASE WHEN l.is_busy THEN l.next_at ELSE greatest(now(), l.paused_until) END,
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
       SET next_at = CASE WHEN l.is_busy THEN now() ELSE EXCLUDED.next_at END,
           n_turns = l.n_turns % 2000000000 + 1, n_idle = 0, max_in_flight = least(l.max_in_flight, 8), failure_cost = 0,
           pause_ms = 0, paused_until = '-infinity', succeeded_at = NULL, since = now(), asked_at = NULL,
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

-- Makes the first `most` of what is held due, in the order in which the events were published, and not before
-- `active_from`, the end of the cool-off: in the subscription's lane, whose limits and window pace what is sent. Workers
-- release the rest (held_release_step()). Nothing becomes held meanwhile: who holds a message of an active subscription
-- waits for it (worker/record.sql). Returns how many were released.
CREATE OR REPLACE FUNCTION queue_release(tenant_id uuid, subscription_id uuid, active_from timestamptz, most integer,
                                         is_ramp boolean) RETURNS integer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n_released integer;
BEGIN
    WITH waiting AS MATERIALIZED (
        SELECT q.message_id, row_number() OVER (ORDER BY q.message_id) AS n
          FROM (SELECT x.message_id
                  FROM queue x
                 WHERE x.tenant_id = $1 AND x.subscription_id = $2 AND x.due_at = 'infinity'
                 ORDER BY x.message_id
                 LIMIT $4) q
    ), released AS (
        UPDATE queue q SET due_at = greatest(now(), $3) + w.n * interval '1 microsecond', laned = true
          FROM waiting w
         WHERE q.tenant_id = $1 AND q.subscription_id = $2 AND q.message_id = w.message_id AND q.due_at = 'infinity'
        RETURNING q.message_id
    )
    UPDATE message m SET status = 'pending', status_reason = revoked_reason(m.status_reason)
      FROM released t
     WHERE m.tenant_id = $1 AND m.id = t.message_id;
    GET DIAGNOSTICS n_released = ROW_COUNT;
    IF n_released > 0 THEN
        PERFORM lane_wake($1, $2, $5);
    END IF;
    IF EXISTS (SELECT FROM queue q WHERE q.tenant_id = $1 AND q.subscription_id = $2 AND q.due_at = 'infinity') THEN
        INSERT INTO held_release (tenant_id, subscription_id) VALUES ($1, $2)
            ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET due_at = now();
    ELSE
        DELETE FROM held_release r WHERE r.tenant_id = $1 AND r.subscription_id = $2;
    END IF;
    RETURN n_released;
END
$$;

-- Of a subscription that becomes active. Returns how many were released at once.
CREATE OR REPLACE FUNCTION subscription_release_queue(tenant_id uuid, subscription_id uuid, active_from timestamptz)
RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('hookline_due', '');
    RETURN queue_release($1, $2, $3, 1000, true);
END
$$;

-- A step further with the subscription that has waited longest and has less than 5,000 messages due in its lane; nobody
-- else is at it meanwhile. One that has been stopped again needs no more: resuming begins anew. Locks subscriptions
-- without waiting for one, then one lane. Returns how many were released, at most `most`.
CREATE OR REPLACE FUNCTION held_release_step(most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    s    subscription;
    room integer;
BEGIN
    FOR i IN 1..100 LOOP
        SELECT x.* INTO s
          FROM held_release r
          JOIN subscription x ON x.tenant_id = r.tenant_id AND x.id = r.subscription_id
         WHERE r.due_at <= now()
         ORDER BY r.due_at
         LIMIT 1
           FOR NO KEY UPDATE OF x SKIP LOCKED;
        EXIT WHEN s.id IS NULL;
        IF s.state <> 'active' THEN
            DELETE FROM held_release r WHERE r.tenant_id = s.tenant_id AND r.subscription_id = s.id;
            CONTINUE;
        END IF;
        SELECT 5000 - count(*) INTO room
          FROM (SELECT
                  FROM queue q
                 WHERE q.tenant_id = s.tenant_id AND q.subscription_id = s.id AND q.laned AND NOT q.leased AND q.due_at <= now()
                 LIMIT 5000) w;
        IF room > 0 THEN
            RETURN queue_release(s.tenant_id, s.id, s.active_from, least($1, room), false);
        END IF;
        UPDATE held_release r SET due_at = clock_timestamp() + interval '1 second'
         WHERE r.tenant_id = s.tenant_id AND r.subscription_id = s.id;
    END LOOP;
    RETURN 0;
END
$$;
