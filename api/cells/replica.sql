-- Where the log of a cell's primary is and how far its read replica has come: see replica.h. Neither has a context: they
-- read no table. Binary results: a position as the number of bytes since the beginning of the log.

-- name: primary_position
-- And which server it is: its replicas have that in common with it.
SELECT (pg_current_wal_lsn() - '0/0')::bigint AS position, c.system_identifier FROM pg_control_system() c;

-- name: standby_position
-- NULL: it is no standby, or no longer.
SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END;
