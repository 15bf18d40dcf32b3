-- Where a walk begins: "" is before all ids.
CREATE OR REPLACE FUNCTION uuid_or_zero(given text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(nullif(given, ''), '00000000-0000-0000-0000-000000000000')::uuid;
