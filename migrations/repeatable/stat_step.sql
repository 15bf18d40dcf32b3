-- Roll-ups, kept by the workers a bounded step at a time, each in a transaction with the note of how far it came:
-- docs/adr/0032-roll-ups.md. A span of time is halved and halved again until it holds so few rows that the step is short.

-- "succeeded", "http_4xx", "timeout", ...
CREATE OR REPLACE FUNCTION attempt_class(outcome text, status_code integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN $1 = 'http_status' THEN 'http_' || $2 / 100 || 'xx' ELSE $1 END
$$;

-- Everything before the time that is returned has been written, or never will be. A mark is set at a time that is
-- `settle` ago, and at the next transaction id; whoever began before that time has an id by now, because no statement
-- runs for longer than `settle`, so that nothing of before the time is on its way when all smaller ids have ended.
CREATE OR REPLACE FUNCTION stat_settle(p stat_progress, settle interval) RETURNS stat_progress LANGUAGE plpgsql AS $$
BEGIN
    IF pg_snapshot_xmin(pg_current_snapshot()) >= p.mark_xid THEN
        p.settled_to := greatest(p.settled_to, p.mark_at);
        p.mark_at := clock_timestamp() - settle;
        p.mark_xid := pg_snapshot_xmax(pg_current_snapshot());
    END IF;
    RETURN p;
END
$$;

-- Each fact counts for the tenant, the app, the subscription, the event type, and the pair of the latter two; and there
-- by the minute, the hour and the day, as long as those are kept. Zero and '' are "all", so what has no subscription or
-- type counts above only.
CREATE OR REPLACE FUNCTION stat_spread(facts stat_fact[], minutes_from timestamptz) RETURNS SETOF stat_fact LANGUAGE sql STABLE AS $$
    SELECT f.tenant_id, l.app_id, l.subscription_id, l.event_type, c.at, f.measure, f.detail, f.bin, sum(f.n)::bigint
      FROM unnest($1) f
     CROSS JOIN LATERAL (VALUES (uuid_min(), uuid_min(), '', true),
                                (uuid_min(), uuid_min(), f.event_type, f.event_type <> ''),
                                (f.app_id, uuid_min(), '', f.app_id <> uuid_min()),
                                (f.app_id, f.subscription_id, '', f.app_id <> uuid_min()),
                                (f.app_id, f.subscription_id, f.event_type, f.app_id <> uuid_min() AND f.event_type <> ''))
           AS l (app_id, subscription_id, event_type, is_one)
     CROSS JOIN LATERAL (SELECT CASE WHEN f.at >= $2 THEN f.at ELSE date_trunc('hour', f.at, 'UTC') END AS at) c
     WHERE l.is_one
     GROUP BY f.tenant_id, l.app_id, l.subscription_id, l.event_type, c.at, f.measure, f.detail, f.bin
$$;

-- `keep` is for how long minutes, hours and days are kept. In plpgsql, as all that runs often: its plans are kept.
CREATE OR REPLACE FUNCTION stat_store(facts stat_fact[], keep interval[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stat AS s (tenant_id, grain, app_id, subscription_id, event_type, at, n_events, n_messages, skips, n_attempts,
                           n_succeeded, failures, latency_succeeded, latency_failed)
    SELECT d.tenant_id, d.grain, d.app_id, d.subscription_id, d.event_type, d.at,
           coalesce(sum(d.n) FILTER (WHERE d.measure = 'event'), 0), coalesce(sum(d.n) FILTER (WHERE d.measure = 'message'), 0),
           jsonb_object_agg(d.detail, d.n) FILTER (WHERE d.measure = 'skip'),
           coalesce(sum(d.n) FILTER (WHERE d.measure = 'attempt'), 0),
           coalesce(sum(d.n) FILTER (WHERE d.measure = 'attempt' AND d.detail = 'succeeded'), 0),
           jsonb_object_agg(d.detail, d.n) FILTER (WHERE d.measure = 'attempt' AND d.detail <> 'succeeded'),
           latency_sum(d.latency) FILTER (WHERE d.measure = 'attempt' AND d.detail = 'succeeded'),
           latency_sum(d.latency) FILTER (WHERE d.measure = 'attempt' AND d.detail <> 'succeeded')
      FROM (SELECT b.tenant_id, b.grain, b.app_id, b.subscription_id, b.event_type, b.at, b.measure, b.detail, sum(b.n) AS n,
                   CASE WHEN b.measure = 'attempt' THEN latency_histogram(array_agg(b.bin), array_agg(b.n)) END AS latency
              FROM (SELECT f.tenant_id, g.grain, f.app_id, f.subscription_id, f.event_type, g.at, f.measure, f.detail, f.bin,
                           sum(f.n)::bigint AS n
                      FROM stat_spread(facts, now() - keep[1]) f
                     CROSS JOIN LATERAL (VALUES ('minute', date_trunc('minute', f.at), now() - keep[1]),
                                                ('hour', date_trunc('hour', f.at, 'UTC'), now() - keep[2]),
                                                ('day', date_trunc('day', f.at, 'UTC'), now() - keep[3])) AS g (grain, at, since)
                     WHERE g.at >= g.since
                     GROUP BY f.tenant_id, g.grain, f.app_id, f.subscription_id, f.event_type, g.at, f.measure, f.detail, f.bin) b
             GROUP BY b.tenant_id, b.grain, b.app_id, b.subscription_id, b.event_type, b.at, b.measure, b.detail) d
     GROUP BY d.tenant_id, d.grain, d.app_id, d.subscription_id, d.event_type, d.at
        ON CONFLICT (tenant_id, grain, app_id, subscription_id, event_type, at) DO UPDATE
       SET n_events = s.n_events + excluded.n_events,
           n_messages = s.n_messages + excluded.n_messages,
           skips = coalesce(counts_add(s.skips, excluded.skips), s.skips, excluded.skips),
           n_attempts = s.n_attempts + excluded.n_attempts,
           n_succeeded = s.n_succeeded + excluded.n_succeeded,
           failures = coalesce(counts_add(s.failures, excluded.failures), s.failures, excluded.failures),
           latency_succeeded = coalesce(latency_add(s.latency_succeeded, excluded.latency_succeeded),
                                        s.latency_succeeded, excluded.latency_succeeded),
           latency_failed = coalesce(latency_add(s.latency_failed, excluded.latency_failed),
                                     s.latency_failed, excluded.latency_failed);
END
$$;

-- Stores what these attempts count for: arrays of one length. One whose message has gone counts for its tenant.
CREATE OR REPLACE FUNCTION stat_store_attempts(tenant_ids uuid[], message_ids uuid[], minutes timestamptz[], classes text[],
                                               bins integer[], keep interval[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stat_store(array_agg(f.*::stat_fact), keep)
       FROM (SELECT a.tenant_id, coalesce(s.app_id, uuid_min()) AS app_id, coalesce(s.id, uuid_min()) AS subscription_id,
                    coalesce(e.event_type, '') AS event_type, a.minute AS at, 'attempt' AS measure, a.class AS detail, a.bin,
                    count(*) AS n
               FROM unnest($1, $2, $3, $4, $5) AS a (tenant_id, message_id, minute, class, bin)
               LEFT JOIN LATERAL (SELECT x.subscription_id, x.event_id
                                    FROM message x
                                   WHERE x.tenant_id = a.tenant_id AND x.id = a.message_id
                                  OFFSET 0) m ON true
               LEFT JOIN LATERAL (SELECT x.event_type
                                    FROM event x
                                   WHERE x.tenant_id = a.tenant_id AND x.id = m.event_id
                                  OFFSET 0) e ON true
               LEFT JOIN LATERAL (SELECT x.id, x.app_id
                                    FROM subscription x
                                   WHERE x.tenant_id = a.tenant_id AND x.id = m.subscription_id
                                  OFFSET 0) s ON true
              GROUP BY 1, 2, 3, 4, 5, 7, 8) f
     HAVING count(*) > 0;
END
$$;

CREATE OR REPLACE FUNCTION stat_roll_attempts(p stat_progress, keep interval[]) RETURNS stat_progress LANGUAGE plpgsql AS $$
DECLARE
    n_most constant integer := 10000;
    until  timestamptz;
    n      integer;
BEGIN
    IF p.attempts_to >= p.settled_to THEN
        RETURN p;
    END IF;
    LOOP
        until := least(p.attempts_to + p.attempts_span, p.settled_to);
        SELECT count(*) INTO n
          FROM (SELECT FROM attempt a WHERE a.recorded_at >= p.attempts_to AND a.recorded_at < until LIMIT n_most + 1) x;
        EXIT WHEN n <= n_most OR until - p.attempts_to <= interval '1 ms';
        p.attempts_span := greatest((until - p.attempts_to) / 4, interval '1 ms');
    END LOOP;
    PERFORM stat_store_attempts(array_agg(a.tenant_id), array_agg(a.message_id), array_agg(date_trunc('minute', a.started_at)),
                                array_agg(attempt_class(a.outcome, a.status_code)), array_agg(latency_bin(a.duration_us)), keep)
       FROM attempt a
      WHERE a.recorded_at >= p.attempts_to AND a.recorded_at < until AND a.recorded_at >= p.history_before;
    p.attempts_to := until;
    IF n * 4 < n_most THEN
        p.attempts_span := least(p.attempts_span * 2, interval '1 day');
    END IF;
    RETURN p;
END
$$;

-- What was published, and what at once became of it; what a backfill, a replay or a resend makes of it later is no message of then.
CREATE OR REPLACE FUNCTION stat_store_events(since timestamptz, until timestamptz, keep interval[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    since_id constant uuid := uuid_v7_floor(since);
    until_id constant uuid := uuid_v7_floor(until);
    facts    stat_fact[];
BEGIN
    WITH seen AS MATERIALIZED (
        SELECT t.tenant_id, e.id, e.event_type, date_trunc('minute', uuid_v7_time(e.id)) AS at
          FROM tenant t
         CROSS JOIN LATERAL (SELECT x.id, x.event_type
                               FROM event x
                              WHERE x.tenant_id = t.tenant_id AND x.id >= since_id AND x.id < until_id
                             OFFSET 0) e
    ), became AS MATERIALIZED (
        SELECT t.tenant_id, m.event_id, m.subscription_id, 'message' AS measure, NULL AS reason
          FROM (SELECT DISTINCT s.tenant_id FROM seen s) t
         CROSS JOIN LATERAL (SELECT x.event_id, x.subscription_id
                               FROM message x
                              WHERE x.tenant_id = t.tenant_id AND x.id >= since_id AND x.id < until_id
                                AND num_nonnulls(x.backfill_id, x.resend_of, x.replay_id) = 0
                             OFFSET 0) m
         UNION ALL
        SELECT t.tenant_id, k.event_id, k.subscription_id, 'skip', k.reason
          FROM (SELECT DISTINCT s.tenant_id FROM seen s) t
         CROSS JOIN LATERAL (SELECT x.event_id, x.subscription_id, x.reason
                               FROM skip x
                              WHERE x.tenant_id = t.tenant_id AND x.event_id >= since_id AND x.event_id < until_id
                             OFFSET 0) k
    )
    SELECT array_agg(f.*::stat_fact) INTO facts
      FROM (SELECT s.tenant_id, uuid_min() AS app_id, uuid_min() AS subscription_id, s.event_type, s.at, 'event' AS measure,
                   NULL AS detail, NULL::integer AS bin, count(*) AS n
              FROM seen s
             GROUP BY s.tenant_id, s.event_type, s.at
             UNION ALL
            SELECT b.tenant_id, u.app_id, b.subscription_id, s.event_type, s.at, b.measure, b.reason, NULL, count(*)
              FROM became b
              JOIN seen s ON s.tenant_id = b.tenant_id AND s.id = b.event_id
              JOIN subscription u ON u.tenant_id = b.tenant_id AND u.id = b.subscription_id
             GROUP BY b.tenant_id, u.app_id, b.subscription_id, s.event_type, s.at, b.measure, b.reason) f;
    IF facts IS NOT NULL THEN
        PERFORM stat_store(facts, keep);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION stat_roll_events(p stat_progress, keep interval[]) RETURNS stat_progress LANGUAGE plpgsql AS $$
DECLARE
    n_most constant integer := 5000;
    until  timestamptz;
    n      integer;
BEGIN
    IF p.events_to >= p.settled_to THEN
        RETURN p;
    END IF;
    LOOP
        until := least(p.events_to + p.events_span, p.settled_to);
        SELECT count(*) INTO n
          FROM (SELECT FROM tenant t
                 CROSS JOIN LATERAL (SELECT FROM event e
                                      WHERE e.tenant_id = t.tenant_id AND e.id >= uuid_v7_floor(p.events_to)
                                        AND e.id < uuid_v7_floor(until)
                                      LIMIT n_most + 1) e
                 LIMIT n_most + 1) x;
        EXIT WHEN n <= n_most OR until - p.events_to <= interval '1 ms';
        p.events_span := greatest((until - p.events_to) / 4, interval '1 ms');
    END LOOP;
    PERFORM stat_store_events(p.events_to, until, keep);
    p.events_to := until;
    IF n * 4 < n_most THEN
        p.events_span := least(p.events_span * 2, interval '1 day');
    END IF;
    RETURN p;
END
$$;

-- Attempts of before there were roll-ups, which say no time at which they were recorded: by their key, once all of them
-- have been written.
CREATE OR REPLACE FUNCTION stat_roll_history(p stat_progress, keep interval[]) RETURNS stat_progress LANGUAGE plpgsql AS $$
DECLARE
    n_look constant integer := 5000;
    seen   record;
BEGIN
    IF p.history_tenant IS NULL OR p.settled_to <= p.history_before THEN
        RETURN p;
    END IF;
    WITH looked AS MATERIALIZED (
        SELECT a.tenant_id, a.message_id, a.attempt_no, a.started_at, a.outcome, a.status_code, a.duration_us,
               a.recorded_at < p.history_before AS is_history
          FROM attempt a
         WHERE (a.tenant_id, a.message_id, a.attempt_no) > (p.history_tenant, p.history_message, p.history_no)
         ORDER BY a.tenant_id, a.message_id, a.attempt_no
         LIMIT n_look
    )
    SELECT (SELECT count(*) FROM looked) AS n,
           stat_store_attempts(array_agg(l.tenant_id), array_agg(l.message_id), array_agg(date_trunc('minute', l.started_at)),
                               array_agg(attempt_class(l.outcome, l.status_code)), array_agg(latency_bin(l.duration_us)), keep),
           (SELECT row(x.tenant_id, x.message_id, x.attempt_no)::stat_place
              FROM looked x
             ORDER BY x.tenant_id DESC, x.message_id DESC, x.attempt_no DESC
             LIMIT 1) AS last
      INTO seen
      FROM looked l
     WHERE l.is_history;
    IF seen.n < n_look THEN
        p.history_tenant := NULL;
    ELSE
        p.history_tenant := (seen.last).tenant_id;
        p.history_message := (seen.last).message_id;
        p.history_no := (seen.last).attempt_no;
    END IF;
    RETURN p;
END
$$;

-- Takes away what has had its time, a little of each.
CREATE OR REPLACE FUNCTION stat_sweep(keep interval[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM stat s
     WHERE s.ctid = ANY (ARRAY(SELECT o.ctid
                                 FROM (VALUES ('minute', 1), ('hour', 2), ('day', 3)) AS g (grain, n)
                                CROSS JOIN LATERAL (SELECT x.ctid
                                                      FROM stat x
                                                     WHERE x.grain = g.grain AND x.at < now() - keep[g.n]
                                                     ORDER BY x.at
                                                     LIMIT 2000) o));
END
$$;

-- One step, for about budget_ms; none while another worker takes one. How long minutes, hours and days are kept is in
-- days. Returns the milliseconds until the next one is due: while there is more to do it takes a quarter of the time.
CREATE OR REPLACE FUNCTION stat_step(settle_ms integer, budget_ms integer, pause_ms integer, keep_days integer[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    begun_at  constant timestamptz := clock_timestamp();
    keep      constant interval[] := ARRAY(SELECT k.d * interval '1 day' FROM unnest(keep_days) WITH ORDINALITY AS k (d, n) ORDER BY k.n);
    is_behind boolean;
    p         stat_progress;
BEGIN
    SELECT x.* INTO p FROM stat_progress x WHERE x.tenant_id = installation_id() FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN pause_ms;
    END IF;
    p := stat_settle(p, settle_ms * interval '1 millisecond');
    LOOP
        p := stat_roll_attempts(p, keep);
        p := stat_roll_events(p, keep);
        p := stat_roll_history(p, keep);
        is_behind := p.attempts_to < p.settled_to OR p.events_to < p.settled_to
                     OR p.history_tenant IS NOT NULL AND p.settled_to > p.history_before;
        EXIT WHEN NOT is_behind OR clock_timestamp() - begun_at >= budget_ms * interval '1 millisecond';
    END LOOP;
    PERFORM stat_sweep(keep);
    UPDATE stat_progress x
       SET mark_at = p.mark_at, mark_xid = p.mark_xid, settled_to = p.settled_to, attempts_to = p.attempts_to,
           attempts_span = p.attempts_span, events_to = p.events_to, events_span = p.events_span,
           history_tenant = p.history_tenant, history_message = p.history_message, history_no = p.history_no
     WHERE x.tenant_id = installation_id();
    RETURN CASE WHEN is_behind THEN least(pause_ms, ceil(3000 * extract(epoch FROM clock_timestamp() - begun_at))) ELSE pause_ms END;
END
$$;
