-- What a worker does for a replay, a bounded step at a time, each in a transaction of its own: one that is killed has done
-- nothing. Each step holds the replay's row, and the subscriptions that it makes messages for, in the order of their ids,
-- FOR NO KEY UPDATE. See docs/adr/0034-replays.md.

-- The events of the first of those that wait for the subscription.
CREATE OR REPLACE FUNCTION replay_waiting_events(r replay, s subscription, most integer) RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT i.event_id
                   FROM replay_message i
                  WHERE i.tenant_id = r.tenant_id AND i.replay_id = r.id AND i.subscription_id = s.id AND i.outcome IS NULL
                  ORDER BY i.message_id
                  LIMIT most)
$$;

-- What becomes of up to `most` of those that wait for the subscription and have been messages before. Returns how many
-- of them are sent again, and how many are not, by reason.
CREATE OR REPLACE FUNCTION replay_repeat(r replay, s subscription, most integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    end_reason constant text := job_end_reason(s);
    kept       constant uuid[] := event_share(r.tenant_id, replay_waiting_events(r, s, most));
    ids    uuid[];
    counts jsonb;
BEGIN
    WITH waiting AS MATERIALIZED (
        SELECT i.ctid AS item_ctid, i.message_id, i.event_id, i.was
          FROM replay_message i
         WHERE i.tenant_id = r.tenant_id AND i.replay_id = r.id AND i.subscription_id = s.id AND i.outcome IS NULL
         ORDER BY i.message_id
         LIMIT most
    ), judged AS MATERIALIZED (
        SELECT w.item_ctid, w.message_id,
               CASE WHEN end_reason IS NOT NULL THEN end_reason
                    WHEN m.id IS NULL THEN 'message_gone'
                    WHEN w.event_id <> ALL (kept) THEN 'payload_gone'
                    WHEN m.status NOT IN ('succeeded', 'failed', 'cancelled') THEN 'message_waiting'
                    WHEN c.state <> 'active' THEN 'connection_' || c.state
                    WHEN w.was <> 'succeeded' AND (m.status = 'succeeded' OR message_sibling(m.message, '{succeeded}') IS NOT NULL)
                    THEN 'has_succeeded'
                    WHEN message_sibling(m.message, '{pending,held}') IS NOT NULL THEN 'message_waiting'
                    ELSE 'replayed' END AS outcome
          FROM waiting w
          LEFT JOIN LATERAL (SELECT y AS message, y.id, y.status, y.connection_id
                               FROM message y
                              WHERE y.tenant_id = r.tenant_id AND y.id = w.message_id AND y.subscription_id = s.id
                             OFFSET 0) m ON true
          LEFT JOIN LATERAL (SELECT y.state
                               FROM connection y
                              WHERE y.tenant_id = r.tenant_id AND y.id = m.connection_id AND y.app_id = s.app_id
                             OFFSET 0) c ON true
    ), told AS (
        UPDATE replay_message i
           SET outcome = (SELECT j.outcome FROM judged j WHERE j.item_ctid = i.ctid)
         WHERE i.ctid = ANY (ARRAY(SELECT j.item_ctid FROM judged j)) -- no more, or all of the replay's would be read
    )
    SELECT (SELECT coalesce(jsonb_object_agg(j.outcome, j.n), '{}')
              FROM (SELECT x.outcome, count(*) AS n FROM judged x GROUP BY x.outcome) j),
           ARRAY(SELECT x.message_id FROM judged x WHERE x.outcome = 'replayed' ORDER BY x.message_id)
      INTO counts, ids;
    PERFORM message_repeat(s, ids, ARRAY(SELECT resend_id(x.id, r.id) FROM unnest(ids) WITH ORDINALITY AS x (id, n) ORDER BY x.n),
                           r.has_todays_values, r.has_own_id, r.id);
    RETURN counts;
END
$$;

-- The same of events that the subscription missed, which become messages as a backfill's do. Partners have nothing of
-- before the company was connected (BC-05).
CREATE OR REPLACE FUNCTION replay_make(r replay, s subscription, most integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    end_reason constant text := job_end_reason(s);
    kept       constant uuid[] := event_share(r.tenant_id, replay_waiting_events(r, s, most));
    judged record;
    new    record;
    counts jsonb;
BEGIN
    SELECT array_agg(w.item_ctid ORDER BY w.event_id) AS item_ctids,
           array_agg(w.reason ORDER BY w.event_id) AS reasons,
           array_agg(w.event_id ORDER BY w.event_id) FILTER (WHERE w.reason IS NULL) AS event_ids,
           array_agg(w.connection_id ORDER BY w.event_id) FILTER (WHERE w.reason IS NULL) AS connection_ids,
           array_agg(w.values_version ORDER BY w.event_id) FILTER (WHERE w.reason IS NULL) AS values_versions
      INTO judged
      FROM (SELECT i.item_ctid, i.event_id, c.id AS connection_id, CASE WHEN t.enrichable THEN c.values_version END AS values_version,
                   CASE WHEN end_reason IS NOT NULL THEN end_reason
                        WHEN e.id IS NULL OR i.event_id <> ALL (kept) THEN 'payload_gone'
                        WHEN m.id IS NOT NULL THEN 'has_message'
                        WHEN t.enrichable IS NULL THEN 'type_not_selected'
                        WHEN c.id IS NULL THEN 'not_connected'
                        WHEN c.state <> 'active' THEN 'connection_' || c.state
                        WHEN r.partner IS NOT NULL AND i.event_id < id_since(coalesce(c.active_since, c.updated_at))
                        THEN 'not_connected' END AS reason
              FROM (SELECT x.ctid AS item_ctid, x.message_id, x.event_id
                      FROM replay_message x
                     WHERE x.tenant_id = r.tenant_id AND x.replay_id = r.id AND x.subscription_id = s.id AND x.outcome IS NULL
                     ORDER BY x.message_id
                     LIMIT most) i
              LEFT JOIN LATERAL (SELECT y.id, y.event_type, y.company_id
                                   FROM event y
                                  WHERE y.tenant_id = r.tenant_id AND y.id >= i.event_id AND y.id <= i.event_id
                                  ORDER BY y.id
                                  LIMIT 1) e ON true
              LEFT JOIN LATERAL (SELECT y.id
                                   FROM message y
                                  WHERE y.tenant_id = r.tenant_id AND y.id = i.message_id AND y.subscription_id = s.id
                                 OFFSET 0) m ON true
              LEFT JOIN LATERAL (SELECT y.enrichable
                                   FROM event_type y
                                  WHERE y.tenant_id = r.tenant_id AND y.name = e.event_type AND y.patterns && s.event_types
                                 OFFSET 0) t ON true
              LEFT JOIN LATERAL (SELECT y.*
                                   FROM connection y
                                  WHERE y.tenant_id = r.tenant_id AND y.company_id = e.company_id AND y.app_id = s.app_id
                                 OFFSET 0) c ON true) w;
    SELECT x.* INTO new
      FROM job_make(s, coalesce(judged.event_ids, '{}'), judged.connection_ids, judged.values_versions, NULL, r.id) x;
    WITH told AS (
        UPDATE replay_message i
           SET outcome = coalesce((judged.reasons)[array_position(judged.item_ctids, i.ctid)],
                                  CASE WHEN i.event_id = ANY (new.made) THEN 'replayed'
                                       WHEN i.event_id = ANY (new.filtered) THEN 'filter_false'
                                       ELSE 'has_message' END)
         WHERE i.ctid = ANY (judged.item_ctids) -- no more, or all of the replay's would be read
        RETURNING i.outcome
    )
    SELECT coalesce(jsonb_object_agg(j.outcome, j.n), '{}') INTO counts
      FROM (SELECT t.outcome, count(*) AS n FROM told t GROUP BY t.outcome) j;
    RETURN counts;
END
$$;

-- Two objects of numbers, added.
CREATE OR REPLACE FUNCTION replay_add_counts(a jsonb, b jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(x.key, x.n), '{}')
      FROM (SELECT e.key, sum(e.value::bigint) AS n
              FROM (SELECT * FROM jsonb_each_text($1) UNION ALL SELECT * FROM jsonb_each_text($2)) e
             GROUP BY e.key) x
$$;

-- The subscription behind this one, or the first, that something waits for.
CREATE OR REPLACE FUNCTION replay_next(r replay, subscription_id uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT w.subscription_id
      FROM replay_message w
     WHERE w.tenant_id = r.tenant_id AND w.replay_id = r.id AND w.outcome IS NULL
       AND w.subscription_id > coalesce($2, uuid_min())
     ORDER BY w.subscription_id
     LIMIT 1
$$;

-- What the rate allows since the last step, for subscription after subscription that has room: each step begins behind
-- the one that the last step ended with. A second's worth at most is made up for.
CREATE OR REPLACE FUNCTION replay_run(r replay) RETURNS replay LANGUAGE plpgsql AS $$
DECLARE
    n_most   constant integer := 500; -- messages of a step
    n_walked constant integer := 20;  -- subscriptions of a step
    tick     constant interval := '100 milliseconds';
    began_at constant timestamptz := clock_timestamp();
    most     constant integer := greatest(100, 2 * r.rate_per_second); -- that may wait at a subscription
    pace     constant interval := interval '1 second' / r.rate_per_second; -- of one message
    n_allowed integer;
    n_judged  integer := 0;
    n_sent    integer := 0;
    room      integer;
    s         subscription;
    counts    jsonb;
BEGIN
    r.paced_at := greatest(r.paced_at, began_at - interval '1 second');
    n_allowed := least(n_most, floor(extract(epoch FROM began_at - r.paced_at) * r.rate_per_second));
    IF n_allowed < 1 THEN
        r.due_at := r.paced_at + pace;
        RETURN r;
    END IF;
    IF NOT job_is_live_late() THEN
        FOR i IN 1..n_walked LOOP
            r.serving := coalesce(replay_next(r, r.serving), CASE i WHEN 1 THEN replay_next(r, NULL) END);
            EXIT WHEN r.serving IS NULL; -- the next step begins anew: subscriptions are locked in one order
            SELECT x.* INTO s FROM subscription x WHERE x.tenant_id = r.tenant_id AND x.id = r.serving FOR NO KEY UPDATE;
            room := CASE WHEN job_end_reason(s) IS NOT NULL THEN n_most ELSE least(job_room(s, most), n_allowed - n_sent) END;
            CONTINUE WHEN room <= 0;
            counts := CASE WHEN r.source = 'missed' THEN replay_make(r, s, room) ELSE replay_repeat(r, s, room) END;
            n_sent := n_sent + coalesce((counts ->> 'replayed')::integer, 0);
            n_judged := n_judged + (SELECT coalesce(sum(c.value::integer), 0) FROM jsonb_each_text(counts) c);
            r.skipped := replay_add_counts(r.skipped, counts - 'replayed');
            EXIT WHEN n_sent >= n_allowed;
        END LOOP;
    END IF;
    r.n_replayed := r.n_replayed + n_sent;
    r.n_skipped := r.n_skipped + n_judged - n_sent;
    r.paced_at := r.paced_at + n_sent * pace;
    IF r.n_planned = r.n_replayed + r.n_skipped THEN
        r.state := 'finished';
    ELSIF n_judged > 0 THEN
        r.n_pauses := 0;
        r.due_at := greatest(clock_timestamp(), began_at + tick, r.paced_at + pace);
    ELSE
        r.due_at := job_pause(r.n_pauses, 5000);
        r.n_pauses := least(r.n_pauses + 1, 20);
    END IF;
    RETURN r;
END
$$;

-- Cancels what it has made and what has not ended, in the order of their ids: the same two steps as queue_cancel().
CREATE OR REPLACE FUNCTION replay_cancel_messages(r replay) RETURNS replay LANGUAGE plpgsql AS $$
DECLARE
    n_most      constant integer := 1000;
    ids         uuid[];
    new_ids     uuid[];
    others      uuid[];
    n_cancelled integer;
BEGIN
    SELECT array_agg(i.message_id ORDER BY i.message_id), array_agg(i.new_id ORDER BY i.message_id),
           array_agg(i.subscription_id ORDER BY i.message_id)
      INTO ids, new_ids, others
      FROM (SELECT x.message_id, x.subscription_id, replay_message_id(x) AS new_id
              FROM replay_message x
             WHERE x.tenant_id = r.tenant_id AND x.replay_id = r.id AND x.message_id > r.cursor AND x.outcome = 'replayed'
             ORDER BY x.message_id
             LIMIT n_most) i;
    WITH taken AS (
        DELETE FROM queue q
         WHERE q.ctid = ANY (ARRAY(SELECT x.ctid
                                     FROM unnest(new_ids, others) g (message_id, subscription_id)
                                    CROSS JOIN LATERAL (SELECT y.ctid
                                                          FROM queue y
                                                         WHERE y.tenant_id = r.tenant_id
                                                           AND y.subscription_id = g.subscription_id
                                                           AND y.message_id = g.message_id
                                                           AND NOT (y.leased AND y.due_at > now())
                                                        OFFSET 0
                                                           FOR UPDATE) x))
        RETURNING q.tenant_id, q.message_id, q.subscription_id, q.attempts
    )
    UPDATE message m
       SET status = 'cancelled', status_reason = 'replay_cancelled', attempts = t.attempts, finished_at = now()
      FROM taken t
     WHERE m.tenant_id = t.tenant_id AND m.id = t.message_id AND m.subscription_id = t.subscription_id;
    GET DIAGNOSTICS n_cancelled = ROW_COUNT;
    UPDATE message m
       SET status_reason = 'replay_cancelled'
      FROM (SELECT r.tenant_id, x.* FROM unnest(new_ids, others) x (message_id, subscription_id) OFFSET 0) g
     WHERE m.tenant_id = g.tenant_id AND m.id = g.message_id AND m.subscription_id = g.subscription_id AND m.status = 'pending';
    r.n_cancelled := r.n_cancelled + n_cancelled;
    r.cursor := coalesce(ids[cardinality(ids)], r.cursor);
    r.due_at := clock_timestamp();
    IF coalesce(cardinality(ids), 0) < n_most THEN
        r.state := 'cancelled';
    END IF;
    RETURN r;
END
$$;

-- The replay as it is after a step.
CREATE OR REPLACE FUNCTION replay_go_on(r replay) RETURNS replay LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT t.state FROM tenant t WHERE t.tenant_id = r.tenant_id) = 'archived' THEN
        r.state := 'cancelled';
        r.state_reason := 'tenant_archived';
    ELSE
        CASE r.state
        WHEN 'planning' THEN r := replay_plan(r);
        WHEN 'running' THEN r := replay_run(r);
        WHEN 'cancelling' THEN r := replay_cancel_messages(r);
        WHEN 'planned' THEN
            r.state := 'cancelled';
            r.state_reason := 'not_run';
        END CASE;
    END IF;
    IF r.state IN ('finished', 'cancelled') THEN
        r.due_at := NULL;
        r.finished_at := now();
    END IF;
    r.n_failed_steps := 0;
    RETURN r;
END
$$;

-- One step of the replay that has waited longest, if one is due; no other worker is at it meanwhile. Returns the
-- milliseconds until there may be another step to do, at most a second.
CREATE OR REPLACE FUNCTION replay_step(worker text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r   replay;
    old replay;
BEGIN
    SELECT x.* INTO r FROM replay x WHERE x.due_at <= now() AND NOT tenant_is_away(x.tenant_id)
     ORDER BY x.due_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF r.id IS NULL THEN
        RETURN (SELECT coalesce(greatest(1, least(1000, ceil(extract(epoch FROM min(x.due_at) - now()) * 1000))), 1000)
                  FROM (SELECT y.due_at FROM replay y WHERE y.due_at > now() ORDER BY y.due_at LIMIT 1) x);
    END IF;
    old := r;
    BEGIN
        r := replay_go_on(r);
    EXCEPTION WHEN query_canceled OR others THEN -- the first: it has taken too long
        r := old;
        r.n_failed_steps := r.n_failed_steps + 1;
        r.due_at := job_postpone('replay', r.id::text, r.n_failed_steps, SQLSTATE, SQLERRM);
    END;
    IF r.state <> old.state THEN
        INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)
        VALUES (r.tenant_id, 'worker ' || $1, 'replay.' || CASE r.state WHEN 'running' THEN 'started' ELSE r.state END, r.id::text,
                json_build_object('planned', r.n_planned, 'replayed', r.n_replayed, 'skipped', r.n_skipped,
                                  'cancelled_messages', r.n_cancelled, 'reason', r.state_reason));
    END IF;
    UPDATE replay x
       SET state = r.state, state_reason = r.state_reason, cursor = r.cursor, serving = r.serving,
           n_looked_at = r.n_looked_at, n_planned = r.n_planned, n_replayed = r.n_replayed, n_skipped = r.n_skipped,
           n_cancelled = r.n_cancelled, is_truncated = r.is_truncated, plan = r.plan, skipped = r.skipped,
           paced_at = r.paced_at, n_pauses = r.n_pauses, n_failed_steps = r.n_failed_steps, due_at = r.due_at,
           planned_at = r.planned_at, started_at = r.started_at, finished_at = r.finished_at
     WHERE x.tenant_id = r.tenant_id AND x.id = r.id;
    RETURN 0;
END
$$;
