-- Changes of an app's custom fields. All of them hold the app's row, so that no connection is judged
-- by fields that are changing.

-- What is wrong with a list of new fields, each with its place below `prefix`.
CREATE OR REPLACE FUNCTION custom_fields_faults(given json, prefix text)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql IMMUTABLE AS $$
    WITH field AS (
        SELECT g.n - 1 AS i, g.item, g.item ->> 'type' = 'choice' AS is_choice,
               row_number() OVER (PARTITION BY g.item ->> 'key' ORDER BY g.n) AS nth
          FROM json_array_elements($1) WITH ORDINALITY AS g (item, n)
    )
    SELECT format($2, f.i) || '/key', 'There is a field with this key already.' FROM field f WHERE f.nth > 1
     UNION ALL
    SELECT format($2, f.i) || '/choices',
           CASE WHEN f.is_choice THEN 'A field of type choice needs choices.'
                ELSE 'Only a field of type choice has choices.' END
      FROM field f
     WHERE f.is_choice <> (coalesce(json_typeof(f.item -> 'choices'), 'null') <> 'null')
     UNION ALL
    SELECT format($2, f.i) || '/choices', 'A choice has 1 to 200 characters.'
      FROM field f
     WHERE json_typeof(f.item -> 'choices') = 'array'
       AND EXISTS (SELECT FROM json_array_elements_text(f.item -> 'choices') c (choice)
                    WHERE char_length(c.choice) NOT BETWEEN 1 AND 200)
$$;

-- Adds the fields behind those that the app has.
CREATE OR REPLACE FUNCTION custom_fields_insert(tenant_id uuid, app_id uuid, given json) RETURNS SETOF custom_field
LANGUAGE sql AS $$
    INSERT INTO custom_field AS f (tenant_id, app_id, key, position, label, help, type, required, max_length, choices)
    SELECT $1, $2, g.item ->> 'key',
           g.n + coalesce((SELECT max(o.position) FROM custom_field o WHERE o.tenant_id = $1 AND o.app_id = $2), 0),
           coalesce(nullif(g.item ->> 'label', ''), g.item ->> 'key'), coalesce(g.item ->> 'help', ''),
           g.item ->> 'type', coalesce((g.item ->> 'required')::boolean, false),
           coalesce((g.item ->> 'max_length')::integer, 1000),
           CASE WHEN g.item ->> 'type' = 'choice'
                THEN ARRAY(SELECT json_array_elements_text(g.item -> 'choices')) END
      FROM json_array_elements($3) WITH ORDINALITY AS g (item, n)
     ORDER BY g.n
    RETURNING f.*
$$;

-- Values and states of the app's connections after its fields have changed: values of a field that
-- is gone are dropped in a new version (messages that are queued keep theirs).
CREATE OR REPLACE FUNCTION connections_recompute(tenant_id uuid, app_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM connection c WHERE c.tenant_id = $1 AND c.app_id = $2 ORDER BY c.id FOR NO KEY UPDATE;

    WITH picked AS MATERIALIZED (
        SELECT c.id, v."values" AS old, custom_values_pick($1, $2, v."values"::json) AS new
          FROM connection c
          JOIN connection_values v ON v.tenant_id = $1 AND v.connection_id = c.id AND v.version = c.values_version
         WHERE c.tenant_id = $1 AND c.app_id = $2
    ), versioned AS (
        UPDATE connection c SET values_version = c.values_version + 1, updated_at = now()
          FROM picked p
         WHERE c.tenant_id = $1 AND c.id = p.id AND p.new <> p.old
        RETURNING c.id, c.values_version, p.new
    )
    INSERT INTO connection_values (tenant_id, connection_id, version, "values")
    SELECT $1, n.id, n.values_version, n.new FROM versioned n;

    UPDATE connection c SET state = j.state, updated_at = now()
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
      FROM custom_fields_faults(json_build_array($4), '') x
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

CREATE OR REPLACE FUNCTION custom_field_delete(tenant_id uuid, partner text, app_id uuid, field_key text, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    owner app;
BEGIN
    owner := app_lock($1, $2, $3);
    DELETE FROM custom_field f WHERE f.tenant_id = $1 AND f.app_id = owner.id AND f.key = $4;
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    PERFORM connections_recompute($1, $3);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'custom_field.deleted', $3::text, json_build_object('key', $4));
    code := '';
END
$$;
