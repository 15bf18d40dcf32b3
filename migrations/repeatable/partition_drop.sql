-- Drops the weeks that nobody wants any more, a bounded step at a time: see docs/adr/0031-retention.md.

-- The name of a week's partition.
CREATE OR REPLACE FUNCTION partition_name(parent text, monday timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN $1 || '_' || to_char($2 AT TIME ZONE 'UTC', 'IYYY"w"IW');

-- The Mondays of all weeks that have a partition of any of the four.
CREATE OR REPLACE FUNCTION partition_mondays() RETURNS SETOF timestamptz LANGUAGE sql STABLE AS $$
    SELECT DISTINCT to_date(right(c.relname, 7), 'IYYY"w"IW')::timestamp AT TIME ZONE 'UTC'
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent IN ('event'::regclass, 'message'::regclass, 'attempt'::regclass, 'skip'::regclass)
       AND c.relname ~ '^(event|message|attempt|skip)_[0-9]{4}w[0-9]{2}$'
$$;

-- Whether a message of these ids waits in the queue. From one subscription to the next: nothing else leads to the
-- old ones among many.
CREATE OR REPLACE FUNCTION queue_has(from_id uuid, end_id uuid) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    WITH RECURSIVE found AS (
        (SELECT q.tenant_id, q.subscription_id FROM queue q ORDER BY q.tenant_id, q.subscription_id LIMIT 1)
         UNION ALL
        SELECT n.tenant_id, n.subscription_id
          FROM found f
         CROSS JOIN LATERAL (SELECT q.tenant_id, q.subscription_id
                               FROM queue q
                              WHERE (q.tenant_id, q.subscription_id) > (f.tenant_id, f.subscription_id)
                              ORDER BY q.tenant_id, q.subscription_id
                              LIMIT 1) n
    )
    SELECT EXISTS (SELECT
                     FROM found f
                    CROSS JOIN LATERAL (SELECT
                                          FROM queue q
                                         WHERE q.tenant_id = f.tenant_id AND q.subscription_id = f.subscription_id
                                           AND q.message_id >= $1 AND q.message_id < $2
                                         LIMIT 1) x)
$$;

-- Whether a tenant still wants a week, and has anything in it.
CREATE OR REPLACE FUNCTION partition_is_wanted(monday timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT
                     FROM tenant t
                    CROSS JOIN LATERAL (SELECT
                                          FROM event e
                                         WHERE e.tenant_id = t.tenant_id AND e.id >= uuid_v7_floor($1)
                                           AND e.id < uuid_v7_floor($1 + interval '7 days')
                                         LIMIT 1) x
                    WHERE $1 + interval '7 days' >= now() - t.retention_message_days * interval '1 day')
$$;

-- Whether all attempts of a week are in the roll-ups: one of what has waited for long was recorded just now, perhaps.
CREATE OR REPLACE FUNCTION partition_is_counted(monday timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    is_counted boolean := true;
BEGIN
    IF to_regclass(quote_ident(partition_name('attempt', $1))) IS NOT NULL THEN
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I a WHERE a.recorded_at >= $1)', partition_name('attempt', $1))
           INTO is_counted
          USING stat_counted_until();
    END IF;
    RETURN is_counted;
END
$$;

-- Forgets the event keys of a week, `most` events further. Returns at how many it has looked; 0: it is through.
CREATE OR REPLACE FUNCTION partition_drop_keys(monday timestamptz, most integer) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    week     retention_week;
    tenants  uuid[];
    ids      uuid[];
    keys     text[];
    n_looked integer;
BEGIN
    SELECT w.* INTO week FROM retention_week w WHERE w.monday = $1;
    EXECUTE format('SELECT array_agg(x.tenant_id), array_agg(x.id), array_agg(x.external_id), count(*)'
                   '  FROM (SELECT e.tenant_id, e.id, e.external_id FROM %I e WHERE (e.tenant_id, e.id) > ($1, $2)'
                   '         ORDER BY e.tenant_id, e.id LIMIT $3) x', partition_name('event', $1))
       INTO tenants, ids, keys, n_looked
      USING coalesce(week.key_tenant, uuid_min()), coalesce(week.key_event, uuid_min()), $2;
    DELETE FROM event_key k
     USING unnest(tenants, ids, keys) AS g (tenant_id, event_id, external_id)
     WHERE k.tenant_id = g.tenant_id AND k.external_id = g.external_id AND k.event_id = g.event_id;
    UPDATE retention_week w
       SET key_tenant = coalesce(tenants[n_looked], w.key_tenant), key_event = coalesce(ids[n_looked], w.key_event),
           has_keys = n_looked = $2
     WHERE w.monday = $1;
    RETURN n_looked;
END
$$;

-- Takes a week's partition away from its parent. Whoever waits for a lock on a parent has all others who come wait
-- behind him: so it waits 25 ms at most, then stands back, and the locks are one parent's, its own first, then the
-- partition's, as everybody takes them. The queue is asked before, while nobody can put a message of the past into it:
-- who does holds the lock of event_share() in the same transaction. False: not now; NULL: it fails, whenever it is tried.
CREATE OR REPLACE FUNCTION partition_detach(parent text, monday timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout = '25ms' AS $$
DECLARE
    name text := partition_name($1, $2);
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('hookline.past.' || current_schema()))
       OR queue_has(uuid_v7_floor($2), uuid_v7_floor($2 + interval '7 days')) THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', $1);
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', name);
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', $1, name);
    RETURN true;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        RETURN false;
    WHEN others THEN
        RAISE WARNING USING MESSAGE = format('%s cannot be detached: %s', name, SQLERRM), ERRCODE = SQLSTATE;
        RETURN NULL;
END
$$;

-- Drops a partition that has been taken away, if there is one. A transaction of its own: files are unlinked while
-- nobody waits.
CREATE OR REPLACE FUNCTION partition_drop_detached() RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout = '25ms' AS $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT c.relname
          FROM pg_class c
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
           AND c.relname ~ '^(event|message|attempt|skip)_[0-9]{4}w[0-9]{2}$'
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE %I', name);
            INSERT INTO audit_log (tenant_id, actor, action, object_id)
            VALUES (installation_id(), 'worker', 'partition.dropped', name);
            RETURN true;
        EXCEPTION
            WHEN lock_not_available THEN
                NULL; -- somebody reads it, still
            WHEN others THEN -- somebody's view depends on it
                RAISE WARNING USING MESSAGE = format('%s cannot be dropped: %s', name, SQLERRM), ERRCODE = SQLSTATE;
        END;
    END LOOP;
    RETURN false;
END
$$;

-- One step: drops what has been detached, or looks at the keys of up to `most` events of a week, or detaches a
-- partition. Events go first: without them nothing else of the week can be wanted again. Returns how much was done;
-- 0: nothing, or not now. With its owner's rights, as partition_create(): what may be dropped it knows itself.
CREATE OR REPLACE FUNCTION partition_drop_step(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    end_at   timestamptz := now() - interval '1 day' * (SELECT min(t.retention_message_days) FROM tenant t
                                                         WHERE t.tenant_id <> installation_id());
    week     record;
    parent   text;
    n_looked bigint;
    is_detached boolean;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('hookline.retention.' || current_schema())) THEN
        RETURN 0;
    END IF;
    -- What is lost in a crash is done again: nobody shall wait for a disk with all of a parent locked.
    PERFORM set_config('synchronous_commit', 'off', true);
    IF partition_drop_detached() THEN
        RETURN 1;
    END IF;
    IF cell_has_move() THEN
        RETURN 0;
    END IF;
    IF stat_counted_until() < end_at THEN
        end_at := stat_counted_until(); -- the roll-ups first
    END IF;
    DELETE FROM retention_week w WHERE w.monday + interval '7 days' >= coalesce(end_at, '-infinity');
    FOR week IN
        SELECT p.monday, to_regclass(quote_ident(partition_name('event', p.monday))) IS NOT NULL AS has_events
          FROM partition_mondays() AS p (monday)
         WHERE p.monday + interval '7 days' < end_at
         ORDER BY p.monday
    LOOP
        IF week.has_events THEN
            INSERT INTO retention_week AS w (monday, is_droppable)
            VALUES (week.monday,
                    NOT partition_is_wanted(week.monday)
                    AND NOT queue_has(uuid_v7_floor(week.monday), uuid_v7_floor(week.monday + interval '7 days'))
                    AND partition_is_counted(week.monday))
                ON CONFLICT ON CONSTRAINT retention_week_pkey DO UPDATE SET is_droppable = excluded.is_droppable;
            CONTINUE WHEN NOT (SELECT w.is_droppable FROM retention_week w WHERE w.monday = week.monday);
            IF (SELECT w.has_keys FROM retention_week w WHERE w.monday = week.monday) THEN
                n_looked := partition_drop_keys(week.monday, $1);
                RETURN greatest(n_looked, 1);
            END IF;
        END IF;
        FOREACH parent IN ARRAY ARRAY['event', 'skip', 'attempt', 'message']
        LOOP
            CONTINUE WHEN to_regclass(quote_ident(partition_name(parent, week.monday))) IS NULL;
            is_detached := partition_detach(parent, week.monday);
            EXIT WHEN is_detached IS NULL; -- another week, then
            RETURN is_detached::integer;
        END LOOP;
    END LOOP;
    RETURN 0;
END
$$;
REVOKE ALL ON FUNCTION partition_drop_step(integer), partition_drop_keys(timestamptz, integer),
                       partition_detach(text, timestamptz), partition_drop_detached(), partition_is_counted(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION partition_drop_step(integer) TO hookline_worker;
