-- Members of requests, for the functions of all nouns.

-- A member of a request that stands for nothing: absent, or null.
CREATE OR REPLACE FUNCTION json_filled(value json) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN json_typeof($1) <> 'null' THEN $1 END;

-- A list of strings as an array; NULL stays NULL, and so does a JSON null.
CREATE OR REPLACE FUNCTION json_texts(list json) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN json_typeof($1) = 'array' THEN ARRAY(SELECT json_array_elements_text($1)) END
$$;

-- Whether an object has members: a merge patch without any (RFC 7396) changes nothing, not even the
-- time of the last change.
CREATE OR REPLACE FUNCTION json_has_members(object json) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM json_object_keys($1));

-- A member as a merge patch leaves it: `old` when it is absent, NULL when it is null.
CREATE OR REPLACE FUNCTION json_patched(patch json, name text, old text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN $1 -> $2 IS NULL THEN $3 ELSE $1 ->> $2 END;
