-- Fails unless the numbered migration `version` has been applied: the API and the worker ask on each
-- new connection, so that neither serves a schema that is older than itself. With its owner's rights,
-- because the runtime roles may not read the table.
CREATE OR REPLACE FUNCTION schema_require(version integer) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM schema_migration m WHERE m.version = $1) THEN
        RAISE EXCEPTION 'migration % has not been applied: run hookline migrate up', $1;
    END IF;
END
$$;
