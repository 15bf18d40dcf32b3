-- A JSON object with one member more, at its end. Works on the text, because jsonb would rewrite
-- numbers, the order of members and duplicate names of what is inside.
CREATE OR REPLACE FUNCTION json_plus(object json, name text, value json) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (left(rtrim(object::text), -1) || ', ' || to_json(name) || ' : ' || coalesce(value::text, 'null') || '}')::json
$$;
