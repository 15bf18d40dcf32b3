-- Custom values: a JSON object of what a connection has filled in for the app's custom fields.

-- A field's pattern, which the whole of a value has to match, as PostgreSQL takes it; check_pattern()
-- in api/resources/pattern.c has seen to it that it is small and asks for nothing slow.
CREATE OR REPLACE FUNCTION regex_of_pattern(pattern text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '^(?:' || $1 || ')$';

-- What is wrong with a value, in words; NULL when nothing is.
CREATE OR REPLACE FUNCTION custom_value_fault(field custom_field, value json) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind text := json_typeof(value);
    word text := value #>> '{}';
BEGIN
    CASE field.type
    WHEN 'text' THEN
        IF kind <> 'string' THEN
            RETURN 'This field takes a string.';
        ELSIF char_length(word) > field.max_length THEN
            RETURN format('This field takes at most %s characters.', field.max_length);
        ELSIF word COLLATE "C" !~ regex_of_pattern(field.pattern) THEN
            RETURN 'This field takes another form of text.';
        END IF;
    WHEN 'number' THEN
        IF kind <> 'number' THEN
            RETURN 'This field takes a number.';
        ELSIF word::numeric < (field.minimum #>> '{}')::numeric THEN
            RETURN format('This field takes a number from %s.', field.minimum);
        ELSIF word::numeric > (field.maximum #>> '{}')::numeric THEN
            RETURN format('This field takes a number up to %s.', field.maximum);
        END IF;
    WHEN 'boolean' THEN
        IF kind <> 'boolean' THEN
            RETURN 'This field takes true or false.';
        END IF;
    WHEN 'date' THEN
        IF kind <> 'string' OR word !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
            RETURN 'This field takes a date as YYYY-MM-DD.';
        END IF;
        PERFORM make_date(left(word, 4)::integer, substr(word, 6, 2)::integer, right(word, 2)::integer);
        IF word < field.minimum #>> '{}' THEN
            RETURN format('This field takes a date from %s.', field.minimum #>> '{}');
        ELSIF word > field.maximum #>> '{}' THEN
            RETURN format('This field takes a date up to %s.', field.maximum #>> '{}');
        END IF;
    WHEN 'choice' THEN
        IF kind <> 'string' OR word <> ALL (field.choices) THEN
            RETURN 'This field takes one of its choices.';
        END IF;
    END CASE;
    RETURN NULL;
EXCEPTION
    WHEN datetime_field_overflow THEN
        RETURN 'There is no such date.';
    WHEN numeric_value_out_of_range THEN
        RETURN 'This number has too many digits.';
END
$$;

-- A member's name as a token of a JSON Pointer (RFC 6901).
CREATE OR REPLACE FUNCTION pointer_token(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(replace(name, '~', '~0'), '/', '~1')
$$;

-- What is wrong with an object of values, each with its place below `prefix`. null stands for "not
-- filled in" and is never wrong where the field exists.
CREATE OR REPLACE FUNCTION custom_values_faults(tenant_id uuid, app_id uuid, given json, prefix text)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT j.pointer, j.detail
      FROM (SELECT $4 || '/' || pointer_token(v.key) AS pointer,
                   CASE WHEN f.key IS NULL THEN 'The app has no custom field of this name.'
                        WHEN json_typeof(v.value) <> 'null' THEN custom_value_fault(f, v.value)
                   END AS detail
              FROM json_each($3) v
              LEFT JOIN custom_field f ON f.tenant_id = $1 AND f.app_id = $2 AND f.key = v.key) j
     WHERE j.detail IS NOT NULL
$$;

-- The values as they are stored and sent: the app's fields only, in their order, each value in the
-- text that it was given in.
CREATE OR REPLACE FUNCTION custom_values_pick(tenant_id uuid, app_id uuid, given json) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{' || coalesce(string_agg(to_json(f.key)::text || ':' || v.value::text, ',' ORDER BY f.position), '') || '}'
      FROM json_each($3) v
      JOIN custom_field f ON f.tenant_id = $1 AND f.app_id = $2 AND f.key = v.key
     WHERE json_typeof(v.value) <> 'null'
$$;

-- Which of the values only some event types carry, and which; NULL when there are none.
CREATE OR REPLACE FUNCTION custom_values_applies(tenant_id uuid, app_id uuid, given json) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_object_agg(f.key, f.event_types ORDER BY f.position)
      FROM json_each($3) v
      JOIN custom_field f ON f.tenant_id = $1 AND f.app_id = $2 AND f.key = v.key
     WHERE json_typeof(v.value) <> 'null' AND f.event_types IS NOT NULL
$$;

-- The stored values without those that an event of this type does not carry. worker/claim.sql asks
-- where `applies` is not NULL.
CREATE OR REPLACE FUNCTION custom_values_for(stored text, applies json, event_type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '{' || coalesce(string_agg(to_json(v.key)::text || ':' || v.value::text, ',' ORDER BY v.n), '') || '}'
      FROM json_each($1::json) WITH ORDINALITY AS v (key, value, n)
     WHERE $2 -> v.key IS NULL
        OR EXISTS (SELECT
                     FROM json_array_elements_text($2 -> v.key) p (pattern)
                    WHERE p.pattern = ANY (event_type_patterns($3)))
$$;

-- `old` with the members of `given` in place of its own.
CREATE OR REPLACE FUNCTION custom_values_merge(old json, given json) RETURNS json
LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{' || coalesce(string_agg(to_json(m.key)::text || ':' || m.value::text, ','), '') || '}')::json
      FROM (SELECT o.key, o.value FROM json_each($1) o WHERE $2 -> o.key IS NULL
            UNION ALL
            SELECT g.key, g.value FROM json_each($2) g) m
$$;

-- The keys of the required fields that are not filled in, in order. Empty text fills in nothing.
CREATE OR REPLACE FUNCTION custom_values_missing(tenant_id uuid, app_id uuid, given json) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(f.key ORDER BY f.position), '{}')
      FROM custom_field f
     WHERE f.tenant_id = $1 AND f.app_id = $2 AND f.required AND coalesce($3 ->> f.key, '') = ''
$$;

-- The state of a connection that was in `old_state` and carries `given` now: a pause outlasts new
-- values; a disconnected one that is handled here is being connected again.
CREATE OR REPLACE FUNCTION connection_state_of(tenant_id uuid, app_id uuid, old_state text, given json) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN $3 = 'paused' THEN 'paused'
                WHEN custom_values_missing($1, $2, $4) = '{}' THEN 'active'
                ELSE 'incomplete' END
$$;

-- The keys that stay masked in a version of values, because they have what was masked in the version before.
CREATE OR REPLACE FUNCTION masked_keys_kept(tenant_id uuid, connection_id uuid, version integer, "values" text) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT array_agg(k.key)
      FROM connection_values v
     CROSS JOIN unnest(v.masked_keys) AS k (key)
     WHERE v.tenant_id = $1 AND v.connection_id = $2 AND v.version = $3
       AND (v."values"::json -> k.key)::text = ($4::json -> k.key)::text
$$;
