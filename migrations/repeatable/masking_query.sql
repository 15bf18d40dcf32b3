-- A query of whoever sees masks is asked of the masks (log_payload_holds()), so it finds nothing by what they hide. That is said
-- instead of an empty list: docs/adr/0035-masking.md.

-- The places that a predicate of hk/filter.h (or a path alone) looks at, and their names with "/" behind each: "lines/note/" for
-- $.lines[*] ? (@.note == "x"). Places in arrays have none.
CREATE OR REPLACE FUNCTION filter_places(filter text) RETURNS TABLE (said text, names text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    steps CONSTANT text := '(?:\.[A-Za-z0-9_-]+|\."(?:[^"\\]|\\.)*"|\[[^]]*\])';
    outer_names text := '';
    own_names   text;
BEGIN
    FOR said IN SELECT m.part[1] FROM regexp_matches($1, '([$@]' || steps || '*)', 'g') AS m (part) LOOP
        SELECT coalesce(string_agg(coalesce(m.part[1], m.part[2]::json #>> '{}') || '/', '' ORDER BY m.n), '') INTO own_names
          FROM regexp_matches(said, '\.(?:([A-Za-z0-9_-]+)|("(?:[^"\\]|\\.)*"))', 'g') WITH ORDINALITY AS m (part, n);
        IF left(said, 1) = '$' THEN
            outer_names := own_names;
            names := own_names;
        ELSE
            names := outer_names || own_names;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- A regular expression for the names of what a sensitive path hides: its place and all below. "*" is an array's place, or a name.
CREATE OR REPLACE FUNCTION mask_pattern(path text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '^' || (SELECT string_agg(CASE s.step WHEN '*' THEN '(?:[^/]*/)?' ELSE s.step || '/' END, '' ORDER BY s.n)
                 FROM unnest(mask_steps($1)) WITH ORDINALITY AS s (step, n));

-- Why a filter cannot be asked by whom it is asked, as a problem's errors; NULL: it can.
CREATE OR REPLACE FUNCTION log_masked_fault(tenant_id uuid, filter jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    types     text[];
    not_types text[];
    hidden    record;
BEGIN
    IF NOT coalesce(($2 ->> 'is_masked')::boolean, false) THEN
        RETURN NULL;
    END IF;
    types := log_event_types(log_texts($2, 'event_type'));
    not_types := log_event_types(log_texts($2 -> 'not', 'event_type'));
    SELECT a.said, y.name INTO hidden
      FROM event_type y
     CROSS JOIN LATERAL (SELECT 'attribute.' || k.name AS said, p.names
                           FROM jsonb_object_keys(coalesce($2 -> 'attribute', '{}')) AS k (name)
                          CROSS JOIN filter_places(y.attributes ->> k.name) p
                          UNION ALL
                         SELECT p.said, p.names FROM filter_places($2 ->> 'path') p) a
     CROSS JOIN unnest(y.sensitive_paths) AS s (path)
     WHERE y.tenant_id = $1 AND (types IS NULL OR y.name LIKE ANY (types)) AND (not_types IS NULL OR y.name NOT LIKE ALL (not_types))
       AND a.names ~ mask_pattern(s.path)
     LIMIT 1;
    RETURN CASE WHEN hidden.name IS NOT NULL
                THEN fault('/q', format('%s is masked for you in %s, and so cannot be asked for: leave it out, or that type with -type:%s.',
                                        hidden.said, hidden.name, hidden.name)) END;
END
$$;
