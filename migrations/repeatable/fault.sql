-- The problem's "errors" with one entry, as a statement's `body` with a `code` that is not ''.
CREATE OR REPLACE FUNCTION fault(pointer text, detail text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_build_array(json_build_object('pointer', pointer, 'detail', detail))::text
$$;
