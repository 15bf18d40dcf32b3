-- A message is updated once, when it ends. With room for that beside it, the new row stays on its page, and none of its
-- indexes learns of it: recording a success costs a fifth less of PostgreSQL's time and 240 bytes less of WAL. Its rows
-- take 250 bytes instead of 140, which without room went to row versions that vacuum had to find. New partitions get it
-- from partition_create(); these are for what is written to the present ones from now on.
-- Locks: each partition SHARE UPDATE EXCLUSIVE, which keeps nobody from reading or writing. Time: instant, no row is written.

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = 'message'::regclass
    LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 55)', partition);
    END LOOP;
END
$$;
