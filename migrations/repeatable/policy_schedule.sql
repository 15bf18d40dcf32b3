-- What a schedule (include/hk/schedule.h) means, for people: the text has been checked by the API.

-- The delays before the 2nd, 3rd, ... attempt in seconds, without jitter.
CREATE OR REPLACE FUNCTION schedule_delays_s(schedule text) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    element text[];
    delay_s bigint;
    sum_s   bigint;
    delays  integer[] := '{}';
    unit_s  CONSTANT jsonb := '{"s": 1, "m": 60, "h": 3600, "d": 86400}';
BEGIN
    FOR element IN
        SELECT regexp_matches($1, '(\d+)([smhd])(?:\*(\d+)|(?: x([\d.]+)(?: to (\d+)([smhd]))?)? for (\d+)([smhd]))?', 'g')
    LOOP
        delay_s := element[1]::bigint * (unit_s ->> element[2])::integer;
        IF element[7] IS NULL THEN
            delays := delays || array_fill(delay_s::integer, ARRAY[coalesce(element[3]::integer, 1)]);
            CONTINUE;
        END IF;
        sum_s := delay_s;
        WHILE sum_s <= element[7]::bigint * (unit_s ->> element[8])::integer AND cardinality(delays) < 1000 LOOP
            delays := delays || delay_s::integer;
            delay_s := least(ceil(delay_s * coalesce(element[4]::numeric, 1)),
                             coalesce(element[5]::bigint * (unit_s ->> element[6])::integer, 366 * 86400));
            sum_s := sum_s + delay_s;
        END LOOP;
    END LOOP;
    RETURN delays;
END
$$;

-- When each attempt is made at the earliest, in seconds from the first: [0, 5, 305].
CREATE OR REPLACE FUNCTION schedule_attempts_s(schedule text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 0::bigint || coalesce(array_agg(a.after_s ORDER BY a.n), '{}')
      FROM (SELECT d.n, sum(d.delay_s) OVER (ORDER BY d.n)::bigint AS after_s
              FROM unnest(schedule_delays_s($1)) WITH ORDINALITY AS d (delay_s, n)) a
$$;
