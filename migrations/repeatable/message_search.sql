-- Searching messages by a filter, what hk/log_query.h makes of a query: docs/query-language.md, docs/adr/0030-searching-the-delivery-log.md.
--
-- message_search() knows several ways to messages: all of the tenant's, those with remarkable attempts, those of a
-- company's events, ... It asks each that leads to all matches how far back it comes within `reach` candidates, takes
-- the one that comes furthest, and judges what that one leads to. So a page is bounded work whatever is asked; when it
-- did not come to the end of the log, it says where it stopped.
--
-- All SQL that is executed here is put together of constant texts. In them $1 is the log_terms; $2 is how many
-- candidates a lane may have, or how many messages are wanted. A lane is one of several that a way has: a subscription, a company.

-- The attempts that the index attempt_remarkable has.
CREATE OR REPLACE FUNCTION log_remarkable() RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT '(t.outcome <> ''succeeded'' OR t.status_code NOT BETWEEN 200 AND 299 OR t.duration_us >= 1000000 OR t.attempt_no > 1)'
$$;

-- The ways that lead to all messages that the terms can mean. While what waits is being held or cancelled, not all have
-- their reason yet.
CREATE OR REPLACE FUNCTION log_ways(t log_terms) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN t.message_ids IS NOT NULL THEN '{message}'
                WHEN num_nonnulls(t.ids, t.event_ids) > 0 THEN '{id}'
                ELSE array_remove(ARRAY[
                         CASE WHEN t.trace_ids IS NOT NULL THEN 'trace' END,
                         CASE WHEN cardinality(t.company_ids) <= 20 THEN 'company' END,
                         CASE WHEN t.statuses <@ '{failed,cancelled,held}'
                               AND NOT EXISTS (SELECT FROM queue_change c WHERE c.tenant_id = t.tenant_id)
                              THEN CASE WHEN t.subscription_ids IS NULL THEN 'reason' ELSE 'reason_of_subscription' END END,
                         CASE WHEN t.statuses <@ '{pending,sending,held}' THEN 'queue' END,
                         CASE WHEN NOT 'succeeded' = ANY (t.errors) OR 'succeeded' = ANY (t.not_errors)
                                   OR t.not_codes @> ARRAY(SELECT generate_series(200, 299)) OR t.least_us >= 1000000 OR t.least_attempts > 1
                                   OR NOT EXISTS (SELECT FROM unnest(t.codes) c WHERE c BETWEEN 200 AND 299)
                                      AND t.codes IS NOT NULL
                              THEN 'remarkable' END,
                         CASE WHEN t.subscription_ids IS NULL THEN 'all' ELSE 'subscription' END], NULL) END
$$;

-- How many lanes it has.
CREATE OR REPLACE FUNCTION log_way_lanes(way text, t log_terms) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(1, CASE way WHEN 'id' THEN cardinality(coalesce(t.ids, t.event_ids))
                                WHEN 'company' THEN cardinality(t.company_ids)
                                WHEN 'subscription' THEN cardinality(t.subscription_ids)
                                WHEN 'reason_of_subscription' THEN cardinality(t.subscription_ids) END)
$$;

