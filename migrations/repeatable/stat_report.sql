-- Which rows of the roll-ups answer a question: one line each, and what it is a part of: `name`. Apps and subscriptions
-- are asked one by one when an app, a partner or a subscription matters, so that each line is a range of the key.
CREATE OR REPLACE FUNCTION stat_keys(tenant_id uuid, partner text, group_by text, app_id uuid, subscription_id uuid, event_type text)
RETURNS TABLE (name text, key_app_id uuid, key_subscription_id uuid, key_event_type text) LANGUAGE sql STABLE AS $$
    WITH asked AS (
        SELECT w.is_of_app, w.is_of_type, $5 IS NOT NULL OR w.by = 'subscription' OR w.is_of_app AND w.is_of_type AS is_of_subscription
          FROM (SELECT g.by, num_nonnulls($2, $4) > 0 OR g.by = 'app' AS is_of_app, $6 IS NOT NULL OR g.by = 'event_type' AS is_of_type
                  FROM (SELECT coalesce($3, '') AS by) g) w
    ), type AS MATERIALIZED (
        SELECT t.name
          FROM event_type t
         WHERE t.tenant_id = $1 AND (SELECT k.is_of_type FROM asked k) AND ($6 IS NULL OR t.name = $6)
         UNION ALL
        SELECT '' WHERE NOT (SELECT k.is_of_type FROM asked k)
    ), subject AS MATERIALIZED (
        SELECT a.id AS app_id, s.id AS subscription_id
          FROM app a
          JOIN subscription s ON s.tenant_id = $1 AND s.app_id = a.id
         WHERE a.tenant_id = $1 AND (SELECT k.is_of_subscription FROM asked k)
           AND ($2 IS NULL OR a.partner = $2) AND ($4 IS NULL OR a.id = $4) AND ($5 IS NULL OR s.id = $5)
           AND ($5 IS NULL OR a.id = (SELECT x.app_id FROM subscription x WHERE x.tenant_id = $1 AND x.id = $5))
         UNION ALL
        SELECT a.id, uuid_min()
          FROM app a
         WHERE a.tenant_id = $1 AND (SELECT k.is_of_app AND NOT k.is_of_subscription FROM asked k)
           AND ($2 IS NULL OR a.partner = $2) AND ($4 IS NULL OR a.id = $4)
         UNION ALL
        SELECT uuid_min(), uuid_min() FROM asked k WHERE NOT k.is_of_app AND NOT k.is_of_subscription
    )
    SELECT CASE $3 WHEN 'app' THEN s.app_id::text WHEN 'subscription' THEN s.subscription_id::text WHEN 'event_type' THEN t.name END,
           s.app_id, s.subscription_id, t.name
      FROM subject s
     CROSS JOIN type t
$$;

-- The measures of one point of time.
CREATE OR REPLACE FUNCTION stat_json(at timestamptz, name text, n_events bigint, n_messages bigint, skips jsonb, n_attempts bigint,
                                     n_succeeded bigint, failures jsonb, latency integer[])
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('at', $1, 'group', $2, 'events', $3, 'messages', $4, 'skips', coalesce($5, '{}'), 'attempts', $6,
                             'succeeded', $7, 'failures', coalesce($8, '{}'), 'latency_ms', latency_json($9))
$$;

