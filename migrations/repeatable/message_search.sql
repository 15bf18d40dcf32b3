-- Searching messages by a filter, what hk/log_query.h makes of a query: docs/query-language.md, docs/adr/0030-searching-the-delivery-log.md.
--
-- message_search() knows several ways to messages: all of the tenant's, those with remarkable attempts, those of a
-- company's events, ... It asks each that leads to all matches how far back it comes within `reach` candidates, takes
-- the one that comes furthest, and walks it, newest first, until it has looked at so many. So a page is bounded work
-- whatever is asked; when it did not come to the end of the log, it says where it stopped.
--
-- All SQL that is executed here is put together of constant texts. In them $1 is the log_terms; $2 is how many candidates
-- a way may have, $3 how many one of its lanes. A lane is one of several that a way has: a subscription, a company.
-- Bounds of the ids stand wherever a table is asked, so that weeks that cannot matter are not even planned for.

DROP FUNCTION IF EXISTS log_way_source (text);
DROP FUNCTION IF EXISTS log_way_end (text);
DROP FUNCTION IF EXISTS log_way_messages (text, integer, text, text);

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
                         CASE WHEN x.have_reasons THEN CASE WHEN t.subscription_ids IS NULL THEN 'reason' ELSE 'reason_of_subscription' END END,
                         CASE WHEN t.statuses <@ '{pending,sending,held}' THEN 'queue' END,
                         CASE WHEN NOT 'succeeded' = ANY (t.errors) OR 'succeeded' = ANY (t.not_errors)
                                   OR t.not_codes @> ARRAY(SELECT generate_series(200, 299)) OR t.least_us >= 1000000 OR t.least_attempts > 1
                                   OR NOT EXISTS (SELECT FROM unnest(t.codes) c WHERE c BETWEEN 200 AND 299)
                                      AND t.codes IS NOT NULL
                              THEN 'remarkable' END,
                         CASE WHEN x.have_reasons THEN NULL -- which come as far as all of them at least
                              WHEN t.subscription_ids IS NULL THEN 'all'
                              ELSE 'subscription' END], NULL) END
      FROM (SELECT t.statuses <@ '{failed,cancelled,held}'
                   AND NOT EXISTS (SELECT FROM queue_change c WHERE c.tenant_id = t.tenant_id) AS have_reasons) x
$$;

-- How many lanes it has.
CREATE OR REPLACE FUNCTION log_way_lanes(way text, t log_terms) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(1, CASE way WHEN 'company' THEN cardinality(t.company_ids)
                                WHEN 'subscription' THEN cardinality(t.subscription_ids)
                                WHEN 'reason_of_subscription' THEN cardinality(t.subscription_ids) END)
$$;

