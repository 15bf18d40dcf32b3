-- Makes a week's partition of a table, unless it is there. False: it is.
CREATE OR REPLACE FUNCTION partition_make(parent text, monday timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    name constant text := $1 || '_' || to_char($2 AT TIME ZONE 'UTC', 'IYYY"w"IW');
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Attached, not created as PARTITION OF: that would lock the parent against all reading
    -- and writing, and meet the claims in a deadlock.
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (fillfactor = %s)', name, $1,
                   CASE $1 WHEN 'message' THEN 55 ELSE 100 END); -- room for each one's last state: see 0051
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   $1, name, uuid_v7_floor($2), uuid_v7_floor($2 + interval '7 days'));
    RETURN true;
END
$$;

-- Makes the weekly partitions (UTC, Monday to Monday) from last week to `weeks_ahead` weeks from
-- now; those that exist are left alone. Returns how many were made. Weekly, because every statement
-- with a generic plan opens every partition: 60 days are 10 partitions instead of 61.
-- Runs with its owner's rights: the worker calls it each hour and may do nothing else to the schema.
CREATE OR REPLACE FUNCTION partition_create(weeks_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    parent text;
    monday timestamptz;
    n_made integer := 0;
BEGIN
    -- Two workers may meet here. The lock is per schema and ends with the transaction.
    PERFORM pg_advisory_xact_lock(hashtext('hookline.partition_create.' || current_schema()));
    FOR monday IN
        SELECT (date_trunc('week', now() AT TIME ZONE 'UTC') + week * interval '7 days') AT TIME ZONE 'UTC'
          FROM generate_series(-1, weeks_ahead) AS week
    LOOP
        FOREACH parent IN ARRAY ARRAY['event', 'message', 'attempt', 'skip']
        LOOP
            n_made := n_made + partition_make(parent, monday)::integer;
        END LOOP;
    END LOOP;
    RETURN n_made;
END
$$;
REVOKE ALL ON FUNCTION partition_create(integer), partition_make(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION partition_create(integer) TO hookline_worker;