-- GET /v1/stats. Of groups the largest `n_groups`, by messages and attempts of the days in question. Bounded by the
-- number of keys, and of points of time.
CREATE OR REPLACE FUNCTION stat_report(tenant_id uuid, partner text, "interval" text, since timestamptz, until timestamptz,
                                       group_by text, app_id uuid, subscription_id uuid, event_type text, outcome text, groups text,
                                       OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    unit     constant text := coalesce($3, 'day');
    step     constant interval := ('1 ' || unit)::interval;
    page     constant text := CASE unit WHEN 'minute' THEN 'hour' WHEN 'hour' THEN 'week' ELSE 'month' END; -- that has them
    ends_at  constant timestamptz := coalesce(until, now());
    from_at  timestamptz;
    n_points numeric;
    n_groups integer;
    n_keys   integer;
    n_names  integer;
    data     json;
BEGIN
    from_at := date_trunc(unit, coalesce(since, ends_at - CASE unit WHEN 'day' THEN 30 WHEN 'hour' THEN 24 ELSE 60 END * step), 'UTC');
    n_points := ceil(extract(epoch FROM ends_at - from_at) / extract(epoch FROM step));
    n_groups := CASE WHEN group_by IS NULL THEN 1 WHEN groups IS NULL THEN least(10, 5000 / greatest(n_points, 1))
                     WHEN groups ~ '^[1-9][0-9]?$|^100$' THEN groups::integer END;
    code := 'invalid_parameter';
    IF n_groups IS NULL THEN
        body := fault('', 'groups must be a number from 1 to 100.');
        RETURN;
    ELSIF n_points > 1500 OR n_points * n_groups > 5000 THEN
        body := fault('', 'No more than 1,500 intervals and 5,000 points are answered at once: ask for longer intervals, less time or fewer groups.');
        RETURN;
    ELSIF unit = 'minute' AND (num_nonnulls($2, app_id, subscription_id) > 0 OR group_by IN ('app', 'subscription'))
          AND (event_type IS NOT NULL OR group_by = 'event_type') THEN
        body := fault('', 'By the minute there is an app, a subscription or an event type, but not both: ask for hours.');
        RETURN;
    END IF;

    SELECT count(*), count(DISTINCT coalesce(k.name, '')) INTO n_keys, n_names
      FROM (SELECT * FROM stat_keys($1, $2, $6, $7, $8, $9) LIMIT 2001) k;
    IF n_keys > 2000 THEN
        body := fault('', 'That is about more than 2,000 series: ask for one app, subscription or event type.');
        RETURN;
    END IF;

    WITH key AS MATERIALIZED (
        SELECT k.* FROM stat_keys($1, $2, $6, $7, $8, $9) k
    ), size AS MATERIALIZED (
        SELECT k.name, CASE WHEN n_names > n_groups THEN (
                   SELECT sum(s.n_messages + s.n_attempts)
                     FROM (SELECT p.n_messages, p.n_attempts
                             FROM stat_page x
                            CROSS JOIN LATERAL unnest(x.parts) p
                            WHERE x.tenant_id = $1 AND x.grain = 'day' AND x.app_id = k.key_app_id AND x.subscription_id = k.key_subscription_id
                              AND x.event_type = k.key_event_type AND x.at >= date_trunc('month', from_at, 'UTC') AND x.at < ends_at
                              AND x.at + p.slot * interval '1 day' >= date_trunc('day', from_at, 'UTC')
                              AND x.at + p.slot * interval '1 day' < ends_at
                            UNION ALL
                           SELECT o.n_messages, o.n_attempts
                             FROM stat_open o
                            WHERE o.tenant_id = $1 AND o.app_id = k.key_app_id AND o.subscription_id = k.key_subscription_id
                              AND o.event_type = k.key_event_type AND o.at >= from_at AND o.at < ends_at) s) END AS n
          FROM key k
    ), chosen AS MATERIALIZED (
        SELECT z.name FROM size z GROUP BY z.name ORDER BY sum(z.n) DESC NULLS LAST, z.name LIMIT n_groups
    ), line AS MATERIALIZED (
        SELECT k.* FROM chosen c JOIN key k ON k.name IS NOT DISTINCT FROM c.name
    ), figure AS (
        SELECT l.name, l.key_app_id, x.at + p.slot * step AS at, p.n_events, p.n_messages, p.skips, p.n_attempts, p.n_failed, p.failures,
               p.latency, p.latency_failed
          FROM line l
         CROSS JOIN LATERAL (SELECT s.at, s.parts
                               FROM stat_page s
                              WHERE s.tenant_id = $1 AND s.grain = unit AND s.app_id = l.key_app_id
                                AND s.subscription_id = l.key_subscription_id AND s.event_type = l.key_event_type
                                AND s.at >= date_trunc(page, from_at, 'UTC') AND s.at < ends_at
                             OFFSET 0) x
         CROSS JOIN LATERAL unnest(x.parts) p
         WHERE x.at + p.slot * step >= from_at AND x.at + p.slot * step < ends_at
         UNION ALL
        SELECT l.name, l.key_app_id, date_trunc(unit, x.at, 'UTC'), x.n_events, x.n_messages, x.skips, x.n_attempts, x.n_failed, x.failures,
               x.latency, x.latency_failed
          FROM line l
         CROSS JOIN LATERAL (SELECT o.*
                               FROM stat_open o
                              WHERE o.tenant_id = $1 AND o.app_id = l.key_app_id AND o.subscription_id = l.key_subscription_id
                                AND o.event_type = l.key_event_type AND o.at >= from_at AND date_trunc(unit, o.at, 'UTC') < ends_at
                             OFFSET 0) x
    ), point AS MATERIALIZED (
        SELECT f.name, f.at, sum(f.n_events)::bigint AS n_events, sum(f.n_messages)::bigint AS n_messages, counts_sum(f.skips) AS skips,
               sum(f.n_attempts)::bigint AS n_attempts, sum(f.n_failed)::bigint AS n_failed, counts_sum(f.failures) AS failures,
               latency_sum(f.latency) FILTER (WHERE outcome IS DISTINCT FROM 'failed') AS latency,
               latency_sum(f.latency_failed) FILTER (WHERE outcome IS NOT NULL) AS latency_failed,
               bool_or(f.key_app_id <> uuid_min()) AS is_of_app
          FROM figure f
         GROUP BY f.name, f.at
    )
    SELECT json_agg(stat_json(p.at, p.name, CASE WHEN NOT p.is_of_app THEN p.n_events END, p.n_messages, p.skips, p.n_attempts,
                              p.n_attempts - p.n_failed, p.failures,
                              CASE outcome WHEN 'succeeded' THEN latency_without(p.latency, p.latency_failed)
                                           WHEN 'failed' THEN p.latency_failed ELSE p.latency END)
                    ORDER BY p.name, p.at)
      INTO data
      FROM point p;
    code := '';
    SELECT json_build_object('interval', unit, 'since', from_at, 'until', ends_at, 'settled_until', least(g.attempts_to, g.events_to),
                             'is_complete', g.history_tenant IS NULL AND g.events_to > now() - interval '1 hour',
                             'groups', CASE WHEN group_by IS NULL THEN 0 ELSE n_names END, 'data', coalesce(data, '[]'))::text
      INTO body
      FROM stat_progress g
     WHERE g.tenant_id = installation_id();
END
$$;
