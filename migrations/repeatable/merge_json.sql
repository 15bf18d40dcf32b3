-- Merge patches (RFC 7396) of single members: absent keeps, null takes away.

CREATE OR REPLACE FUNCTION merge_text(given json, name text, old text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN given -> name IS NULL THEN old ELSE given ->> name END
$$;

-- A flat object, in which the members of `given` replace those of `old`; without any member it is NULL.
-- Names are compared without regard to case when `is_caseless`, as those of header fields are.
CREATE OR REPLACE FUNCTION merge_object(old json, given json, is_caseless boolean) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN given IS NULL THEN old
                WHEN json_typeof(given) <> 'null'
                THEN (SELECT ('{' || string_agg(to_json(m.key)::text || ':' || m.value::text, ',') || '}')::json
                        FROM (SELECT o.key, o.value
                                FROM json_each(old) o
                               WHERE NOT EXISTS (SELECT FROM json_object_keys(given) g (key)
                                                  WHERE g.key = o.key OR is_caseless AND lower(g.key) = lower(o.key))
                               UNION ALL
                              SELECT g.key, g.value FROM json_each(given) g WHERE json_typeof(g.value) <> 'null') m) END
$$;
