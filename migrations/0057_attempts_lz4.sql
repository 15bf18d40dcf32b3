-- The same for what attempts keep of what they sent and got, and of the steps of flows, which may be as large as payloads: see 0056.
-- Locks: attempt and its partitions ACCESS EXCLUSIVE for milliseconds, no row is read. Time: instant.

DO $$
DECLARE
    one regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_settings s WHERE s.name = 'default_toast_compression' AND 'lz4' = ANY (s.enumvals)) THEN
        RETURN;
    END IF;
    FOR one IN SELECT t.relid FROM pg_partition_tree('attempt') t ORDER BY t.level, t.relid
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN response_body SET COMPRESSION lz4, '
                       'ALTER COLUMN response_headers SET COMPRESSION lz4, ALTER COLUMN request_headers SET COMPRESSION lz4, '
                       'ALTER COLUMN step_value SET COMPRESSION lz4, ALTER COLUMN step_output SET COMPRESSION lz4', one);
    END LOOP;
END
$$;
