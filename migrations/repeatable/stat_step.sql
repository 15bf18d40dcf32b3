-- Roll-ups, kept by the workers a bounded step at a time, each in a transaction with the note of how far it came:
-- docs/adr/0032-roll-ups.md. A span of time is quartered and quartered again until it holds so few rows that the step is short.

DROP FUNCTION IF EXISTS stat_spread(stat_fact[], timestamptz);
DROP FUNCTION IF EXISTS stat_store(stat_fact[], interval[]);
DROP FUNCTION IF EXISTS stat_store_attempts(uuid[], uuid[], timestamptz[], text[], integer[], interval[]);
DROP FUNCTION IF EXISTS stat_store_events(timestamptz, timestamptz, interval[]);
DROP FUNCTION IF EXISTS stat_roll_attempts(stat_progress, interval[]);
DROP FUNCTION IF EXISTS stat_roll_events(stat_progress, interval[]);
DROP FUNCTION IF EXISTS stat_roll_history(stat_progress, interval[]);
DROP FUNCTION IF EXISTS stat_event_facts(timestamptz, timestamptz);

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

-- Each fact counts for the tenant, the event type, the app, the subscription, and the pair of subscription and type; by the
-- minute, or by the hour when it is of a pair or of before `minutes_from`. Zero and '' are "all", so what has no
-- subscription or type counts above only.
CREATE OR REPLACE FUNCTION stat_rows(facts stat_fact[], minutes_from timestamptz) RETURNS SETOF stat_open LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT c.tenant_id, c.app_id, c.subscription_id, c.event_type, c.at,
           coalesce(sum(c.n) FILTER (WHERE c.measure = 'event'), 0)::integer,
           coalesce(sum(c.n) FILTER (WHERE c.measure = 'message'), 0)::integer,
           jsonb_object_agg(c.detail, c.n) FILTER (WHERE c.measure = 'skip'),
           coalesce(sum(c.n) FILTER (WHERE c.measure = 'attempt'), 0)::integer,
           coalesce(sum(c.n) FILTER (WHERE c.measure = 'attempt' AND c.detail <> 'succeeded'), 0)::integer,
           counts_counted(array_agg(c.detail) FILTER (WHERE c.measure = 'attempt' AND c.detail <> 'succeeded'),
                          array_agg(c.n) FILTER (WHERE c.measure = 'attempt' AND c.detail <> 'succeeded')),
           latency_counted(array_agg(c.bin) FILTER (WHERE c.measure = 'attempt'), array_agg(c.n) FILTER (WHERE c.measure = 'attempt')),
           latency_counted(array_agg(c.bin) FILTER (WHERE c.measure = 'attempt' AND c.detail <> 'succeeded'),
                           array_agg(c.n) FILTER (WHERE c.measure = 'attempt' AND c.detail <> 'succeeded'))
      FROM (SELECT f.tenant_id, coalesce(f.app_id, uuid_min()) AS app_id, coalesce(f.subscription_id, uuid_min()) AS subscription_id,
                   coalesce(f.event_type, '') AS event_type, coalesce(f.minute, f.hour) AS at, f.measure, f.detail, f.bin,
                   sum(f.n)::bigint AS n
              FROM (SELECT u.*, h.hour, CASE WHEN u.at >= $2 THEN u.at ELSE h.hour END AS minute
                      FROM unnest($1) u
                     CROSS JOIN LATERAL (SELECT date_trunc('hour', u.at, 'UTC') AS hour) h) f
             GROUP BY f.tenant_id, f.measure, f.detail, f.bin,
                      GROUPING SETS ((f.minute), (f.event_type, f.minute), (f.app_id, f.minute), (f.app_id, f.subscription_id, f.minute),
                                     (f.app_id, f.subscription_id, f.event_type, f.hour))
            HAVING (f.event_type <> '' OR grouping(f.event_type) = 1) AND (f.app_id <> uuid_min() OR grouping(f.app_id) = 1)) c
     GROUP BY c.tenant_id, c.app_id, c.subscription_id, c.event_type, c.at;
END
$$;

