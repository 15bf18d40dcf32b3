-- Forgets what tenants do not keep any longer, where the week cannot be dropped as a whole (partition_drop.sql):
-- a tenant's payloads to the day, its messages and attempts by whole weeks. Bounded steps, each a transaction; who is
-- killed has done nothing. What waits in the queue keeps its event, its payload and its attempts: see
-- docs/adr/0031-retention.md. Events are locked first, then it is asked what waits of them: see event_share().

-- Those of these events of which a message is not final, or ended so lately that its last attempt is in no roll-up yet.
-- The caller holds the events.
CREATE OR REPLACE FUNCTION retention_undelivered(tenant_id uuid, event_ids uuid[]) RETURNS uuid[] LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(array_agg(g.id), '{}')
      FROM (SELECT stat_counted_until() AS counted_until OFFSET 0) c
     CROSS JOIN unnest($2) AS g (id)
     WHERE EXISTS (SELECT
                     FROM message m
                    WHERE m.tenant_id = $1 AND m.id BETWEEN message_id_floor(g.id) AND message_id_ceiling(g.id)
                      AND m.event_id = g.id
                      AND (m.status NOT IN ('succeeded', 'failed', 'cancelled') OR m.finished_at >= c.counted_until)
                   OFFSET 0)
$$;

-- Remembers events that have to wait for a delivery.
CREATE OR REPLACE FUNCTION retention_remember(tenant_id uuid, event_ids uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO retained_event AS r (tenant_id, event_id)
    SELECT $1, g.id FROM unnest($2) AS g (id)
        ON CONFLICT (tenant_id, event_id) DO UPDATE SET looked_at = excluded.looked_at
$$;

-- The payloads of these events, which the caller holds, and what flows have made of them.
CREATE OR REPLACE FUNCTION retention_forget_payloads(tenant_id uuid, event_ids uuid[]) RETURNS void LANGUAGE sql AS $$
    UPDATE attempt a
       SET step_value = NULL, step_output = NULL
      FROM (SELECT m.id
              FROM unnest($2) AS g (id)
             CROSS JOIN LATERAL (SELECT x.id
                                   FROM event x
                                  WHERE x.tenant_id = $1 AND x.id = g.id AND x.request IS NOT NULL
                                 OFFSET 0) r
             CROSS JOIN LATERAL (SELECT x.id
                                   FROM message x
                                  WHERE x.tenant_id = $1 AND x.event_id = r.id
                                    AND x.id BETWEEN message_id_floor(r.id) AND message_id_ceiling(r.id)
                                 OFFSET 0) m) d
     WHERE a.tenant_id = $1 AND a.message_id = d.id AND a.step_no IS NOT NULL;
    UPDATE event e
       SET payload = 'null', body = NULL, request = NULL, payload_state = 'expired', payload_gone_at = now()
     WHERE e.tenant_id = $1 AND e.id = ANY ($2) AND e.payload_state IS NULL
$$;

-- The attempts of these events' messages.
CREATE OR REPLACE FUNCTION retention_delete_attempts(tenant_id uuid, event_ids uuid[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM attempt a
     USING (SELECT m.id
              FROM unnest($2) AS g (id)
             CROSS JOIN LATERAL (SELECT x.id
                                   FROM message x
                                  WHERE x.tenant_id = $1 AND x.event_id = g.id
                                    AND x.id BETWEEN message_id_floor(g.id) AND message_id_ceiling(g.id)
                                 OFFSET 0) m) d
     WHERE a.tenant_id = $1 AND a.message_id = d.id
$$;

-- All of these events, which the caller holds.
CREATE OR REPLACE FUNCTION retention_delete_events(tenant_id uuid, event_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM retention_delete_attempts($1, $2);
    DELETE FROM message m
     USING unnest($2) AS g (id)
     WHERE m.tenant_id = $1 AND m.event_id = g.id AND m.id BETWEEN message_id_floor(g.id) AND message_id_ceiling(g.id);
    DELETE FROM skip k USING unnest($2) AS g (id) WHERE k.tenant_id = $1 AND k.event_id = g.id;
    DELETE FROM event_key k
     USING (SELECT e.id, e.external_id
              FROM unnest($2) AS g (id)
             CROSS JOIN LATERAL (SELECT x.id, x.external_id FROM event x WHERE x.tenant_id = $1 AND x.id = g.id OFFSET 0) e
             WHERE e.external_id IS NOT NULL) o
     WHERE k.tenant_id = $1 AND k.external_id = o.external_id AND k.event_id = o.id;
    DELETE FROM event e USING unnest($2) AS g (id) WHERE e.tenant_id = $1 AND e.id = g.id;
END
$$;

-- So many of the next events behind `from_id` that there are no more than `most` of them, nor about ten times as many
-- messages; one at least. Held until the transaction ends.
CREATE OR REPLACE FUNCTION retention_next(tenant_id uuid, from_id uuid, end_id uuid, most integer, has_payload boolean)
RETURNS uuid[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ids      uuid[];
    crowd_id uuid; -- the event of the first message that is too many
BEGIN
    ids := ARRAY(SELECT e.id FROM event e
                  WHERE e.tenant_id = $1 AND e.id > $2 AND e.id < $3 AND (NOT $5 OR e.payload_state IS NULL)
                  ORDER BY e.id LIMIT $4);
    IF cardinality(ids) = 0 THEN
        RETURN ids;
    END IF;
    SELECT m.event_id INTO crowd_id
      FROM message m
     WHERE m.tenant_id = $1 AND m.id > message_id_floor(ids[1]) AND m.id < message_id_ceiling(ids[cardinality(ids)])
     ORDER BY m.id
    OFFSET $4 * 10
     LIMIT 1;
    RETURN ARRAY(SELECT e.id
                   FROM unnest(ids) WITH ORDINALITY AS g (id, n)
                  CROSS JOIN LATERAL (SELECT x.id FROM event x WHERE x.tenant_id = $1 AND x.id = g.id OFFSET 0 FOR UPDATE) e
                  WHERE g.n = 1 OR crowd_id IS NULL OR g.id < message_id_floor(crowd_id)
                  ORDER BY g.n);
END
$$;

-- Until when a tenant's payloads are forgotten, and its attempts and messages: these to the end of a week, and no further
-- than they are counted (docs/adr/0032-roll-ups.md).
CREATE OR REPLACE FUNCTION retention_ends(tenant_id uuid, OUT payload_id uuid, OUT attempt_id uuid, OUT message_id uuid,
                                          OUT forgets_payloads boolean, OUT forgets_attempts boolean)
LANGUAGE sql STABLE AS $$
    SELECT uuid_v7_floor(now() - t.retention_payload_days * interval '1 day'),
           uuid_v7_floor(least(c.until, date_trunc('week', now() - t.retention_attempt_days * interval '1 day', 'UTC'))),
           uuid_v7_floor(least(c.until, date_trunc('week', now() - t.retention_message_days * interval '1 day', 'UTC'))),
           -- Else they go with their messages.
           t.retention_payload_days < t.retention_message_days,
           t.retention_attempt_days < t.retention_message_days
      FROM tenant t
     CROSS JOIN (SELECT greatest(stat_counted_until(), 'epoch') AS until) c
     WHERE t.tenant_id = $1
$$;

-- The next events to be deleted one by one: of the oldest week that has any, unless that can be dropped.
CREATE OR REPLACE FUNCTION retention_next_deleted(tenant_id uuid, from_id uuid, end_id uuid, most integer) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    oldest uuid := (SELECT e.id FROM event e WHERE e.tenant_id = $1 AND e.id > $2 AND e.id < $3 ORDER BY e.id LIMIT 1);
    week   timestamptz := date_trunc('week', uuid_v7_time(oldest), 'UTC');
BEGIN
    IF (SELECT w.is_droppable FROM retention_week w WHERE w.monday = week) IS DISTINCT FROM false THEN
        RETURN '{}'; -- there is none, or partition_drop_step() has it
    END IF;
    RETURN retention_next($1, $2, least($3, uuid_v7_floor(week + interval '7 days')), $4, false);
END
$$;

-- Looks again at events that waited for a delivery an hour ago, or so long. Returns at how many.
CREATE OR REPLACE FUNCTION retention_look_again(r retention, payload_end uuid, message_end uuid, hour interval,
                                                most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    due  uuid[] := ARRAY(SELECT x.event_id FROM retained_event x
                          WHERE x.tenant_id = r.tenant_id AND x.looked_at < now() - hour
                          ORDER BY x.looked_at LIMIT most);
    ids  uuid[]; -- of those that are there and are final
    kept uuid[];
BEGIN
    IF cardinality(due) = 0 THEN
        RETURN 0;
    END IF;
    ids := ARRAY(SELECT e.id FROM event e WHERE e.tenant_id = r.tenant_id AND e.id = ANY (due) ORDER BY e.id FOR UPDATE);
    kept := retention_undelivered(r.tenant_id, ids);
    DELETE FROM retained_event x
     WHERE x.tenant_id = r.tenant_id AND x.event_id = ANY (due) AND x.event_id <> ALL (ids);
    ids := ARRAY(SELECT g.id FROM unnest(ids) AS g (id) WHERE g.id <> ALL (kept));
    PERFORM event_clear_attempts(r.tenant_id, ARRAY(SELECT e.id FROM event e -- what was in flight then
                                                     WHERE e.tenant_id = r.tenant_id AND e.id = ANY (ids)
                                                       AND e.payload_state = 'expunged'));
    PERFORM retention_forget_payloads(r.tenant_id, ARRAY(SELECT g.id FROM unnest(ids) AS g (id) WHERE g.id < payload_end));
    PERFORM retention_delete_events(r.tenant_id, ARRAY(SELECT g.id FROM unnest(ids) AS g (id)
                                                        WHERE g.id < message_end AND g.id <= r.message_cursor));
    -- What the walk has not come to yet it finds by itself; what is not due after all is looked at again.
    DELETE FROM retained_event x
     WHERE x.tenant_id = r.tenant_id AND x.event_id = ANY (ids)
       AND (x.event_id < message_end AND x.event_id <= r.message_cursor
            OR x.event_id > r.message_cursor
               AND (x.event_id < payload_end
                    OR EXISTS (SELECT FROM event e
                                WHERE e.tenant_id = x.tenant_id AND e.id = x.event_id AND e.payload_state = 'expunged')));
    UPDATE retained_event x SET looked_at = now() WHERE x.tenant_id = r.tenant_id AND x.event_id = ANY (due);
    RETURN cardinality(due);
END
$$;

-- Versions of custom values that were replaced before the tenant's oldest message: none carries them. Looks at up to
-- `most` versions; returns how many it was through with.
CREATE OR REPLACE FUNCTION retention_forget_values(tenant_id uuid, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    oldest   uuid := (SELECT m.id FROM message m WHERE m.tenant_id = $1 ORDER BY m.id LIMIT 1);
    next_one record;
    n_looked integer := 0;
BEGIN
    FOR next_one IN
        SELECT v.connection_id, v.version
          FROM connection_values v
         WHERE v.tenant_id = $1 AND v.version > 1 AND v.has_swept AND NOT v.has_forgotten
           AND v.created_at < (SELECT now() - t.retention_message_days * interval '1 day' FROM tenant t WHERE t.tenant_id = $1)
           AND (oldest IS NULL OR v.created_at < uuid_v7_time(oldest) - interval '5 minutes')
         ORDER BY v.created_at
         LIMIT $2
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        n_looked := n_looked + 1;
        DELETE FROM connection_values v
         WHERE v.tenant_id = $1 AND v.connection_id = next_one.connection_id AND v.version < next_one.version;
        UPDATE connection_values v
           SET has_forgotten = true
         WHERE v.tenant_id = $1 AND v.connection_id = next_one.connection_id AND v.version = next_one.version;
    END LOOP;
    RETURN n_looked;
END
$$;

-- One step for a tenant. Returns at how many events it looked; 0: there is nothing to do.
CREATE OR REPLACE FUNCTION retention_of_tenant(r retention, hour interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ends     record;
    ids      uuid[] := '{}';
    kept     uuid[];
    n_looked integer;
BEGIN
    SELECT x.* INTO ends FROM retention_ends(r.tenant_id) x;
    IF ends.forgets_payloads THEN
        ids := retention_next(r.tenant_id, r.payload_cursor, ends.payload_id, most, true);
    END IF;
    IF cardinality(ids) > 0 THEN
        kept := retention_undelivered(r.tenant_id, ids);
        PERFORM retention_forget_payloads(r.tenant_id, ARRAY(SELECT g.id FROM unnest(ids) AS g (id) WHERE g.id <> ALL (kept)));
        PERFORM retention_remember(r.tenant_id, kept);
        UPDATE retention x SET payload_cursor = ids[cardinality(ids)] WHERE x.tenant_id = r.tenant_id;
        RETURN cardinality(ids);
    END IF;

    IF ends.forgets_attempts THEN -- what is older goes with its messages
        ids := retention_next(r.tenant_id, greatest(r.attempt_cursor, ends.message_id), ends.attempt_id, most, false);
    END IF;
    IF cardinality(ids) > 0 THEN
        kept := retention_undelivered(r.tenant_id, ids); -- theirs go when they do
        PERFORM retention_delete_attempts(r.tenant_id, ARRAY(SELECT g.id FROM unnest(ids) AS g (id) WHERE g.id <> ALL (kept)));
        UPDATE retention x SET attempt_cursor = ids[cardinality(ids)] WHERE x.tenant_id = r.tenant_id;
        RETURN cardinality(ids);
    END IF;

    ids := retention_next_deleted(r.tenant_id, r.message_cursor, ends.message_id, most);
    IF cardinality(ids) > 0 THEN
        kept := retention_undelivered(r.tenant_id, ids);
        PERFORM retention_delete_events(r.tenant_id, ARRAY(SELECT g.id FROM unnest(ids) AS g (id) WHERE g.id <> ALL (kept)));
        PERFORM retention_remember(r.tenant_id, kept);
        UPDATE retention x SET message_cursor = ids[cardinality(ids)] WHERE x.tenant_id = r.tenant_id;
        RETURN cardinality(ids);
    END IF;
    n_looked := retention_look_again(r, ends.payload_id, ends.message_id, hour, most);
    RETURN CASE WHEN n_looked > 0 THEN n_looked ELSE retention_forget_values(r.tenant_id, most) END;
END
$$;

-- One step for the tenant that has waited longest: looks at `most` events at most. Returns at how many; 0: nobody has
-- anything to forget, or another worker is at it.
CREATE OR REPLACE FUNCTION retention_step(most integer, hour interval) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r        retention;
    n_looked integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('hookline.retention.' || current_schema())) THEN
        RETURN 0;
    END IF;
    INSERT INTO retention (tenant_id)
    SELECT t.tenant_id FROM tenant t
     WHERE t.tenant_id <> installation_id() AND NOT EXISTS (SELECT FROM retention x WHERE x.tenant_id = t.tenant_id OFFSET 0)
       AND NOT tenant_is_away(t.tenant_id)
        ON CONFLICT DO NOTHING;
    FOR n_tenants IN 1 .. 50 LOOP
        SELECT x.* INTO r
          FROM retention x
         WHERE x.due_at <= now() AND NOT tenant_is_away(x.tenant_id) AND NOT tenant_is_moving(x.tenant_id)
         ORDER BY x.due_at LIMIT 1;
        IF NOT FOUND THEN
            RETURN 0;
        END IF;
        BEGIN
            n_looked := retention_of_tenant(r, $2, $1);
        EXCEPTION WHEN query_canceled OR others THEN -- the first: it has taken too long
            r.n_failed_steps := r.n_failed_steps + 1;
            UPDATE retention x
               SET n_failed_steps = r.n_failed_steps,
                   due_at = job_postpone('retention of tenant', r.tenant_id::text, r.n_failed_steps, SQLSTATE, SQLERRM)
             WHERE x.tenant_id = r.tenant_id;
            RETURN 1;
        END;
        UPDATE retention x
           SET due_at = CASE WHEN n_looked > 0 THEN clock_timestamp() ELSE now() + $2 END, n_failed_steps = 0
         WHERE x.tenant_id = r.tenant_id;
        IF n_looked > 0 THEN
            RETURN n_looked;
        END IF;
    END LOOP;
    RETURN 1;
END
$$;