-- Where a way of few things begins: the events of traces, the tenant's queue, the ranges of ids.
CREATE OR REPLACE FUNCTION log_way_source(way text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE way
    WHEN 'trace' THEN $$
          FROM (SELECT '00-' || x || '-' AS least, '00-' || x || '.' AS below FROM unnest(($1).trace_ids) x OFFSET 0) c
         CROSS JOIN LATERAL (SELECT e.id AS event_id, message_id_floor(e.id) AS least_id, message_id_ceiling(e.id) AS most_id
                               FROM event e
                              WHERE e.tenant_id = ($1).tenant_id
                                AND e.traceparent COLLATE "C" >= c.least AND e.traceparent COLLATE "C" < c.below
                                AND e.id >= message_id_floor(($1).least_id) AND e.id <= message_id_ceiling(($1).below_id)
                             OFFSET 0) h $$
    WHEN 'id' THEN $$ -- messages of an event are a range of ids, and an event's own id is in it
               (SELECT DISTINCT message_id_floor(x) AS least_id, message_id_ceiling(x) AS most_id
                  FROM unnest(coalesce(($1).ids, ($1).event_ids)) x) h $$
    WHEN 'queue' THEN $$
          FROM (SELECT y.message_id
                  FROM queue y
                 WHERE y.tenant_id = ($1).tenant_id AND y.message_id >= ($1).least_id AND y.message_id < ($1).below_id
                OFFSET 0) h $$
    END
$body$;

-- The id that the way stops at: it leads to all messages from there on, and no lane has more than $2 candidates. NULL: to
-- the end of the log. The greatest id of all when a way is of no use because too many are on it.
CREATE OR REPLACE FUNCTION log_way_end(way text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE
    WHEN way IN ('all', 'reason') THEN $$
        SELECT m.id
          FROM message m
         WHERE m.tenant_id = ($1).tenant_id AND m.id >= ($1).least_id AND m.id < ($1).below_id $$
        || CASE way WHEN 'reason' THEN 'AND m.status_reason IS NOT NULL' ELSE '' END || $$
         ORDER BY m.id DESC
        OFFSET $2 - 1 LIMIT 1 $$
    WHEN way IN ('subscription', 'reason_of_subscription', 'id') THEN $$
        SELECT x.id
          FROM $$ || CASE way WHEN 'id' THEN log_way_source(way) ELSE 'unnest(($1).subscription_ids) h (id)' END || $$
         CROSS JOIN LATERAL (SELECT m.id
                               FROM message m
                              WHERE m.tenant_id = ($1).tenant_id AND $$
        || CASE way WHEN 'id' THEN 'm.id BETWEEN h.least_id AND h.most_id'
                    WHEN 'subscription' THEN 'm.subscription_id = h.id'
                    ELSE 'm.subscription_id = h.id AND m.status_reason IS NOT NULL' END || $$
                                AND m.id >= ($1).least_id AND m.id < ($1).below_id
                              ORDER BY m.id DESC
                             OFFSET $2 - 1 LIMIT 1) x
         ORDER BY x.id DESC
         LIMIT 1 $$
    WHEN way = 'remarkable' THEN $$
        SELECT t.message_id
          FROM attempt t
         WHERE t.tenant_id = ($1).tenant_id AND t.message_id >= ($1).least_id AND t.message_id < ($1).below_id
           AND $$ || log_remarkable() || $$
         ORDER BY t.message_id DESC
        OFFSET $2 - 1 LIMIT 1 $$
    WHEN way = 'company' THEN $$
        SELECT message_id_ceiling(x.id)
          FROM unnest(($1).company_ids) h (id)
         CROSS JOIN LATERAL (SELECT e.id
                               FROM event e
                              WHERE e.tenant_id = ($1).tenant_id AND e.company_id = h.id
                                AND e.id >= message_id_floor(($1).least_id) AND e.id <= message_id_ceiling(($1).below_id)
                              ORDER BY e.id DESC
                             OFFSET $2 - 1 LIMIT 1) x
         ORDER BY x.id DESC
         LIMIT 1 $$
    WHEN way IN ('trace', 'queue') THEN $$
        SELECT uuid_max()
          FROM (SELECT count(*) AS n FROM (SELECT $$ || log_way_source(way) || $$ LIMIT $2 + 1) x) c
         WHERE c.n > $2 $$
    WHEN way = 'message' THEN 'SELECT NULL::uuid'
    END
$body$;

-- The messages that a way leads to, as m, with the conditions on attempts and events: where a way passes by one, it asks
-- there. $1 has the bounds of the ids.
CREATE OR REPLACE FUNCTION log_way_messages(way text, n_lanes integer, of_attempt text, of_event text) RETURNS text
LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE
    WHEN way = 'remarkable' THEN $$
          FROM (SELECT DISTINCT t.message_id AS id
                  FROM attempt t
                 WHERE t.tenant_id = ($1).tenant_id AND t.message_id >= ($1).least_id AND t.message_id < ($1).below_id
                   AND $$ || log_remarkable() || of_attempt || $$
                 ORDER BY 1 DESC) h $$
    WHEN way = 'company' THEN $$
          FROM unnest(($1).company_ids) c (id)
         CROSS JOIN LATERAL (SELECT e.id AS event_id, message_id_floor(e.id) AS least_id, message_id_ceiling(e.id) AS most_id
                               FROM event e
                              WHERE e.tenant_id = ($1).tenant_id AND e.company_id = c.id
                                AND e.id >= message_id_floor(($1).least_id) AND e.id <= message_id_ceiling(($1).below_id)
                                    $$ || of_event || $$
                             OFFSET 0) h $$
    WHEN way = 'trace' THEN log_way_source(way)
    WHEN way = 'queue' THEN log_way_source(way)
    WHEN way = 'id' THEN ' FROM ' || log_way_source(way)
    WHEN way = 'message' THEN ' FROM unnest(($1).message_ids) h (id) '
    WHEN way IN ('subscription', 'reason_of_subscription') AND n_lanes > 1 THEN ' FROM unnest(($1).subscription_ids) h (id) '
    ELSE ' FROM (SELECT) h '
    END || $$
         CROSS JOIN LATERAL (SELECT y AS message, y.*
                               FROM message y
                              WHERE y.tenant_id = ($1).tenant_id AND y.id >= ($1).least_id AND y.id < ($1).below_id AND $$
    || CASE WHEN way IN ('remarkable', 'message') THEN 'y.id = h.id'
            WHEN way = 'queue' THEN 'y.id = h.message_id'
            WHEN way IN ('company', 'trace') THEN 'y.event_id = h.event_id AND y.id BETWEEN h.least_id AND h.most_id'
            WHEN way = 'id' THEN 'y.id BETWEEN h.least_id AND h.most_id'
            WHEN way = 'all' THEN 'true'
            WHEN way = 'reason' THEN 'y.status_reason IS NOT NULL'
            WHEN n_lanes = 1 THEN 'y.subscription_id = (($1).subscription_ids)[1]'
            ELSE 'y.subscription_id = h.id' END
    || CASE WHEN way = 'reason_of_subscription' THEN ' AND y.status_reason IS NOT NULL' ELSE '' END
    || CASE WHEN way IN ('all', 'reason') OR n_lanes = 1 AND way IN ('subscription', 'reason_of_subscription') THEN ''
            ELSE ' OFFSET 0' END || ') m WHERE true'
    || CASE WHEN of_attempt = '' OR way = 'remarkable' THEN ''
            ELSE $$ AND EXISTS (SELECT
                                  FROM attempt t
                                 WHERE t.tenant_id = ($1).tenant_id AND t.message_id = m.id $$ || of_attempt || ' OFFSET 0)' END
    || CASE WHEN of_event = '' OR way = 'company' THEN ''
            ELSE $$ AND EXISTS (SELECT
                                  FROM event e
                                 WHERE e.tenant_id = ($1).tenant_id AND e.id = m.event_id $$ || of_event || ' OFFSET 0)' END
$body$;

-- Messages that a filter means, newest first: up to `n` of them with ids below `before_id`, of up to `reach` candidates. When
-- the search ended before the log does and has found fewer, the last row has no message, and `reached_id` is where to go on
-- from. `partner` sees the messages to its own apps only; NULL sees all of the tenant's.
CREATE OR REPLACE FUNCTION message_search(tenant_id uuid, partner text, filter jsonb, before_id uuid, n integer, reach integer)
RETURNS TABLE (message message, reached_id uuid)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_memoize = off SET enable_sort = on SET jit = off
AS $$
DECLARE
    t           log_terms := log_terms($1, $2, $3, $4);
    of_attempt  text := log_attempt_conditions(t);
    of_event    text := log_event_conditions(t);
    of_message  text := log_message_conditions(t);
    is_filtered boolean := of_attempt || of_event || of_message <> '';
    n_reach     integer := CASE WHEN num_nonnulls(t.path, t.declaring_types) = 0 THEN $6
                                     ELSE $6 / 8 END; -- a payload takes so much longer
    candidate   text;
    lane_reach  integer;
    end_id      uuid;
    way         text;
    way_end_id  uuid;
    n_lanes     integer;
    least_id    uuid;
    n_found     integer := 0;
    n_more      integer;
BEGIN
    IF '{}' IN (t.ids, t.message_ids, t.event_ids, t.company_ids, t.subscription_ids) OR t.declaring_types = '{}' THEN
        RETURN; -- what is asked for is not there
    END IF;
    FOREACH candidate IN ARRAY log_ways(t)
    LOOP
        -- An event is several messages.
        lane_reach := CASE WHEN is_filtered
                           THEN greatest($5, n_reach / log_way_lanes(candidate, t) / CASE candidate WHEN 'company' THEN 4 ELSE 1 END)
                           ELSE $5 END;
        EXECUTE log_way_end(candidate) INTO end_id USING t, lane_reach;
        IF way IS NULL OR coalesce(end_id, uuid_min()) < coalesce(way_end_id, uuid_min()) THEN
            way := candidate;
            way_end_id := end_id;
        END IF;
    END LOOP;

    of_message := of_message || CASE WHEN way NOT IN ('subscription', 'reason_of_subscription') THEN log_scope_conditions(t) ELSE '' END;
    n_lanes := log_way_lanes(way, t);
    least_id := greatest(t.least_id, way_end_id);
    IF way = 'company' OR n_lanes > 1 THEN -- what is found there has to be sorted, all of it: first the newest
        lane_reach := greatest($5, n_reach / n_lanes / 10);
        EXECUTE log_way_end(way) INTO end_id USING t, lane_reach;
        t.least_id := greatest(least_id, end_id);
    ELSE
        t.least_id := least_id;
    END IF;
    LOOP
        RETURN QUERY EXECUTE 'SELECT m.message, NULL::uuid ' || log_way_messages(way, n_lanes, of_attempt, of_event) || of_message
                             || ' ORDER BY ' || CASE way WHEN 'remarkable' THEN 'h' ELSE 'm' END || '.id DESC LIMIT $2'
            USING t, $5 - n_found;
        GET DIAGNOSTICS n_more = ROW_COUNT;
        n_found := n_found + n_more;
        EXIT WHEN n_found = $5 OR t.least_id = least_id;
        t.below_id := t.least_id;
        t.least_id := least_id;
    END LOOP;
    IF n_found < $5 AND way_end_id IS NOT NULL THEN
        message := NULL;
        reached_id := way_end_id;
        RETURN NEXT;
    END IF;
END
$$;

-- Those of `ids`, messages, that a filter means.
CREATE OR REPLACE FUNCTION message_matches(tenant_id uuid, partner text, filter jsonb, ids uuid[]) RETURNS SETOF message
LANGUAGE sql STABLE AS $$
    SELECT s.message
      FROM message_search($1, $2,
                          $3 || jsonb_build_object('message_id',
                                                   (SELECT coalesce(jsonb_agg(i), '[]')
                                                      FROM unnest($4) i
                                                     WHERE NOT $3 ? 'message_id' OR $3 -> 'message_id' ? i::text)),
                          NULL, greatest(cardinality($4), 1), greatest(cardinality($4), 1)) s
     WHERE (s.message).id IS NOT NULL
$$;
