-- Fails unless the server is the one that PostgreSQL knows by this number, or a physical copy of it: the API asks on each new
-- connection to a read replica, because another server at its address would answer with another system's log.
CREATE OR REPLACE FUNCTION server_require(system_identifier bigint) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    own bigint := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
    IF own <> $1 THEN
        RAISE EXCEPTION 'this server is no replica of the cell''s primary: its system identifier is %, not %', own, $1;
    END IF;
END
$$;
