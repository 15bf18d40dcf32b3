-- What `hookline tenants move` asks of a cell, as its owner: api/cli/move*.c, docs/adr/0041-moving-a-tenant.md. Nobody else
-- may: the tables of a move are granted to nobody.

-- Tables with a tenant that are not copied, and why.
CREATE OR REPLACE FUNCTION tenant_move_spared() RETURNS TABLE (relation text, reason text) LANGUAGE sql IMMUTABLE AS $$
    VALUES ('queue', 'its rows wait in queue_away while the tenant is held, and are copied from there'),
           ('tenant_cell', 'the directory: of the home cell'),
           ('tenant_away', 'the fence of this cell'),
           ('tenant_move', 'of the move itself'),
           ('tenant_arrival', 'of the move itself'),
           ('tenant_copy', 'of the move itself')
$$;

-- All others, parents before those that refer to them. `stands_alone`: no foreign key leads to it or from it, and its rows
-- are told apart by its key only; such a table may be copied while it changes. `is_binary`: its types are PostgreSQL's own.
CREATE OR REPLACE FUNCTION tenant_move_tables()
RETURNS TABLE (relation text, stands_alone boolean, is_binary boolean, columns text[], key text[]) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE own AS (
        SELECT c.oid, c.relname
          FROM pg_class c
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND c.relname !~ '^(event|message|attempt|skip)_[0-9]{4}w[0-9]{2}$' -- detached, about to be dropped
           AND c.relname NOT IN (SELECT s.relation FROM tenant_move_spared() s)
           AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
    ), level AS (
        SELECT o.oid, 0 AS n FROM own o
         UNION ALL
        SELECT k.conrelid, l.n + 1
          FROM level l
          JOIN pg_constraint k ON k.confrelid = l.oid AND k.contype = 'f' AND NOT k.condeferrable AND k.conrelid <> k.confrelid
         WHERE l.n < 50 -- a circle would be a fault: tests/integration/move.c
    )
    SELECT o.relname::text,
           NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND o.oid IN (k.conrelid, k.confrelid))
           AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = o.oid AND i.indisunique AND NOT i.indisprimary),
           (SELECT bool_and(t.typnamespace = 'pg_catalog'::regnamespace)
              FROM pg_attribute a
              JOIN pg_type t ON t.oid = a.atttypid
             WHERE a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped),
           ARRAY(SELECT quote_ident(a.attname)
                   FROM pg_attribute a
                  WHERE a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                  ORDER BY a.attname),
           ARRAY(SELECT quote_ident(a.attname)
                   FROM pg_index i
                  CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS u (attnum, n)
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
                  WHERE i.indrelid = o.oid AND i.indisprimary
                  ORDER BY u.n)
      FROM own o
      JOIN (SELECT x.oid, max(x.n) AS n FROM level x GROUP BY x.oid) l ON l.oid = o.oid
     ORDER BY l.n, o.relname
$$;

