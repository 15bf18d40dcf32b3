-- A line of CSV (RFC 4180). What a spreadsheet would take for a formula begins with an apostrophe.
CREATE OR REPLACE FUNCTION csv_field(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '"' || replace(CASE WHEN $1 ~ '^[=+@\t\r-]' THEN '''' || $1 ELSE coalesce($1, '') END, '"', '""') || '"'
$$;

CREATE OR REPLACE FUNCTION csv_line(VARIADIC fields text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(csv_field(f.value), ',' ORDER BY f.n) || E'\r\n'
      FROM unnest($1) WITH ORDINALITY AS f (value, n)
$$;

-- The members of an object as a line, in the order of their names; what is not there is empty.
CREATE OR REPLACE FUNCTION csv_line_of(object json, names text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(csv_field($1 ->> n.name), ',' ORDER BY n.place) || E'\r\n'
      FROM unnest($2) WITH ORDINALITY AS n (name, place)
$$;

-- A line of NDJSON: a newline can stand between JSON's tokens only, never in a string.
CREATE OR REPLACE FUNCTION ndjson_line(value json) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate($1::text, E'\n\r', '  ') || E'\n'
$$;
