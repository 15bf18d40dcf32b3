-- The table that says what follows from an answer: as text in profiles, read by workers (include/hk/responses.h), as
-- an object in JSON: "2xx success,410 disable" is {"2xx": "success", "410": "disable"}.

-- NULL when the object is none, or empty. Classes come behind the statuses that go before them.
CREATE OR REPLACE FUNCTION responses_text(given json) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(r.key || ' ' || r.value, ',' ORDER BY r.key COLLATE "C")
      FROM json_each_text(given) r
     WHERE r.value IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION responses_json(responses text) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_object_agg(split_part(r.rule, ' ', 1), substr(r.rule, strpos(r.rule, ' ') + 1) ORDER BY r.n), '{}')
      FROM unnest(string_to_array($1, ',')) WITH ORDINALITY AS r (rule, n)
$$;

-- Overrides of a profile's settings, changed by a merge patch: `responses` member by member.
CREATE OR REPLACE FUNCTION overrides_merge(old json, given json) RETURNS json
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF json_typeof(given -> 'responses') = 'object' THEN
        RETURN merge_object(merge_object(old, given, false),
                            json_build_object('responses', merge_object(old -> 'responses', given -> 'responses', false)),
                            false);
    END IF;
    RETURN merge_object(old, given, false);
END
$$;

-- What the words alone do not show to be wrong, each with its place below `prefix`.
CREATE OR REPLACE FUNCTION responses_faults(given json, prefix text) RETURNS TABLE (pointer text, detail text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT prefix || '/responses/error', 'Without an answer there can be retry or throttle only.'
     WHERE given -> 'responses' ->> 'error' !~ '^(retry|throttle)'
$$;
