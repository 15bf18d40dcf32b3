-- A signal finds the oldest run that waits for its key without walking over the others.
-- Locks: run ACCESS EXCLUSIVE while the index is made. Time: seconds for a million runs that wait.

DROP INDEX run_waiting;
CREATE INDEX run_waiting ON run (tenant_id, flow_id, wait_key, message_id) WHERE wait_key IS NOT NULL;
