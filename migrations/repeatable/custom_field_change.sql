-- Changes of an app's custom fields. All of them hold the app's row, so that no connection is judged
-- by fields that are changing.

-- Whether PostgreSQL takes the pattern, which check_pattern() in C has looked at already.
CREATE OR REPLACE FUNCTION pattern_is_valid(pattern text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ('' ~ regex_of_pattern($1)) IS NOT NULL;
EXCEPTION WHEN invalid_regular_expression THEN
    RETURN false;
END
$$;

-- What is wrong with one bound of a field's values, in words; NULL when nothing is.
CREATE OR REPLACE FUNCTION custom_field_bound_fault(type text, bound json) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    unbound custom_field;
BEGIN
    IF $1 NOT IN ('number', 'date') THEN
        RETURN 'Only a field of type number or date has bounds.';
    END IF;
    unbound.type := $1;
    RETURN custom_value_fault(unbound, $2);
END
$$;

-- What is wrong with a list of fields, each with its place below `prefix`.
DROP FUNCTION IF EXISTS custom_fields_faults(json, text);
CREATE OR REPLACE FUNCTION custom_fields_faults(tenant_id uuid, given json, prefix text)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    WITH field AS (
        SELECT format($3, g.n - 1) AS place, g.item, g.item ->> 'type' AS type,
               row_number() OVER (PARTITION BY g.item ->> 'key' ORDER BY g.n) AS nth
          FROM json_array_elements($2) WITH ORDINALITY AS g (item, n)
    ), bound AS (
        SELECT f.place, f.type, b.name, json_filled(f.item -> b.name) AS value,
               custom_field_bound_fault(f.type, json_filled(f.item -> b.name)) AS fault
          FROM field f
         CROSS JOIN (VALUES ('minimum'), ('maximum')) AS b (name)
         WHERE json_filled(f.item -> b.name) IS NOT NULL
    )
    SELECT f.place || '/key', 'There is a field with this key already.' FROM field f WHERE f.nth > 1
     UNION ALL
    SELECT f.place || '/choices',
           CASE f.type WHEN 'choice' THEN 'A field of type choice needs choices.'
                       ELSE 'Only a field of type choice has choices.' END
      FROM field f
     WHERE (f.type = 'choice') <> (json_filled(f.item -> 'choices') IS NOT NULL)
     UNION ALL
    SELECT f.place || '/choices', 'A choice has 1 to 200 characters.'
      FROM field f
     WHERE EXISTS (SELECT FROM json_array_elements_text(json_filled(f.item -> 'choices')) c (choice)
                    WHERE char_length(c.choice) NOT BETWEEN 1 AND 200)
     UNION ALL
    SELECT f.place || '/pattern',
           CASE f.type WHEN 'text' THEN 'This is no pattern.' ELSE 'Only a field of type text has a pattern.' END
      FROM field f
     WHERE f.item ->> 'pattern' IS NOT NULL AND (f.type <> 'text' OR NOT pattern_is_valid(f.item ->> 'pattern'))
     UNION ALL
    SELECT format('%s/%s', b.place, b.name), b.fault FROM bound b WHERE b.fault IS NOT NULL
     UNION ALL
    SELECT l.place || '/maximum', 'The maximum is below the minimum.'
      FROM bound l
      JOIN bound h ON h.place = l.place AND h.name = 'maximum' AND h.fault IS NULL
     WHERE l.name = 'minimum' AND l.fault IS NULL
       AND CASE l.type WHEN 'number' THEN (l.value #>> '{}')::numeric > (h.value #>> '{}')::numeric
                       ELSE l.value #>> '{}' > h.value #>> '{}' END
     UNION ALL
    SELECT format('%s/event_types/%s', f.place, e.n - 1), format('There is no event type "%s".', e.pattern)
      FROM field f
     CROSS JOIN LATERAL json_array_elements_text(json_filled(f.item -> 'event_types')) WITH ORDINALITY AS e (pattern, n)
     WHERE NOT EXISTS (SELECT FROM event_type t WHERE t.tenant_id = $1 AND e.pattern = ANY (t.patterns))
$$;

-- Adds the fields behind those that the app has.
CREATE OR REPLACE FUNCTION custom_fields_insert(tenant_id uuid, app_id uuid, given json) RETURNS SETOF custom_field
LANGUAGE sql AS $$
    INSERT INTO custom_field AS f (tenant_id, app_id, key, position, label, help, type, required, max_length, choices,
                                   pattern, minimum, maximum, event_types, is_sensitive)
    SELECT $1, $2, g.item ->> 'key',
           g.n + coalesce((SELECT max(o.position) FROM custom_field o WHERE o.tenant_id = $1 AND o.app_id = $2), 0),
           coalesce(nullif(g.item ->> 'label', ''), g.item ->> 'key'), coalesce(g.item ->> 'help', ''),
           g.item ->> 'type', coalesce((g.item ->> 'required')::boolean, false),
           coalesce((g.item ->> 'max_length')::integer, 1000), json_texts(g.item -> 'choices'), g.item ->> 'pattern',
           json_filled(g.item -> 'minimum'), json_filled(g.item -> 'maximum'), json_texts(g.item -> 'event_types'),
           coalesce((g.item ->> 'is_sensitive')::boolean, false)
      FROM json_array_elements($3) WITH ORDINALITY AS g (item, n)
     ORDER BY g.n
    RETURNING f.*
$$;

-- A field that was sensitive is so no more: the values that are stored stay masked.
CREATE OR REPLACE FUNCTION custom_field_keep_masks(tenant_id uuid, app_id uuid, field_key text) RETURNS void LANGUAGE sql AS $$
    UPDATE connection_values v
       SET masked_keys = v.masked_keys || $3
      FROM connection c
     WHERE c.tenant_id = $1 AND c.app_id = $2 AND v.tenant_id = $1 AND v.connection_id = c.id
       AND v."values"::json -> $3 IS NOT NULL AND $3 <> ALL (coalesce(v.masked_keys, '{}'))
$$;

-- Values and states of the app's connections after its fields have changed: values of a field that
-- is gone are dropped, and which event types carry which is written anew, in a new version (messages
-- that are queued keep theirs).
CREATE OR REPLACE FUNCTION connections_recompute(tenant_id uuid, app_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM connection c WHERE c.tenant_id = $1 AND c.app_id = $2 ORDER BY c.id FOR NO KEY UPDATE;

    WITH picked AS MATERIALIZED (
        SELECT c.id, v."values" AS old, v.applies::text AS old_applies,
               custom_values_pick($1, $2, v."values"::json) AS new,
               custom_values_applies($1, $2, v."values"::json) AS new_applies
          FROM connection c
          JOIN connection_values v ON v.tenant_id = $1 AND v.connection_id = c.id AND v.version = c.values_version
         WHERE c.tenant_id = $1 AND c.app_id = $2
    ), versioned AS (
        UPDATE connection c SET values_version = c.values_version + 1, updated_at = now()
          FROM picked p
         WHERE c.tenant_id = $1 AND c.id = p.id
           AND (p.new <> p.old OR p.new_applies::text IS DISTINCT FROM p.old_applies)
        RETURNING c.id, c.values_version, p.new, p.new_applies
    )
    INSERT INTO connection_values (tenant_id, connection_id, version, "values", applies, masked_keys)
    SELECT $1, n.id, n.values_version, n.new, n.new_applies, masked_keys_kept($1, n.id, n.values_version - 1, n.new)
      FROM versioned n;

    UPDATE connection c SET state = j.state, updated_at = now(), active_since = connection_active_since(c, j.state)
      FROM (SELECT o.id, connection_state_of($1, $2, o.state, v."values"::json) AS state
              FROM connection o
              JOIN connection_values v ON v.tenant_id = $1 AND v.connection_id = o.id AND v.version = o.values_version
             WHERE o.tenant_id = $1 AND o.app_id = $2 AND o.state IN ('active', 'incomplete')) j
     WHERE c.tenant_id = $1 AND c.id = j.id AND c.state <> j.state;
END
$$;

CREATE OR REPLACE FUNCTION custom_field_create(tenant_id uuid, partner text, app_id uuid, given json,
                                               OUT code text, OUT body text, OUT new_key text)
LANGUAGE plpgsql AS $$
DECLARE
    owner app;
    made  custom_field;
BEGIN
    owner := app_lock($1, $2, $3);
    IF owner.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF owner.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The app is archived.');
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM custom_fields_faults($1, json_build_array($4), '') x
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM custom_field f WHERE f.tenant_id = $1 AND f.app_id = $3 AND f.key = $4 ->> 'key') THEN
        code := 'conflict';
        body := fault('/key', 'The app has a custom field of this key already.');
        RETURN;
    END IF;
    IF (SELECT count(*) FROM custom_field f WHERE f.tenant_id = $1 AND f.app_id = $3) >= 50 THEN
        code := 'conflict';
        body := fault('', 'An app has at most 50 custom fields.');
        RETURN;
    END IF;

    SELECT * INTO made FROM custom_fields_insert($1, $3, json_build_array($4));
    PERFORM connections_recompute($1, $3);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'custom_field.created', $3::text, custom_field_json(made));
    code := '';
    body := custom_field_json(made)::text;
    new_key := $3::text || '/custom_fields/' || made.key;
END
$$;

-- Changes a field by a merge patch; its key and its type stay. Values that were right when they were
-- given stay as they are.
CREATE OR REPLACE FUNCTION custom_field_update(tenant_id uuid, partner text, app_id uuid, field_key text, given json,
                                               if_match text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    owner  app;
    held   custom_field;
    merged json;
BEGIN
    owner := app_lock($1, $2, $3);
    SELECT f.* INTO held FROM custom_field f WHERE f.tenant_id = $1 AND f.app_id = owner.id AND f.key = $4;
    IF held.key IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($6, custom_field_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF owner.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The app is archived.');
        RETURN;
    END IF;
    merged := custom_values_merge(custom_field_json(held), $5);
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM custom_fields_faults($1, json_build_array(merged), '') x
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;

    IF json_has_members($5) THEN
        UPDATE custom_field f
           SET label = coalesce(nullif(merged ->> 'label', ''), f.key), help = coalesce(merged ->> 'help', ''),
               required = (merged ->> 'required')::boolean, max_length = coalesce((merged ->> 'max_length')::integer, 1000),
               choices = json_texts(merged -> 'choices'), pattern = merged ->> 'pattern',
               minimum = json_filled(merged -> 'minimum'), maximum = json_filled(merged -> 'maximum'),
               event_types = json_texts(merged -> 'event_types'),
               is_sensitive = coalesce((merged ->> 'is_sensitive')::boolean, false)
         WHERE f.tenant_id = $1 AND f.app_id = $3 AND f.key = $4;
        IF held.is_sensitive AND NOT coalesce((merged ->> 'is_sensitive')::boolean, false) THEN
            PERFORM custom_field_keep_masks($1, $3, $4);
        END IF;
        PERFORM custom_field_move($1, $3, $4, ($5 ->> 'position')::integer);
        PERFORM connections_recompute($1, $3);
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'custom_field.changed', $3::text, json_plus($5, 'key', to_json($4)));
    END IF;
    code := '';
    SELECT custom_field_json(f)::text INTO body
      FROM custom_field f
     WHERE f.tenant_id = $1 AND f.app_id = $3 AND f.key = $4;
END
$$;

-- Puts a field at a place among those of its app, from 1; the others make room. NULL: it stays.
CREATE OR REPLACE FUNCTION custom_field_move(tenant_id uuid, app_id uuid, field_key text, place integer) RETURNS void
LANGUAGE sql AS $$
    UPDATE custom_field f
       SET position = o.n
      FROM (SELECT x.key, row_number() OVER (ORDER BY x.is_behind, x.position) AS n
              FROM (SELECT c.key, c.position,
                           CASE WHEN c.key = $3 THEN 1
                                WHEN row_number() OVER (PARTITION BY c.key = $3 ORDER BY c.position) < $4 THEN 0
                                ELSE 2 END AS is_behind
                      FROM custom_field c
                     WHERE c.tenant_id = $1 AND c.app_id = $2) x) o
     WHERE f.tenant_id = $1 AND f.app_id = $2 AND f.key = o.key AND $4 IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION custom_field_delete(tenant_id uuid, partner text, app_id uuid, field_key text, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    owner app;
    gone  custom_field;
BEGIN
    owner := app_lock($1, $2, $3);
    DELETE FROM custom_field f WHERE f.tenant_id = $1 AND f.app_id = owner.id AND f.key = $4 RETURNING f.* INTO gone;
    IF gone.key IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF gone.is_sensitive THEN
        PERFORM custom_field_keep_masks($1, $3, $4);
    END IF;
    PERFORM connections_recompute($1, $3);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'custom_field.deleted', $3::text, json_build_object('key', $4));
    code := '';
END
$$;
