-- What a worker does for a backfill, a bounded step at a time, each in a transaction of its own: one that is killed
-- has done nothing. First it counts: back from when it was asked for, until there are max_events or no more. Then it
-- sends: forward from there, so that messages are made in the order in which their events were published.

-- The next `n` events behind `from_id`, forward to below `end_id`, or backward to above it. `connection_id` is NULL
-- when the event is none for the subscription: as at publishing, and because it has a message already. Its filter
-- is not asked. The joins are look-ups by key in a fixed order, as in api/publish/ingest.sql. plpgsql, because
-- what it calls is created after this file.
CREATE OR REPLACE FUNCTION backfill_look(b backfill, s subscription, from_id uuid, end_id uuid, n integer, is_backward boolean)
RETURNS TABLE (event_id uuid, place bigint, connection_id uuid, values_version integer) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT v.id, v.place,
           CASE WHEN x.id IS NOT NULL
                 AND NOT EXISTS (SELECT
                                   FROM message m
                                  WHERE m.tenant_id = b.tenant_id AND m.id = message_id(v.id, s.id)
                                    AND m.subscription_id = s.id)
                THEN x.id END,
           CASE WHEN x.enrichable THEN x.values_version END
      FROM ((SELECT e.id, e.event_type, e.company_id, row_number() OVER (ORDER BY e.id) AS place
               FROM event e
              WHERE e.tenant_id = b.tenant_id AND e.id > from_id AND e.id < end_id AND NOT is_backward
              ORDER BY e.id
              LIMIT n)
             UNION ALL
            (SELECT e.id, e.event_type, e.company_id, row_number() OVER (ORDER BY e.id DESC)
               FROM event e
              WHERE e.tenant_id = b.tenant_id AND e.id < from_id AND e.id > end_id AND is_backward
              ORDER BY e.id DESC
              LIMIT n)) v
      LEFT JOIN LATERAL (SELECT c.id, c.values_version, t.enrichable
                           FROM (SELECT y.enrichable
                                   FROM event_type y
                                  WHERE y.tenant_id = b.tenant_id AND y.name = v.event_type
                                    AND y.patterns && s.event_types
                                    AND (b.event_types IS NULL OR y.patterns && b.event_types)
                                    AND (b.company_ids IS NULL OR v.company_id = ANY (b.company_ids))
                                 OFFSET 0) t
                          CROSS JOIN LATERAL (SELECT y.id, y.values_version
                                                FROM connection y
                                               WHERE y.tenant_id = b.tenant_id AND y.company_id = v.company_id
                                                 AND y.app_id = s.app_id AND y.state = 'active'
                                                 AND (b.may_predate
                                                      OR v.id >= id_since(coalesce(y.active_since, y.updated_at)))
                                              OFFSET 0) c
                         OFFSET 0) x ON true
     ORDER BY v.place;
END
$$;

-- What they were before other jobs needed them, too (job.sql).
DROP FUNCTION IF EXISTS backfill_make(backfill, subscription, uuid[], uuid[], integer[]);
DROP FUNCTION IF EXISTS backfill_end_reason(subscription);
DROP FUNCTION IF EXISTS backfill_room(subscription, integer);

-- Counts a step further back.
CREATE OR REPLACE FUNCTION backfill_count(b backfill, s subscription, settled_at timestamptz) RETURNS backfill
LANGUAGE plpgsql AS $$
DECLARE
    n_look constant integer := 2000;
    n_looked integer;
    last_id  uuid;
    ids      uuid[]; -- of what is to be sent
BEGIN
    SELECT count(*), (array_agg(l.event_id ORDER BY l.place DESC))[1],
           array_agg(l.event_id ORDER BY l.place) FILTER (WHERE l.connection_id IS NOT NULL)
      INTO n_looked, last_id, ids
      FROM backfill_look(b, s, coalesce(b.cursor, uuid_v7_floor(settled_at)), uuid_v7_floor(b.since), n_look, true) l;
    b.n_looked_at := b.n_looked_at + n_looked;
    b.n_found := b.n_found + coalesce(cardinality(ids), 0);
    b.cursor := last_id;
    IF b.n_found >= b.max_events THEN
        -- A little before the oldest of the newest max_events.
        b.cursor := message_id_floor(ids[cardinality(ids) - (b.n_found - b.max_events)]);
        b.n_found := b.max_events;
        b.state := 'sending';
    ELSIF n_looked < n_look THEN
        b.cursor := uuid_v7_floor(b.since);
        b.state := 'sending';
    END IF;
    RETURN b;
END
$$;

-- Sends a step further, at most `room` messages. What has been published in the last moments may not be seen yet, or
-- may have been fanned out before it was asked for: `settle` is how long that can take, and the last events are left for
-- then.
CREATE OR REPLACE FUNCTION backfill_send(b backfill, s subscription, room integer, settle interval) RETURNS backfill
LANGUAGE plpgsql AS $$
DECLARE
    n_look   constant integer := 500;
    ends_at  constant timestamptz := least(b.created_at, now() - 2 * settle) + settle;
    end_id   constant uuid := uuid_v7_floor(ends_at);
    n_looked integer;
    last_id  uuid;
    ids      uuid[];
    others   uuid[];
    versions integer[];
    new      record;
