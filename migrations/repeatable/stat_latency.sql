-- Latencies are counted in bins: bin 0 is up to 1 ms, bin b up to 1.2 ^ b ms, bin 63 all above. What is read from them,
-- the geometric middle of a bin, is off by 9.6 % at most. An array says how many took no longer than the bin of its
-- subscript; it begins with the first bin that has any and ends with the last, whose element is how many there are.
CREATE OR REPLACE FUNCTION latency_bin(duration_us bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket($1 - 1, '{1000, 1200, 1440, 1728, 2073, 2488, 2985, 3583, 4299, 5159, 6191, 7430, 8916, 10699, 12839, 15407, 18488,
                              22186, 26623, 31947, 38337, 46005, 55206, 66247, 79496, 95396, 114475, 137370, 164844, 197813, 237376,
                              284851, 341821, 410186, 492223, 590668, 708801, 850562, 1020674, 1224809, 1469771, 1763725, 2116471,
                              2539765, 3047718, 3657261, 4388714, 5266457, 6319748, 7583698, 9100438, 10920525, 13104630, 15725557,
                              18870668, 22644802, 27173762, 32608515, 39130218, 46956261, 56347514, 67617017, 81140420}'::bigint[]);

DROP FUNCTION IF EXISTS latency_histogram(integer[], bigint[]);

-- Of the counts of some bins, each any number of times.
CREATE OR REPLACE FUNCTION latency_counted(bins integer[], counts bigint[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    n       bigint[] := array_fill(0, ARRAY[64], ARRAY[0]);
    total   bigint := 0;
    n_total bigint := 0;
    h       integer[];
BEGIN
    FOR i IN 1 .. cardinality(bins) LOOP
        n[bins[i]] := n[bins[i]] + counts[i];
        n_total := n_total + counts[i];
    END LOOP;
    FOR b IN 0 .. 63 LOOP
        total := total + n[b];
        CONTINUE WHEN total = 0;
        h[b] := total;
        EXIT WHEN total = n_total;
    END LOOP;
    RETURN h;
END
$$;

CREATE OR REPLACE FUNCTION latency_add(a integer[], b integer[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    a_last constant integer := array_upper(a, 1);
    b_last constant integer := array_upper(b, 1);
    h      integer[];
BEGIN
    FOR i IN least(array_lower(a, 1), array_lower(b, 1)) .. greatest(a_last, b_last) LOOP
        h[i] := coalesce(a[least(i, a_last)], 0) + coalesce(b[least(i, b_last)], 0);
    END LOOP;
    RETURN h;
END
$$;

-- Of those in `a` the ones that are not in `b`, of which all are; NULL: none.
CREATE OR REPLACE FUNCTION latency_without(a integer[], b integer[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    b_last constant integer := array_upper(b, 1);
    n      integer;
    h      integer[];
BEGIN
    IF b IS NULL THEN
        RETURN a;
    END IF;
    FOR i IN array_lower(a, 1) .. array_upper(a, 1) LOOP
        n := a[i] - coalesce(b[least(i, b_last)], 0);
        CONTINUE WHEN n = 0;
        EXIT WHEN n = h[array_upper(h, 1)] AND n = a[array_upper(a, 1)] - b[b_last];
        h[i] := n;
    END LOOP;
    RETURN h;
END
$$;

-- {"filter_false": 3} and {"filter_false": 1}: {"filter_false": 4}
CREATE OR REPLACE FUNCTION counts_add(jsonb, jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT jsonb_object_agg(k.key, k.n)
      FROM (SELECT x.key, sum(x.value::bigint) AS n
              FROM (SELECT * FROM jsonb_each_text($1) UNION ALL SELECT * FROM jsonb_each_text($2)) x
             GROUP BY x.key) k
$$;

-- The same of names and counts, each name any number of times.
CREATE OR REPLACE FUNCTION counts_counted(names text[], counts bigint[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT jsonb_object_agg(k.name, k.n)
      FROM (SELECT x.name, sum(x.n) AS n FROM unnest($1, $2) AS x (name, n) GROUP BY x.name) k
$$;

-- A sum of one costs nothing: the functions are strict, and the first value is the first state.
CREATE OR REPLACE AGGREGATE latency_sum(integer[]) (SFUNC = latency_add, STYPE = integer[]);
CREATE OR REPLACE AGGREGATE counts_sum(jsonb) (SFUNC = counts_add, STYPE = jsonb);

-- {"p50": 21, "p95": 80, "p99": 120}, in milliseconds: half, 95 and 99 of a hundred took no longer. NULL: of none.
CREATE OR REPLACE FUNCTION latency_json(h integer[]) RETURNS json LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    -- The middle of each bin, 1.2 ^ (b - 0.5), to three digits.
    middles constant numeric[] := '[0:63]={1, 1.1, 1.31, 1.58, 1.89, 2.27, 2.73, 3.27, 3.93, 4.71, 5.65, 6.78, 8.14, 9.77, 11.7, 14.1,
                                  16.9, 20.3, 24.3, 29.2, 35, 42, 50.4, 60.5, 72.6, 87.1, 105, 125, 150, 181, 217, 260, 312, 374, 449,
                                  539, 647, 776, 932, 1118, 1342, 1610, 1932, 2318, 2782, 3339, 4006, 4808, 5769, 6923, 8308, 9969,
                                  11963, 14355, 17226, 20672, 24806, 29767, 35721, 42865, 51438, 61726, 74071, 88885}';
    first constant integer := array_lower(h, 1);
    total constant bigint := h[array_upper(h, 1)];
BEGIN
    -- As many elements as are below a number say in which bin it is reached.
    RETURN json_build_object('p50', middles[first + width_bucket(((total + 1) / 2 - 1)::integer, h)],
                             'p95', middles[first + width_bucket(((total * 19 + 19) / 20 - 1)::integer, h)],
                             'p99', middles[first + width_bucket(((total * 99 + 99) / 100 - 1)::integer, h)]);
END
$$;
