-- Which messages a replay is about: found a page at a time, newest first, each pair of event and subscription once.

-- A page of what its filter means. A pair that has succeeded is taken as that. Sets cursor to NULL at the end.
CREATE OR REPLACE FUNCTION replay_find(r replay, n integer) RETURNS replay LANGUAGE plpgsql AS $$
DECLARE
    room constant integer := r.max_messages - r.n_planned;
    page record;
BEGIN
    WITH found AS MATERIALIZED (
        SELECT (s.message).id, (s.message).event_id, (s.message).subscription_id, (s.message).status, s.reached_id
          FROM message_search(r.tenant_id, r.partner, r.filter, r.cursor, n, 5 * n) s
    ), pair AS (
        SELECT DISTINCT ON (f.event_id, f.subscription_id) f.id, f.event_id, f.subscription_id, f.status
          FROM found f
         WHERE f.id IS NOT NULL
           AND NOT EXISTS (SELECT
                             FROM replay_message i
                            WHERE i.tenant_id = r.tenant_id AND i.replay_id = r.id
                              AND i.message_id BETWEEN message_id_floor(f.event_id) AND message_id_ceiling(f.event_id)
                              AND i.event_id = f.event_id AND i.subscription_id = f.subscription_id
                           OFFSET 0)
         ORDER BY f.event_id, f.subscription_id, f.status = 'succeeded' DESC, f.id
    ), planned AS (
        INSERT INTO replay_message (tenant_id, replay_id, message_id, event_id, subscription_id, was)
        SELECT r.tenant_id, r.id, p.id, p.event_id, p.subscription_id, p.status
          FROM pair p
         ORDER BY p.id DESC
         LIMIT room
        RETURNING message_id
    )
    SELECT count(f.id) AS n_found,
           coalesce((array_agg(f.reached_id) FILTER (WHERE f.reached_id IS NOT NULL))[1],
                    CASE WHEN count(f.id) >= n THEN (array_agg(f.id ORDER BY f.id))[1] END) AS cursor,
           (SELECT count(*) FROM pair) AS n_pairs, (SELECT count(*) FROM planned) AS n_planned
      INTO page
      FROM found f;
    r.n_looked_at := r.n_looked_at + page.n_found;
    r.n_planned := r.n_planned + page.n_planned;
    r.is_truncated := page.n_pairs > page.n_planned;
    r.cursor := CASE WHEN NOT r.is_truncated THEN page.cursor END;
    RETURN r;
END
$$;

-- A page of what one subscription missed until it was asked for; then the next one's. `serving` is NULL at the end.
CREATE OR REPLACE FUNCTION replay_find_missed(r replay, n integer) RETURNS replay LANGUAGE plpgsql AS $$
DECLARE
    room constant integer := r.max_messages - r.n_planned;
    page record;
BEGIN
    IF r.cursor IS NULL THEN
        r.cursor := uuid_v7_floor(r.created_at);
        r.serving := (SELECT s.id
                        FROM subscription s
                       WHERE s.tenant_id = r.tenant_id AND s.id > coalesce(r.serving, uuid_min())
                         AND (s.app_id = r.app_id OR s.id = r.subscription_id)
                       ORDER BY s.id
                       LIMIT 1);
    END IF;
    WITH found AS MATERIALIZED (
        SELECT k.event_id
          FROM skip k
         WHERE k.tenant_id = r.tenant_id AND k.subscription_id = r.serving
           AND k.event_id < r.cursor AND k.event_id >= uuid_v7_floor(r.since)
           AND k.reason IN ('subscription_pending', 'subscription_paused', 'subscription_unsubscribed', 'subscription_disabled')
         ORDER BY k.event_id DESC
         LIMIT n
    ), planned AS (
        INSERT INTO replay_message (tenant_id, replay_id, message_id, event_id, subscription_id)
        SELECT r.tenant_id, r.id, message_id(f.event_id, r.serving), f.event_id, r.serving
          FROM found f
         ORDER BY f.event_id DESC
         LIMIT room
        RETURNING message_id
    )
    SELECT count(*) AS n_found, CASE WHEN count(*) >= n THEN (array_agg(f.event_id ORDER BY f.event_id))[1] END AS cursor,
           (SELECT count(*) FROM planned) AS n_planned
      INTO page
      FROM found f;
    r.n_looked_at := r.n_looked_at + page.n_found;
    r.n_planned := r.n_planned + page.n_planned;
    r.is_truncated := page.n_found > page.n_planned;
    r.cursor := page.cursor;
    IF r.is_truncated THEN
        r.serving := NULL;
    END IF;
    RETURN r;
END
$$;

-- How many by app, the 100 that have most, and by hour.
CREATE OR REPLACE FUNCTION replay_plan_json(r replay) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'by_app', (SELECT coalesce(json_agg(json_build_object('app_id', x.app_id, 'messages', x.n)
                                                   ORDER BY x.n DESC, x.app_id), '[]')
                            FROM (SELECT s.app_id, sum(g.n) AS n
                                    FROM (SELECT i.subscription_id, count(*) AS n
                                            FROM replay_message i
                                           WHERE i.tenant_id = r.tenant_id AND i.replay_id = r.id
                                           GROUP BY i.subscription_id) g
                                   CROSS JOIN LATERAL (SELECT y.app_id
                                                         FROM subscription y
                                                        WHERE y.tenant_id = r.tenant_id AND y.id = g.subscription_id
                                                       OFFSET 0) s
                                   GROUP BY s.app_id
                                   ORDER BY n DESC, s.app_id
                                   LIMIT 100) x),
               'by_hour', (SELECT coalesce(json_agg(json_build_object('hour', x.hour, 'messages', x.n) ORDER BY x.hour DESC), '[]')
                             FROM (SELECT date_trunc('hour', uuid_v7_time(i.event_id), 'UTC') AS hour, count(*) AS n
                                     FROM replay_message i
                                    WHERE i.tenant_id = r.tenant_id AND i.replay_id = r.id
                                    GROUP BY hour
                                    ORDER BY hour DESC
                                    LIMIT 2400) x))
$$;

-- A step of the planning.
CREATE OR REPLACE FUNCTION replay_plan(r replay) RETURNS replay LANGUAGE plpgsql AS $$
DECLARE
    n_page constant integer := 1000;
BEGIN
    IF r.source = 'missed' THEN
        r := replay_find_missed(r, n_page);
    ELSE
        r := replay_find(r, n_page);
    END IF;
    r.due_at := clock_timestamp(); -- behind the others
    IF r.source = 'missed' AND r.serving IS NULL OR r.source <> 'missed' AND r.cursor IS NULL THEN
        r.plan := replay_plan_json(r);
        r.planned_at := now();
        r.cursor := NULL;
        IF r.n_planned = 0 THEN
            r.state := 'finished';
        ELSIF r.runs_at_once THEN
            r.state := 'running';
            r.started_at := now();
            r.paced_at := clock_timestamp();
        ELSE
            r.state := 'planned';
            r.due_at := now() + interval '7 days'; -- if nobody runs it until then, nobody will
        END IF;
    END IF;
    RETURN r;
END
$$;