BEGIN
    SELECT count(*), (array_agg(l.event_id ORDER BY l.place DESC))[1],
           array_agg(l.event_id ORDER BY l.place) FILTER (WHERE l.connection_id IS NOT NULL),
           array_agg(l.connection_id ORDER BY l.place) FILTER (WHERE l.connection_id IS NOT NULL),
           array_agg(l.values_version ORDER BY l.place) FILTER (WHERE l.connection_id IS NOT NULL)
      INTO n_looked, last_id, ids, others, versions
      FROM backfill_look(b, s, b.cursor, end_id, n_look, false) l;

    room := least(room, b.max_events - b.n_made - b.n_filtered);
    SELECT m.* INTO new FROM job_make(s, ids[:room], others[:room], versions[:room], b.id, NULL) m;
    b.n_made := b.n_made + cardinality(new.made);
    b.n_filtered := b.n_filtered + cardinality(new.filtered);
    IF cardinality(ids) > room THEN
        b.cursor := ids[room];
    ELSE
        b.cursor := coalesce(last_id, b.cursor);
    END IF;
    b.due_at := clock_timestamp();
    IF b.n_made + b.n_filtered >= b.max_events OR n_looked < n_look AND coalesce(cardinality(ids), 0) <= room
                                                 AND ends_at = b.created_at + settle THEN
        b.state := 'finished';
    ELSIF n_looked < n_look AND coalesce(cardinality(ids), 0) <= room THEN
        b.due_at := b.created_at + 2 * settle;
    END IF;
    RETURN b;
END
$$;

-- The backfill as it is after a step.
CREATE OR REPLACE FUNCTION backfill_go_on(b backfill, settle interval) RETURNS backfill LANGUAGE plpgsql AS $$
DECLARE
    most constant integer := 100;
    s    subscription;
    room integer;
BEGIN
    SELECT x.* INTO s FROM subscription x WHERE x.tenant_id = b.tenant_id AND x.id = b.subscription_id FOR SHARE;
    b.state_reason := job_end_reason(s);
    room := CASE WHEN NOT job_is_live_late() THEN job_room(s, most) ELSE 0 END;
    b.due_at := clock_timestamp(); -- behind the others
    IF b.state_reason IS NOT NULL THEN
        b.state := 'cancelled';
    ELSIF room <= 0 THEN
        b.due_at := job_pause(b.n_pauses, 30000);
        b.n_pauses := least(b.n_pauses + 1, 20);
    ELSIF b.state = 'counting' THEN
        b := backfill_count(b, s, b.created_at + settle);
        b.n_pauses := 0;
    ELSE
        b := backfill_send(b, s, room, settle);
        b.n_pauses := 0;
    END IF;
    IF b.state IN ('finished', 'cancelled') THEN
        b.due_at := NULL;
        b.finished_at := now();
    END IF;
    b.n_failed_steps := 0;
    RETURN b;
END
$$;

-- One step of the backfill that has waited longest, if one is due; no other worker is at it meanwhile. Returns the
-- milliseconds until there may be another step to do, at most a second.
CREATE OR REPLACE FUNCTION backfill_step(settle_ms integer, worker text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    b   backfill;
    old backfill;
BEGIN
    SELECT x.* INTO b FROM backfill x WHERE x.due_at <= now() AND NOT tenant_is_away(x.tenant_id)
     ORDER BY x.due_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF b.id IS NULL THEN
        RETURN (SELECT coalesce(greatest(1, least(1000, ceil(extract(epoch FROM min(x.due_at) - now()) * 1000))), 1000)
                  FROM (SELECT y.due_at FROM backfill y WHERE y.due_at > now() ORDER BY y.due_at LIMIT 1) x);
    END IF;
    old := b;
    BEGIN
        b := backfill_go_on(b, $1 * interval '1 millisecond');
    EXCEPTION WHEN query_canceled OR others THEN -- the first: it has taken too long
        b := old;
        b.n_failed_steps := b.n_failed_steps + 1;
        b.due_at := job_postpone('backfill', b.id::text, b.n_failed_steps, SQLSTATE, SQLERRM);
    END;
    IF b.finished_at IS NOT NULL THEN
        INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)
        VALUES (b.tenant_id, 'worker ' || $2, 'backfill.' || b.state, b.id::text,
                json_build_object('messages', b.n_made, 'reason', b.state_reason));
    END IF;
    UPDATE backfill x
       SET state = b.state, state_reason = b.state_reason, cursor = b.cursor, n_looked_at = b.n_looked_at,
           n_found = b.n_found, n_made = b.n_made, n_filtered = b.n_filtered, n_pauses = b.n_pauses,
           n_failed_steps = b.n_failed_steps, due_at = b.due_at, finished_at = b.finished_at
     WHERE x.tenant_id = b.tenant_id AND x.id = b.id;
    RETURN 0;
END
$$;
