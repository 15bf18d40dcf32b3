-- The live tail: see docs/adr/0033-live-tail.md.

-- An attempt as the tail shows it: without headers and body, which the attempt itself has, and with masks: whoever reads for many
-- says of nobody that it may see all.
CREATE OR REPLACE FUNCTION attempt_brief_json(message json, a attempt) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('message_id', ($2).message_id, 'event_id', $1 -> 'event_id',
                             'event_type', $1 -> 'event_type', 'company', $1 -> 'company',
                             'app_id', $1 -> 'app_id', 'subscription_id', $1 -> 'subscription_id',
                             'attempt_no', ($2).attempt_no, 'started_at', ($2).started_at, 'url', ($2).url,
                             'outcome', ($2).outcome, 'status_code', ($2).status_code,
                             'duration_us', ($2).duration_us, 'remote_address', ($2).remote_address,
                             'error', CASE WHEN ($2).error IS NOT NULL THEN (attempt_shown($2)).error END, 'worker', ($2).worker)
$$;

-- How much is read to look into the payload that a message carries.
CREATE OR REPLACE FUNCTION message_payload_bytes(tenant_id uuid, message_id uuid) RETURNS integer
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (SELECT octet_length(e.payload)
              FROM message m
             CROSS JOIN LATERAL (SELECT x.payload FROM event x WHERE x.tenant_id = $1 AND x.id = m.event_id OFFSET 0) e
             WHERE m.tenant_id = $1 AND m.id = $2);
END
$$;

-- What was recorded from (from_at, from_id, from_no) on, that one excluded, and before until_at, as the text of server-sent
-- events: a message (attempt_no 0) when it was published, and each attempt. At most page_limit that match, of at most
-- 5,000 that came, or 625 and 4 MiB of payloads where those are looked into; `until` is where the next page goes on. With
-- may_drop what matches beyond page_limit is counted and left out, else the page ends before it. Reads by BRIN, hence the settings.
CREATE OR REPLACE FUNCTION tail_page(tenant_id uuid, partner text, filter jsonb, from_at timestamptz, from_id uuid,
                                     from_no integer, until_at timestamptz, page_limit integer, may_drop boolean,
                                     OUT lines text, OUT n_lines integer, OUT n_dropped integer,
                                     OUT reached_at timestamptz, OUT reached_id uuid, OUT reached_no integer,
                                     OUT is_whole boolean)
LANGUAGE plpgsql STABLE SET enable_bitmapscan = on SET enable_sort = on SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    has_payloads CONSTANT boolean := $3 ?| '{path,attribute}';
    reach        CONSTANT integer := CASE WHEN has_payloads THEN 625 ELSE 5000 END;
    max_bytes    CONSTANT integer := 4194304;
BEGIN
    WITH gathered AS MATERIALIZED (
        SELECT c.*, row_number() OVER (ORDER BY c.recorded_at, c.message_id, c.attempt_no) AS place
          FROM (SELECT t.recorded_at, t.message_id, t.attempt_no
                  FROM attempt t
                 WHERE t.tenant_id = $1 AND t.recorded_at >= $4 AND t.recorded_at < $7
                 UNION ALL
                SELECT e.recorded_at, m.id, 0
                  FROM event e
                 CROSS JOIN LATERAL (SELECT x.id
                                       FROM message x
                                      WHERE x.tenant_id = $1 AND x.event_id = e.id AND coalesce(x.origin, 'live') = 'live'
                                        AND x.id BETWEEN message_id_floor(e.id) AND message_id_ceiling(e.id)
                                     OFFSET 0) m
                 WHERE e.tenant_id = $1 AND e.recorded_at >= $4 AND e.recorded_at < $7) c
         WHERE (c.recorded_at, c.message_id, c.attempt_no) > ($4, $5, $6)
         ORDER BY c.recorded_at, c.message_id, c.attempt_no
         LIMIT reach
    ), came AS MATERIALIZED (
        SELECT c.recorded_at, c.message_id, c.attempt_no, c.place
          FROM (SELECT g.*, CASE WHEN has_payloads
                                 THEN sum(message_payload_bytes($1, g.message_id)) OVER (ORDER BY g.place) END AS n_bytes
                  FROM gathered g) c
         WHERE c.place = 1 OR coalesce(c.n_bytes, 0) <= max_bytes
    ), matching AS MATERIALIZED (
        SELECT f AS message, f.id
          FROM message_matches($1, $2, $3, ARRAY(SELECT DISTINCT c.message_id FROM came c)) f
    ), found AS MATERIALIZED (
        SELECT c.*, m.message, row_number() OVER (ORDER BY c.place) AS n
          FROM came c
          JOIN matching m ON m.id = c.message_id
         WHERE c.attempt_no = 0
            OR NOT $3 ?| '{code,error,latency_ms,not}'
            OR EXISTS (SELECT FROM attempts_matching($1, $3, ARRAY[c.message_id]) t WHERE t.attempt_no = c.attempt_no)
    ), line AS (
        SELECT f.place,
               concat('event: ', CASE f.attempt_no WHEN 0 THEN 'message' ELSE 'attempt' END, E'\nid: ',
                      tail_cursor(f.recorded_at, f.message_id, f.attempt_no), E'\ndata: ',
                      ndjson_line(CASE f.attempt_no WHEN 0 THEN message_json(f.message)
                                       ELSE (SELECT attempt_brief_json(message_json(f.message), t)
                                               FROM attempt t
                                              WHERE t.tenant_id = $1 AND t.message_id = f.message_id
                                                AND t.attempt_no = f.attempt_no) END), E'\n') AS text
          FROM found f
         WHERE f.n <= $8
    ), last AS (
        -- The last that this page has dealt with.
        SELECT c.recorded_at, c.message_id, c.attempt_no, c.place
          FROM came c
         WHERE $9 OR c.place <= coalesce((SELECT f.place - 1 FROM found f WHERE f.n = $8 + 1), reach)
         ORDER BY c.place DESC
         LIMIT 1
    )
    SELECT coalesce((SELECT string_agg(l.text, '' ORDER BY l.place) FROM line l), ''), (SELECT count(*) FROM line),
           CASE WHEN $9 THEN greatest((SELECT count(*) FROM found) - $8, 0) ELSE 0 END,
           (SELECT l.recorded_at FROM last l), (SELECT l.message_id FROM last l), (SELECT l.attempt_no FROM last l),
           (SELECT count(*) FROM gathered) < reach AND (SELECT count(*) FROM came) = (SELECT count(*) FROM gathered) AND ($9 OR (SELECT count(*) FROM found) <= $8)
      INTO lines, n_lines, n_dropped, reached_at, reached_id, reached_no, is_whole;
    IF is_whole THEN
        reached_at := $7;
        reached_id := uuid_min();
        reached_no := 0;
    ELSIF reached_at IS NULL THEN -- no room for the first one
        reached_at := $4;
        reached_id := $5;
        reached_no := $6;
    END IF;
END
$$;