-- What is on a way of few things, as h or e: the ids of the tenant's queue, ids that are asked for, ranges of them, events of traces.
CREATE OR REPLACE FUNCTION log_way_few(way text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE way
    WHEN 'queue' THEN $$ (SELECT y.message_id AS id
                            FROM queue y
                           WHERE y.tenant_id = ($1).tenant_id AND y.message_id >= ($1).least_id AND y.message_id < ($1).below_id
                          OFFSET 0) h $$
    WHEN 'message' THEN $$ (SELECT DISTINCT x AS id FROM unnest(($1).message_ids) x) h $$
    WHEN 'id' THEN $$ -- messages of an event are a range of ids, and an event's own id is in it
         (SELECT DISTINCT message_id_floor(x) AS least_id, message_id_ceiling(x) AS most_id
            FROM unnest(coalesce(($1).ids, ($1).event_ids)) x) h $$
    WHEN 'trace' THEN $$
         (SELECT '00-' || x || '-' AS least, '00-' || x || '.' AS below FROM unnest(($1).trace_ids) x OFFSET 0) c
         CROSS JOIN LATERAL (SELECT e.*
                               FROM event e
                              WHERE e.tenant_id = ($1).tenant_id
                                AND e.traceparent COLLATE "C" >= c.least AND e.traceparent COLLATE "C" < c.below
                                AND e.id >= message_id_floor(($1).least_id) AND e.id <= message_id_ceiling(($1).below_id)
                             OFFSET 0) e $$
    END
$body$;

-- What is on the lane h of a way, as y.
CREATE OR REPLACE FUNCTION log_way_lane(way text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE way
    WHEN 'company' THEN $$
          FROM event y
         WHERE y.tenant_id = ($1).tenant_id AND y.company_id = h.id
           AND y.id >= message_id_floor(($1).least_id) AND y.id <= message_id_ceiling(($1).below_id) $$
    ELSE $$
          FROM message y
         WHERE y.tenant_id = ($1).tenant_id AND y.subscription_id = h.id
           AND y.id >= ($1).least_id AND y.id < ($1).below_id $$
         || CASE way WHEN 'reason_of_subscription' THEN 'AND y.status_reason IS NOT NULL' ELSE '' END
    END
$body$;

-- The id that the way stops at: it leads to all messages from there on, and to no more than $2 candidates. NULL: to the end of
-- the log. The greatest id of all when a way is of no use because too many are on it.
CREATE OR REPLACE FUNCTION log_way_end(way text, n_lanes integer) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE
    WHEN way IN ('subscription', 'reason_of_subscription', 'company') AND n_lanes > 1 THEN $$
        WITH seen AS MATERIALIZED (
            SELECT x.id, x.place
              FROM unnest($$ || CASE way WHEN 'company' THEN '($1).company_ids' ELSE '($1).subscription_ids' END || $$) h (id)
             CROSS JOIN LATERAL (SELECT y.id, row_number() OVER (ORDER BY y.id DESC) AS place $$
        || log_way_lane(way) || $$
                                  ORDER BY y.id DESC
                                  LIMIT $3) x
        )
        SELECT greatest((SELECT s.id FROM seen s ORDER BY s.id DESC OFFSET $2 - 1 LIMIT 1),
                        (SELECT s.id FROM seen s WHERE s.place = $3 ORDER BY s.id DESC LIMIT 1)) AS id $$
    WHEN way IN ('subscription', 'reason_of_subscription', 'company') THEN $$
        SELECT y.id
          FROM (SELECT $$ || CASE way WHEN 'company' THEN '(($1).company_ids)[1]' ELSE '(($1).subscription_ids)[1]' END || $$ AS id OFFSET 0) h
         CROSS JOIN LATERAL (SELECT y.id $$ || log_way_lane(way) || $$ ORDER BY y.id DESC OFFSET $2 - 1 LIMIT 1) y $$
    WHEN way IN ('all', 'reason') THEN $$
        SELECT m.id
          FROM message m
         WHERE m.tenant_id = ($1).tenant_id AND m.id >= ($1).least_id AND m.id < ($1).below_id $$
        || CASE way WHEN 'reason' THEN 'AND m.status_reason IS NOT NULL' ELSE '' END || $$
         ORDER BY m.id DESC
        OFFSET $2 - 1 LIMIT 1 $$
    WHEN way = 'remarkable' THEN $$
        SELECT t.message_id
          FROM attempt t
         WHERE t.tenant_id = ($1).tenant_id AND t.message_id >= ($1).least_id AND t.message_id < ($1).below_id
           AND $$ || log_remarkable() || $$
         ORDER BY t.message_id DESC
        OFFSET $2 - 1 LIMIT 1 $$
    WHEN way IN ('trace', 'queue') THEN $$
        SELECT uuid_max()
          FROM (SELECT count(*) AS n FROM (SELECT FROM $$ || log_way_few(way) || $$ LIMIT $2 + 1) x) c
         WHERE c.n > $2 $$
    ELSE 'SELECT NULL::uuid'
    END
$body$;

-- The messages on a way, newest first: as m, with what they are, whether the cheap conditions `hold`, and where payloads are
-- asked, that of those that do. Conditions that a way passes by are asked there. $1 has the bounds of the ids.
CREATE OR REPLACE FUNCTION log_way_messages(way text, n_lanes integer, of_attempt text, of_event text, of_message text,
                                            asks_payloads boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $body$
    SELECT concat(
    'SELECT m.message, m.id, m.event_id, j.holds', CASE WHEN asks_payloads THEN ', p.event_type, p.payload' END,
    CASE
    WHEN way = 'remarkable' THEN $$
          FROM (SELECT DISTINCT t.message_id AS id
                  FROM attempt t
                 WHERE t.tenant_id = ($1).tenant_id AND t.message_id >= ($1).least_id AND t.message_id < ($1).below_id
                   AND $$ || log_remarkable() || of_attempt || $$
                 ORDER BY 1 DESC) h $$
    WHEN way IN ('company', 'trace') THEN $$ -- events that share a range of ids are taken together
          FROM (SELECT message_id_floor(e.id) AS least_id, message_id_ceiling(e.id) AS most_id, array_agg(e.id) AS event_ids
                  FROM $$ || CASE way WHEN 'trace' THEN log_way_few(way)
                                      ELSE 'unnest(($1).company_ids) h (id) CROSS JOIN LATERAL (SELECT y.* '
                                           || log_way_lane(way) || ' OFFSET 0) e' END || ' WHERE true ' || of_event || $$
                 GROUP BY 1, 2
                 ORDER BY 1 DESC) h $$
    WHEN way IN ('id', 'queue', 'message') THEN ' FROM (SELECT * FROM ' || log_way_few(way) || ' ORDER BY 1 DESC) h '
    WHEN n_lanes > 1 THEN $$
          FROM (SELECT x.id
                  FROM unnest(($1).subscription_ids) h (id)
                 CROSS JOIN LATERAL (SELECT y.id $$ || log_way_lane(way) || $$ OFFSET 0) x
                 ORDER BY 1 DESC) h $$
    ELSE ' FROM (SELECT) h '
    END, $$
         CROSS JOIN LATERAL (SELECT y AS message, y.*
                               FROM message y
                              WHERE y.tenant_id = ($1).tenant_id AND y.id >= ($1).least_id AND y.id < ($1).below_id AND $$,
    CASE WHEN way IN ('company', 'trace') THEN 'y.id BETWEEN h.least_id AND h.most_id AND y.event_id = ANY (h.event_ids) OFFSET 0'
         WHEN way = 'id' THEN 'y.id BETWEEN h.least_id AND h.most_id OFFSET 0'
         WHEN way = 'all' THEN 'true'
         WHEN way = 'reason' THEN 'y.status_reason IS NOT NULL'
         WHEN way = 'subscription' AND n_lanes = 1 THEN 'y.subscription_id = (($1).subscription_ids)[1]'
         WHEN way = 'reason_of_subscription' AND n_lanes = 1
         THEN 'y.subscription_id = (($1).subscription_ids)[1] AND y.status_reason IS NOT NULL'
         ELSE 'y.id = h.id OFFSET 0' END,
    ') m CROSS JOIN LATERAL (SELECT (true', of_message,
    CASE WHEN of_attempt <> '' AND way <> 'remarkable'
         THEN $$ AND EXISTS (SELECT
                               FROM attempt t
                              WHERE t.tenant_id = ($1).tenant_id AND t.message_id = m.id
                                AND t.message_id >= ($1).least_id AND t.message_id < ($1).below_id $$ || of_attempt || ' OFFSET 0)' END,
    CASE WHEN of_event <> '' AND way <> 'company'
         THEN $$ AND EXISTS (SELECT
                               FROM event e
                              WHERE e.tenant_id = ($1).tenant_id AND e.id = m.event_id AND e.id >= message_id_floor(($1).least_id)
                                AND e.id <= message_id_ceiling(($1).below_id) $$ || of_event || ' OFFSET 0)' END,
    ') AS holds OFFSET 0) j ',
    CASE WHEN asks_payloads
         THEN $$ LEFT JOIN LATERAL (SELECT e.event_type, e.payload
                                      FROM event e
                                     WHERE j.holds AND e.tenant_id = ($1).tenant_id AND e.id = m.event_id
                                       AND e.id >= message_id_floor(($1).least_id) AND e.id <= message_id_ceiling(($1).below_id)
                                    OFFSET 0) p ON true $$ END,
    ' ORDER BY ', CASE WHEN way IN ('company', 'trace', 'id') THEN 'h.least_id DESC, m.id DESC'
                       WHEN way IN ('all', 'reason') OR way IN ('subscription', 'reason_of_subscription') AND n_lanes = 1 THEN 'm.id DESC'
                       ELSE 'h.id DESC' END)
$body$;

-- Messages that a filter means, newest first: up to `n` of them with ids below `before_id`, of up to `reach` candidates. When
-- the search ended before the log does and has found fewer, the last row has no message, and `reached_id` is where to go on
-- from. Looking into a payload counts as looking at eight; 2 KiB of payloads for each candidate and a second in all end a page
-- as well. `partner` sees the messages to its own apps only; NULL sees all of the tenant's.
CREATE OR REPLACE FUNCTION message_search(tenant_id uuid, partner text, filter jsonb, before_id uuid, n integer, reach integer)
RETURNS TABLE (message message, reached_id uuid)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_memoize = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    t             log_terms := log_terms($1, $2, $3, $4);
    of_attempt    CONSTANT text := log_attempt_conditions(t);
    of_event      CONSTANT text := log_event_conditions(t);
    of_message    text := log_message_conditions(t);
    asks_payloads CONSTANT boolean := num_nonnulls(t.path, t.declaring_types) > 0;
    max_bytes     CONSTANT bigint := $6 * 2048::bigint;
    ends_at       CONSTANT timestamptz := clock_timestamp() + interval '1 second';
    candidate     text;
    n_candidates  integer;
    end_id        uuid;
    way           text;
    way_end_id    uuid;
    found         record;
    event_id      uuid; -- whose payload has been looked into last,
    event_holds   boolean; -- and whether it is what is asked for
    n_found       integer := 0;
    n_seen        integer := 0;
    n_bytes       bigint := 0;
    next_look     integer := 128; -- at the clock, when so many have been seen
BEGIN
    IF '{}' IN (t.ids, t.message_ids, t.event_ids, t.company_ids, t.subscription_ids) OR t.declaring_types = '{}' THEN
        RETURN; -- what is asked for is not there
    END IF;
    FOREACH candidate IN ARRAY log_ways(t)
    LOOP
        n_candidates := CASE WHEN of_attempt || of_event || of_message = '' AND NOT asks_payloads THEN least($5, $6)
                             WHEN candidate = 'company' THEN $6 / 4 -- an event is several messages
                             ELSE $6 END;
        EXECUTE log_way_end(candidate, log_way_lanes(candidate, t)) INTO end_id
            USING t, greatest(1, n_candidates),
                  greatest(1, least(n_candidates, greatest(200, 8 * n_candidates / log_way_lanes(candidate, t)))); -- lanes are not alike
        IF way IS NULL OR coalesce(end_id, uuid_min()) < coalesce(way_end_id, uuid_min()) THEN
            way := candidate;
            way_end_id := end_id;
        END IF;
        EXIT WHEN way_end_id IS NULL; -- none comes further
    END LOOP;

    of_message := of_message || CASE WHEN way NOT IN ('subscription', 'reason_of_subscription') THEN log_scope_conditions(t) ELSE '' END;
    t.least_id := greatest(t.least_id, way_end_id);
    FOR found IN EXECUTE log_way_messages(way, log_way_lanes(way, t), of_attempt, of_event, of_message, asks_payloads) USING t
    LOOP
        n_seen := n_seen + 1;
        IF found.holds AND asks_payloads THEN
            IF found.event_id IS DISTINCT FROM event_id THEN
                n_seen := n_seen + 7;
                n_bytes := n_bytes + coalesce(octet_length(found.payload), 0);
                event_id := found.event_id;
                event_holds := log_payload_holds(t, found.event_id, found.event_type, found.payload);
            END IF;
            found.holds := event_holds;
        END IF;
        IF found.holds THEN
            message := found.message;
            n_found := n_found + 1;
            RETURN NEXT;
            IF n_found = $5 THEN
                RETURN;
            END IF;
        END IF;
        IF n_seen >= next_look OR n_bytes >= max_bytes THEN
            next_look := n_seen + 128;
            IF way <> 'message' AND (n_seen >= $6 OR n_bytes >= max_bytes OR clock_timestamp() > ends_at) THEN
                way_end_id := found.id;
                EXIT;
            END IF;
        END IF;
    END LOOP;
    IF way_end_id IS NOT NULL THEN
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
