-- What the workers' jobs (backfill_step.sql, replay_step.sql) have in common: they make messages that nobody waits for, so
-- that what is published now goes first.

-- Whether anything that is due comes late: then no job makes more.
CREATE OR REPLACE FUNCTION job_is_live_late() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(min(x.due_at) < now() - interval '1 second', false)
      FROM (SELECT q.due_at FROM queue q WHERE q.due_at <= now() AND NOT q.laned ORDER BY q.due_at LIMIT 1) x
$$;

-- How many messages a step may make for a subscription: as many as leave `most` waiting there, and none while it is
-- paused. A flow's runs may wait for days in there, for a request: they keep nobody back.
CREATE OR REPLACE FUNCTION job_room(s subscription, most integer) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN s.state = 'paused' THEN 0
                WHEN s.kind = 'flow' THEN most
                ELSE most - (SELECT count(*)
                               FROM (SELECT
                                       FROM queue q
                                      WHERE q.tenant_id = s.tenant_id AND q.subscription_id = s.id
                                      LIMIT most) w) END
$$;

-- Why no job can make a message for a subscription any more; NULL when one can, or may later.
CREATE OR REPLACE FUNCTION job_end_reason(s subscription) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN t.state = 'archived' THEN 'tenant_archived'
                WHEN s.state NOT IN ('active', 'held', 'paused') THEN 'subscription_' || s.state END
      FROM tenant t
     WHERE t.tenant_id = s.tenant_id
$$;

-- Until when a job that has to wait does: longer each time.
CREATE OR REPLACE FUNCTION job_pause(n_pauses integer, most_ms integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT clock_timestamp() + least(100 * 2 ^ $1, $2) * interval '1 millisecond'
$$;

-- Until when what has failed waits: a second at first, ten minutes at most. A step's failure is its own job's: others go
-- on. The worker logs the warning ("database.warned"), the server does as well.
CREATE OR REPLACE FUNCTION job_postpone(kind text, id text, n_failed_steps integer, sqlstate text, message text)
RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING USING MESSAGE = format('a step of %s %s has failed, %s in a row: %s', $1, $2, $3, $5), ERRCODE = $4;
    RETURN clock_timestamp() + least(2 ^ least($3 - 1, 20), 600) * interval '1 second';
END
$$;

-- Makes messages of events, in this order, that have none of the subscription yet: those whose payload its filter lets
-- pass, and that have one still. Each carries the connection's values of now. Returns the events of those that were made,
-- and of those that the filter keeps back; an event that has a message meanwhile is neither.
CREATE OR REPLACE FUNCTION job_make(s subscription, event_ids uuid[], connection_ids uuid[], values_versions integer[],
                                    backfill_id uuid, replay_id uuid, OUT made uuid[], OUT filtered uuid[])
LANGUAGE plpgsql AS $$
DECLARE
    kept constant uuid[] := event_share(s.tenant_id, $2);
BEGIN
    WITH given AS MATERIALIZED (
        SELECT g.*, message_id(g.event_id, s.id) AS message_id,
               g.event_id <> ALL (kept) -- its payload is gone
               OR s.filter IS NOT NULL
               AND filter_skip_reason(s.filter,
                                      (SELECT filter_document(e.payload)
                                         FROM event e
                                        WHERE e.tenant_id = s.tenant_id AND e.id = g.event_id)) IS NOT NULL AS is_filtered
          FROM unnest($2, $3, $4) WITH ORDINALITY AS g (event_id, connection_id, values_version, n)
    ), made AS (
        INSERT INTO message AS m (tenant_id, id, event_id, subscription_id, connection_id, values_version, origin, backfill_id,
                                  replay_id)
        SELECT s.tenant_id, g.message_id, g.event_id, s.id, g.connection_id, g.values_version, 'backfill', $5, $6
          FROM given g
         WHERE NOT g.is_filtered
            ON CONFLICT DO NOTHING
        RETURNING m.id, m.event_id, m.connection_id, m.values_version
    ), pinned AS (
        UPDATE connection_values v
           SET is_pinned = true
          FROM (SELECT DISTINCT d.connection_id, d.values_version FROM made d WHERE d.values_version IS NOT NULL) d
         WHERE v.tenant_id = s.tenant_id AND v.connection_id = d.connection_id AND v.version = d.values_version
           AND NOT v.is_pinned
    ), queued AS (
        INSERT INTO queue (tenant_id, subscription_id, message_id, due_at)
        SELECT s.tenant_id, s.id, d.id, greatest(now(), s.active_from) + g.n * interval '1 microsecond'
          FROM made d
          JOIN given g ON g.event_id = d.event_id
    ), unskipped AS (
        DELETE FROM skip k
         WHERE k.tenant_id = s.tenant_id AND k.subscription_id = s.id
           AND k.event_id = ANY (ARRAY(SELECT g.event_id FROM given g WHERE NOT g.is_filtered))
    )
    SELECT ARRAY(SELECT d.event_id FROM made d), ARRAY(SELECT g.event_id FROM given g WHERE g.is_filtered)
      INTO made, filtered;
    IF cardinality(made) > 0 THEN
        PERFORM pg_notify('hookline_due', '');
    END IF;
END
$$;