-- Adds to what is open.
CREATE OR REPLACE FUNCTION stat_open_add(rows stat_open[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stat_open AS s
    SELECT r.* FROM unnest($1) r
        ON CONFLICT (tenant_id, app_id, subscription_id, event_type, at) DO UPDATE
       SET n_events = s.n_events + excluded.n_events,
           n_messages = s.n_messages + excluded.n_messages,
           skips = coalesce(counts_add(s.skips, excluded.skips), s.skips, excluded.skips),
           n_attempts = s.n_attempts + excluded.n_attempts,
           n_failed = s.n_failed + excluded.n_failed,
           failures = coalesce(counts_add(s.failures, excluded.failures), s.failures, excluded.failures),
           latency = coalesce(latency_add(s.latency, excluded.latency), s.latency, excluded.latency),
           latency_failed = coalesce(latency_add(s.latency_failed, excluded.latency_failed), s.latency_failed, excluded.latency_failed);
END
$$;

CREATE OR REPLACE FUNCTION stat_store(facts stat_fact[], p stat_progress, keep interval[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    closed constant timestamptz := stat_closed_before(p.settled_to);
    rows   constant stat_open[] := ARRAY(SELECT r FROM stat_rows(facts, now() - keep[1]) r);
    late   constant stat_open[] := ARRAY(SELECT r FROM unnest(rows) r WHERE r.at < closed);
BEGIN
    PERFORM stat_open_add(ARRAY(SELECT r FROM unnest(rows) r WHERE r.at >= closed));
    IF cardinality(late) > 0 THEN
        PERFORM stat_pages_add(late, keep);
    END IF;
END
$$;

-- What these attempts count for. One whose message has gone counts for its tenant.
CREATE OR REPLACE FUNCTION stat_attempt_facts(tenant_ids uuid[], message_ids uuid[], minutes timestamptz[], classes text[], bins integer[])
RETURNS stat_fact[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT row(a.tenant_id, coalesce(s.app_id, uuid_min()), coalesce(s.id, uuid_min()), coalesce(e.event_type, ''), a.minute,
                   'attempt', a.class, a.bin, count(*))::stat_fact
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
         GROUP BY a.tenant_id, s.app_id, s.id, e.event_type, a.minute, a.class, a.bin);
END
$$;

-- Facts of the next span of attempts.
CREATE OR REPLACE FUNCTION stat_roll_attempts(INOUT p stat_progress, OUT facts stat_fact[]) LANGUAGE plpgsql AS $$
DECLARE
    n_most constant integer := 20000;
    least_span constant interval := '1 ms';
    until  timestamptz;
    seen   record;
BEGIN
    IF p.attempts_to >= p.settled_to THEN
        RETURN;
    END IF;
    LOOP
        until := least(p.attempts_to + p.attempts_span, p.settled_to);
        SELECT count(*) AS n, array_agg(a.tenant_id) AS tenant_ids, array_agg(a.message_id) AS message_ids,
               array_agg(date_trunc('minute', a.started_at)) AS minutes,
               array_agg(attempt_class(a.outcome, a.status_code)) AS classes, array_agg(latency_bin(a.duration_us)) AS bins
          INTO seen
          FROM (SELECT x.tenant_id, x.message_id, x.started_at, x.outcome, x.status_code, x.duration_us
                  FROM attempt x
                 WHERE x.recorded_at >= p.attempts_to AND x.recorded_at < until AND x.recorded_at >= p.history_before
                   AND NOT attempt_is_counted(x.tenant_id, x.recorded_at)
                 LIMIT CASE WHEN p.attempts_span > least_span THEN n_most + 1 END) a;
        EXIT WHEN seen.n <= n_most OR p.attempts_span <= least_span;
        p.attempts_span := greatest((until - p.attempts_to) / 4, least_span);
    END LOOP;
    IF seen.n > 0 THEN
        facts := stat_attempt_facts(seen.tenant_ids, seen.message_ids, seen.minutes, seen.classes, seen.bins);
    END IF;
    p.attempts_to := until;
    IF seen.n * 4 < n_most THEN
        p.attempts_span := least(p.attempts_span * 2, interval '1 week');
    END IF;
END
$$;

-- What was published, and what at once became of it; what a backfill, a replay or a resend makes of it later is no message of then.
-- Of one tenant, or (NULL) of all whose events are not counted already. What is in the two lists is a guess to the planner, so
-- it would compare each with each: they are joined by hash. What is LATERAL is looked up one by one all the same.
CREATE OR REPLACE FUNCTION stat_event_facts(since timestamptz, until timestamptz, only_of uuid) RETURNS stat_fact[]
LANGUAGE plpgsql STABLE SET enable_nestloop = off AS $$
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
                                AND (only_of IS NOT NULL OR NOT event_is_counted(x.tenant_id, x.id))
                             OFFSET 0) e
         WHERE only_of IS NULL OR t.tenant_id = only_of
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
            SELECT c.tenant_id, u.app_id, c.subscription_id, c.event_type, c.at, c.measure, c.reason, NULL, c.n
              FROM (SELECT b.tenant_id, b.subscription_id, s.event_type, s.at, b.measure, b.reason, count(*) AS n
                      FROM became b
                      JOIN seen s ON s.tenant_id = b.tenant_id AND s.id = b.event_id
                     GROUP BY b.tenant_id, b.subscription_id, s.event_type, s.at, b.measure, b.reason) c
             CROSS JOIN LATERAL (SELECT x.app_id
                                   FROM subscription x
                                  WHERE x.tenant_id = c.tenant_id AND x.id = c.subscription_id
                                 OFFSET 0) u) f;
    RETURN facts;
END
$$;

-- Facts of the next span of events: one that has not too many of them, nor of what became of them.
CREATE OR REPLACE FUNCTION stat_roll_events(INOUT p stat_progress, OUT facts stat_fact[]) LANGUAGE plpgsql AS $$
DECLARE
    n_most      constant integer := 20000;
    became_most constant integer := 100000;
    least_span  constant interval := '1 ms';
    until    timestamptz;
    n        integer;
    n_became integer;
BEGIN
    IF p.events_to >= p.settled_to THEN
        RETURN;
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
        SELECT count(*) INTO n_became
          FROM (SELECT FROM tenant t
                 CROSS JOIN LATERAL ((SELECT FROM message m
                                       WHERE m.tenant_id = t.tenant_id AND m.id >= uuid_v7_floor(p.events_to)
                                         AND m.id < uuid_v7_floor(until)
                                       LIMIT became_most + 1)
                                      UNION ALL
                                     (SELECT FROM skip k
                                       WHERE k.tenant_id = t.tenant_id AND k.event_id >= uuid_v7_floor(p.events_to)
                                         AND k.event_id < uuid_v7_floor(until)
                                       LIMIT became_most + 1)) b
                 WHERE n BETWEEN 1 AND n_most
                 LIMIT became_most + 1) x;
        EXIT WHEN n <= n_most AND n_became <= became_most OR p.events_span <= least_span;
        p.events_span := greatest((until - p.events_to) / 4, least_span);
    END LOOP;
    IF n > 0 THEN
        facts := stat_event_facts(p.events_to, until, NULL);
    END IF;
    p.events_to := until;
    IF n * 4 < n_most AND n_became * 4 < became_most THEN
        p.events_span := least(p.events_span * 2, interval '1 week');
    END IF;
END
$$;

-- Attempts of before there were roll-ups, which say no time at which they were recorded: by their key, once all of them
-- have been written.
CREATE OR REPLACE FUNCTION stat_roll_history(INOUT p stat_progress, OUT facts stat_fact[]) LANGUAGE plpgsql AS $$
DECLARE
    n_look constant integer := 5000;
    seen   record;
BEGIN
    IF p.history_tenant IS NULL OR p.settled_to <= p.history_before THEN
        RETURN;
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
           stat_attempt_facts(array_agg(l.tenant_id), array_agg(l.message_id), array_agg(date_trunc('minute', l.started_at)),
                              array_agg(attempt_class(l.outcome, l.status_code)), array_agg(latency_bin(l.duration_us))) AS facts,
           (SELECT row(x.tenant_id, x.message_id, x.attempt_no)::stat_place
              FROM looked x
             ORDER BY x.tenant_id DESC, x.message_id DESC, x.attempt_no DESC
             LIMIT 1) AS last
      INTO seen
      FROM looked l
     WHERE l.is_history;
    facts := seen.facts;
    IF seen.n < n_look THEN
        p.history_tenant := NULL;
    ELSE
        p.history_tenant := (seen.last).tenant_id;
        p.history_message := (seen.last).message_id;
        p.history_no := (seen.last).attempt_no;
    END IF;
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
    of_attempts record;
    of_events   record;
    of_history  record;
BEGIN
    SELECT x.* INTO p FROM stat_progress x WHERE x.tenant_id = installation_id() FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN pause_ms;
    END IF;
    p := stat_settle(p, settle_ms * interval '1 millisecond');
    LOOP
        p := stat_fold(p, keep);
        SELECT x.p, x.facts INTO of_attempts FROM stat_roll_attempts(p) x;
        SELECT x.p, x.facts INTO of_events FROM stat_roll_events(of_attempts.p) x;
        SELECT x.p, x.facts INTO of_history FROM stat_roll_history(of_events.p) x;
        p := of_history.p;
        PERFORM stat_store(of_attempts.facts || of_events.facts || of_history.facts, p, keep);
        is_behind := p.attempts_to < p.settled_to OR p.events_to < p.settled_to
                     OR p.history_tenant IS NOT NULL AND p.settled_to > p.history_before OR p.folded_to < stat_closed_before(p.settled_to);
        EXIT WHEN NOT is_behind OR clock_timestamp() - begun_at >= budget_ms * interval '1 millisecond';
    END LOOP;
    PERFORM stat_sweep(keep);
    UPDATE stat_progress x
       SET mark_at = p.mark_at, mark_xid = p.mark_xid, settled_to = p.settled_to, attempts_to = p.attempts_to,
           attempts_span = p.attempts_span, events_to = p.events_to, events_span = p.events_span,
           history_tenant = p.history_tenant, history_message = p.history_message, history_no = p.history_no,
           folded_to = p.folded_to
     WHERE x.tenant_id = installation_id();
    RETURN CASE WHEN is_behind THEN least(pause_ms, ceil(3000 * extract(epoch FROM clock_timestamp() - begun_at))) ELSE pause_ms END;
END
$$;
