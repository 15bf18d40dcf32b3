-- Where figures lie: in stat_open while their hour is open, then in the pages of the hour and of the day. Exactly one of the
-- two has a figure at any time; who reads adds both up. One step at a time does all of this: see stat_step().

-- Before this time hours are over, and only what is late comes in: once in a while, and straight into the pages.
CREATE OR REPLACE FUNCTION stat_closed_before(settled_to timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN date_trunc('hour', $1 - interval '1 minute', 'UTC');

-- The pages that a time is on, and its place there. `keep` is for how long minutes, hours and days are kept.
CREATE OR REPLACE FUNCTION stat_places(at timestamptz, keep interval[])
RETURNS TABLE (grain text, page_at timestamptz, slot smallint) LANGUAGE sql STABLE AS $$
    SELECT g.grain, g.page_at, (extract(epoch FROM $1 - g.page_at)::integer / g.part_s)::smallint
      FROM (VALUES ('minute', date_trunc('hour', $1, 'UTC'), 60, $2[1]), ('hour', date_trunc('week', $1, 'UTC'), 3600, $2[2]),
                   ('day', date_trunc('month', $1, 'UTC'), 86400, $2[3])) AS g (grain, page_at, part_s, kept)
     WHERE $1 >= now() - g.kept
$$;

-- Adds to the pages. A part that is there already gets more; the others are put back as they are. In plpgsql, as all
-- that runs often: its plans are kept.
CREATE OR REPLACE FUNCTION stat_pages_add(rows stat_open[], keep interval[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH place AS MATERIALIZED (
        SELECT t.at, g.*
          FROM (SELECT DISTINCT r.at FROM unnest($1) r) t
         CROSS JOIN LATERAL stat_places(t.at, keep) g
    ), fresh AS MATERIALIZED (
        SELECT r.tenant_id, p.grain, r.app_id, r.subscription_id, r.event_type, p.page_at, p.slot,
               sum(r.n_events) AS n_events, sum(r.n_messages) AS n_messages, counts_sum(r.skips) AS skips,
               sum(r.n_attempts) AS n_attempts, sum(r.n_failed) AS n_failed, counts_sum(r.failures) AS failures,
               latency_sum(r.latency) AS latency, latency_sum(r.latency_failed) AS latency_failed
          FROM unnest($1) r
          JOIN place p ON p.at = r.at
         WHERE p.grain <> 'minute' OR r.event_type = '' OR r.subscription_id = uuid_min() -- pairs have no minutes
         GROUP BY r.tenant_id, p.grain, r.app_id, r.subscription_id, r.event_type, p.page_at, p.slot
    ), part AS (
        TABLE fresh
         UNION ALL
        SELECT g.tenant_id, g.grain, g.app_id, g.subscription_id, g.event_type, g.page_at, q.*
          FROM (SELECT DISTINCT f.tenant_id, f.grain, f.app_id, f.subscription_id, f.event_type, f.page_at FROM fresh f) g
         CROSS JOIN LATERAL (SELECT x.parts
                               FROM stat_page x
                              WHERE x.tenant_id = g.tenant_id AND x.grain = g.grain AND x.app_id = g.app_id
                                AND x.subscription_id = g.subscription_id AND x.event_type = g.event_type AND x.at = g.page_at
                             OFFSET 0) w
         CROSS JOIN LATERAL unnest(w.parts) q
    ), merged AS (
        SELECT p.tenant_id, p.grain, p.app_id, p.subscription_id, p.event_type, p.page_at,
               row(p.slot, sum(p.n_events), sum(p.n_messages), counts_sum(p.skips), sum(p.n_attempts), sum(p.n_failed),
                   counts_sum(p.failures), latency_sum(p.latency), latency_sum(p.latency_failed))::stat_part AS part
          FROM part p
         GROUP BY p.tenant_id, p.grain, p.app_id, p.subscription_id, p.event_type, p.page_at, p.slot
    )
    INSERT INTO stat_page AS s (tenant_id, grain, app_id, subscription_id, event_type, at, parts)
    SELECT m.tenant_id, m.grain, m.app_id, m.subscription_id, m.event_type, m.page_at, array_agg(m.part)
      FROM merged m
     GROUP BY m.tenant_id, m.grain, m.app_id, m.subscription_id, m.event_type, m.page_at
        ON CONFLICT (tenant_id, grain, app_id, subscription_id, event_type, at) DO UPDATE SET parts = excluded.parts;
END
$$;

-- Moves what lies in hours that are over into the pages, so many rows a step.
CREATE OR REPLACE FUNCTION stat_fold(p stat_progress, keep interval[]) RETURNS stat_progress LANGUAGE plpgsql AS $$
DECLARE
    n_most constant integer := 20000;
    closed constant timestamptz := stat_closed_before(p.settled_to);
    rows   stat_open[];
BEGIN
    IF p.folded_to >= closed THEN
        RETURN p;
    END IF;
    WITH gone AS (
        DELETE FROM stat_open o
         WHERE o.ctid = ANY (ARRAY(SELECT x.ctid
                                     FROM stat_open x
                                    WHERE x.at < closed AND NOT tenant_is_away(x.tenant_id)
                                    ORDER BY x.tenant_id, x.app_id, x.subscription_id, x.event_type, x.at
                                    LIMIT n_most))
        RETURNING o
    )
    SELECT array_agg(g.o) INTO rows FROM gone g;
    IF cardinality(rows) > 0 THEN
        PERFORM stat_pages_add(rows, keep);
    END IF;
    IF rows IS NULL OR cardinality(rows) < n_most THEN
        p.folded_to := closed;
    END IF;
    RETURN p;
END
$$;

-- Takes away the pages that have had their time, a little of each kind.
CREATE OR REPLACE FUNCTION stat_sweep(keep interval[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM stat_page s
     WHERE s.ctid = ANY (ARRAY(SELECT o.ctid
                                 FROM (VALUES ('minute', interval '1 hour', 1), ('hour', '1 week', 2), ('day', '1 month', 3))
                                      AS g (grain, span, n)
                                CROSS JOIN LATERAL (SELECT x.ctid
                                                      FROM stat_page x
                                                     WHERE x.grain = g.grain AND x.at < now() - keep[g.n] - g.span
                                                        AND NOT tenant_is_away(x.tenant_id)
                                                     ORDER BY x.at
                                                     LIMIT 2000) o));
END
$$;
