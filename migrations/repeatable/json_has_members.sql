-- Whether an object has members: a merge patch without any (RFC 7396) changes nothing, not even the
-- time of the last change.
CREATE OR REPLACE FUNCTION json_has_members(object json) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM json_object_keys($1));
