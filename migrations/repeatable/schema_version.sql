-- The number of the last migration that was applied, for operators. With its owner's rights, as schema_require().
CREATE OR REPLACE FUNCTION schema_version() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
RETURN (SELECT max(m.version) FROM schema_migration m);
