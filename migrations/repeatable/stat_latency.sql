-- Latencies are counted in bins: bin 0 is up to 1 ms, bin b up to 1.2 ^ b ms, bin 63 all above. What is read from them,
-- the geometric middle of a bin, is off by 9.6 % at most. An array's first element is of bin 0; it ends with the last
-- bin that has any.
CREATE OR REPLACE FUNCTION latency_bin(duration_us bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN $1 <= 1000 THEN 0 ELSE least(63, ceil(ln($1 / 1000e0) / ln(1.2e0)))::integer END
$$;

-- Of the counts of some bins, each at most once.
CREATE OR REPLACE FUNCTION latency_histogram(bins integer[], counts bigint[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    h integer[] := array_fill(0, ARRAY[(SELECT max(b) FROM unnest(bins) b) + 1]);
BEGIN
    FOR i IN 1 .. cardinality(bins)
    LOOP
        h[bins[i] + 1] := counts[i];
    END LOOP;
    RETURN h;
END
$$;

CREATE OR REPLACE FUNCTION latency_add(integer[], integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT array_agg(coalesce(u.a, 0) + coalesce(u.b, 0)) FROM unnest($1, $2) AS u (a, b)
$$;

-- {"filter_false": 3} and {"filter_false": 1}: {"filter_false": 4}
CREATE OR REPLACE FUNCTION counts_add(jsonb, jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT jsonb_object_agg(k.key, k.n)
      FROM (SELECT x.key, sum(x.value::bigint) AS n
              FROM (SELECT * FROM jsonb_each_text($1) UNION ALL SELECT * FROM jsonb_each_text($2)) x
             GROUP BY x.key) k
$$;

-- A sum of one costs nothing: the functions are strict, and the first value is the first state.
CREATE OR REPLACE AGGREGATE latency_sum(integer[]) (SFUNC = latency_add, STYPE = integer[]);
CREATE OR REPLACE AGGREGATE counts_sum(jsonb) (SFUNC = counts_add, STYPE = jsonb);

-- {"p50": 21, "p95": 80, "p99": 120}, in milliseconds: half, 95 and 99 of a hundred took no longer. NULL: of none.
CREATE OR REPLACE FUNCTION latency_json(h integer[]) RETURNS json LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    -- The middle of each bin, 1.2 ^ (b - 0.5), to three digits.
    middles constant numeric[] := '{1, 1.1, 1.31, 1.58, 1.89, 2.27, 2.73, 3.27, 3.93, 4.71, 5.65, 6.78, 8.14, 9.77, 11.7, 14.1, 16.9,
                                  20.3, 24.3, 29.2, 35, 42, 50.4, 60.5, 72.6, 87.1, 105, 125, 150, 181, 217, 260, 312, 374, 449, 539,
                                  647, 776, 932, 1118, 1342, 1610, 1932, 2318, 2782, 3339, 4006, 4808, 5769, 6923, 8308, 9969, 11963,
                                  14355, 17226, 20672, 24806, 29767, 35721, 42865, 51438, 61726, 74071, 88885}';
    total   bigint := 0;
    below   bigint := 0;
    n       integer;
    bin     integer := 0;
    p50     numeric;
    p95     numeric;
BEGIN
    FOREACH n IN ARRAY coalesce(h, '{}')
    LOOP
        total := total + n;
    END LOOP;
    FOREACH n IN ARRAY coalesce(h, '{}')
    LOOP
        bin := bin + 1;
        CONTINUE WHEN n = 0;
        below := below + n;
        IF p50 IS NULL AND below * 2 >= total THEN
            p50 := middles[bin];
        END IF;
        IF p95 IS NULL AND below * 20 >= total * 19 THEN
            p95 := middles[bin];
        END IF;
        IF below * 100 >= total * 99 THEN
            RETURN json_build_object('p50', p50, 'p95', p95, 'p99', middles[bin]);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