-- The weeks in which the tenant has anything, table by table.
CREATE OR REPLACE FUNCTION tenant_move_weeks(tenant_id uuid) RETURNS TABLE (parent text, monday timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    has_any boolean;
BEGIN
    FOREACH parent IN ARRAY ARRAY['event', 'message', 'attempt', 'skip'] LOOP
        FOR monday IN SELECT m FROM partition_mondays() m ORDER BY m LOOP
            CONTINUE WHEN to_regclass(quote_ident(partition_name(parent, monday))) IS NULL;
            EXECUTE format('SELECT EXISTS (SELECT FROM %I x WHERE x.tenant_id = $1)', partition_name(parent, monday))
               INTO has_any USING $1;
            IF has_any THEN
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- Virtual transactions of the API and the workers that are open now. What begins behind a committed fence sees it.
CREATE OR REPLACE FUNCTION tenant_move_open_transactions() RETURNS text[] LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(array_agg(l.virtualtransaction), '{}')
      FROM pg_locks l
      JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'virtualxid' AND a.datname = current_database() AND a.usename IN ('hookline_api', 'hookline_worker')
$$;

-- Takes up to `most` rows out of the queue that nobody has a lease of. Returns how many are left: in flight, or too many.
CREATE OR REPLACE FUNCTION tenant_queue_take(tenant_id uuid, most integer) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    WITH free AS (
        DELETE FROM queue q
         WHERE q.tenant_id = $1
           AND q.ctid = ANY (ARRAY(SELECT x.ctid
                                     FROM queue x
                                    WHERE x.tenant_id = $1 AND NOT (x.leased AND x.due_at > now())
                                    LIMIT most
                                      FOR UPDATE SKIP LOCKED))
        RETURNING q.*
    )
    INSERT INTO queue_away SELECT f.* FROM free f;
    RETURN (SELECT count(*) FROM queue q WHERE q.tenant_id = $1);
END
$$;

-- Puts them back, in this cell or the one that they were copied to, and wakes who sends them.
CREATE OR REPLACE FUNCTION tenant_queue_return(tenant_id uuid) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n_returned bigint;
BEGIN
    WITH back AS (
        DELETE FROM queue_away q WHERE q.tenant_id = $1 RETURNING q.*
    )
    INSERT INTO queue SELECT b.* FROM back b;
    GET DIAGNOSTICS n_returned = ROW_COUNT;
    -- A lane that was looked at while its messages were away waits for nothing now.
    INSERT INTO lane AS l (tenant_id, subscription_id)
    SELECT DISTINCT q.tenant_id, q.subscription_id
      FROM queue q
     WHERE q.tenant_id = $1 AND q.laned
     ORDER BY q.tenant_id, q.subscription_id
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET is_busy = true, next_at = greatest(excluded.next_at, l.paused_until), n_turns = l.n_turns % 2000000000 + 1, n_idle = 0;
    PERFORM pg_notify('hookline_due', 'all'); -- they are due when they were: worker/claim.c
    RETURN n_returned;
END
$$;

-- What the roll-ups of this cell have not counted yet of the tenant: of a minute, or of much more when they are behind.
-- Facts are joined by hash: nothing says beforehand how many there are.
CREATE OR REPLACE FUNCTION tenant_uncounted(tenant_id uuid) RETURNS stat_open[]
LANGUAGE plpgsql STABLE SET enable_nestloop = off AS $$
#variable_conflict use_column
DECLARE
    p        stat_progress;
    attempts stat_fact[];
BEGIN
    SELECT x.* INTO p FROM stat_progress x WHERE x.tenant_id = installation_id();
    SELECT stat_attempt_facts(array_agg(a.tenant_id), array_agg(a.message_id), array_agg(date_trunc('minute', a.started_at)),
                              array_agg(attempt_class(a.outcome, a.status_code)), array_agg(latency_bin(a.duration_us)))
      INTO attempts
      FROM (SELECT x.*
              FROM attempt x
             WHERE x.recorded_at >= p.attempts_to AND x.recorded_at >= p.history_before
            OFFSET 0) a
     WHERE a.tenant_id = $1 AND NOT attempt_is_counted(a.tenant_id, a.recorded_at);
    RETURN ARRAY(SELECT r
                   FROM stat_rows(attempts || stat_event_facts(p.events_to, now() + interval '1 day', $1), '-infinity') r);
END
$$;

-- From here on the tenant lives in this cell: one transaction, behind which there is no way back.
CREATE OR REPLACE FUNCTION tenant_move_flip(tenant_id uuid, from_cell text, to_cell text, counted_to timestamptz, uncounted stat_open[])
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n_waiting bigint;
BEGIN
    PERFORM stat_open_add($5);
    UPDATE tenant t SET cell = $3 WHERE t.tenant_id = $1;
    UPDATE tenant_arrival a
       SET attempts_to = $4, flipped_at = clock_timestamp(),
           events_to = coalesce((SELECT e.id FROM event e WHERE e.tenant_id = $1 ORDER BY e.id DESC LIMIT 1), uuid_min())
     WHERE a.tenant_id = $1;
    n_waiting := tenant_queue_return($1);
    DELETE FROM tenant_away a WHERE a.tenant_id = $1;
    DELETE FROM tenant_move v WHERE v.tenant_id = $1; -- of a move out of here that left it
    DELETE FROM retention_week w; -- what was known of the weeks was known without this tenant
    INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)
    VALUES ($1, 'hookline tenants move', 'tenant.moved', $1::text, json_build_object('from', $2, 'to', $3));
    RETURN n_waiting;
END
$$;

-- Gives a held tenant back to this cell.
CREATE OR REPLACE FUNCTION tenant_move_undo(tenant_id uuid) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n_waiting bigint := tenant_queue_return($1);
BEGIN
    DELETE FROM tenant_away a WHERE a.tenant_id = $1 AND a.state = 'moving';
    RETURN n_waiting;
END
$$;

-- Gives tenants back to this cell that a move held when it was killed: nobody has its lock any more (api/cli/move.c), and it
-- had not begun to flip. Workers ask; up to `most` messages at a time. Returns how many tenants it was about.
CREATE OR REPLACE FUNCTION tenant_hold_release(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    held       uuid;
    n_returned integer;
    n_tenants  bigint := 0;
BEGIN
    FOR held IN
        SELECT v.tenant_id
          FROM tenant_move v
          JOIN tenant_away a ON a.tenant_id = v.tenant_id AND a.state = 'moving'
         WHERE v.flips_at IS NULL
         ORDER BY v.tenant_id
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtext('hookline.move.cell.' || current_schema() || '.' || held));
        -- Again, behind the lock: the move may have come to its end just now.
        CONTINUE WHEN NOT EXISTS (SELECT FROM tenant_move v WHERE v.tenant_id = held AND v.flips_at IS NULL);
        n_tenants := n_tenants + 1;
        WITH back AS (
            DELETE FROM queue_away q
             WHERE q.tenant_id = held AND q.ctid = ANY (ARRAY(SELECT x.ctid FROM queue_away x WHERE x.tenant_id = held LIMIT most))
            RETURNING q.*
        )
        INSERT INTO queue SELECT b.* FROM back b;
        GET DIAGNOSTICS n_returned = ROW_COUNT;
        IF n_returned < most THEN
            PERFORM tenant_move_undo(held);
        END IF;
    END LOOP;
    RETURN n_tenants;
END
$$;
REVOKE ALL ON FUNCTION tenant_hold_release(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_hold_release(integer) TO hookline_worker;
