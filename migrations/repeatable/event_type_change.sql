-- Changes of the catalogue. The statements are in api/resources/event_types.sql.

-- Whether the catalogue has more types than one may have, the most being 5,000.
CREATE OR REPLACE FUNCTION event_types_are_too_many(tenant_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT count(*) > 5000 FROM event_type t WHERE t.tenant_id = $1
$$;

-- Attributes as they are stored: what is null is not declared, and none is NULL.
CREATE OR REPLACE FUNCTION event_type_attributes(given json) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT nullif(jsonb_strip_nulls(json_filled(given)::jsonb), '{}')
$$;

-- Adds a type; all NULL when there is one of this name.
CREATE OR REPLACE FUNCTION event_type_insert(tenant_id uuid, given json) RETURNS event_type
LANGUAGE plpgsql AS $$
DECLARE
    made event_type;
BEGIN
    INSERT INTO event_type AS t (tenant_id, name, description, schema, sample, validation, enrichable, state, sensitive_paths,
                                 attributes)
    VALUES ($1, $2 ->> 'name', coalesce($2 ->> 'description', ''), json_filled($2 -> 'schema'),
            json_filled($2 -> 'sample'), coalesce($2 ->> 'validation', 'off'),
            coalesce(($2 ->> 'enrichable')::boolean, false), coalesce($2 ->> 'state', 'active'),
            coalesce(json_texts($2 -> 'sensitive_paths'), '{}'), event_type_attributes($2 -> 'attributes'))
        ON CONFLICT ON CONSTRAINT event_type_pkey DO NOTHING
    RETURNING t.* INTO made;
    IF made.name IS NOT NULL THEN
        INSERT INTO event_type_version (tenant_id, name, version, schema)
        VALUES ($1, made.name, made.version, made.schema);
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'event_type.created', made.name,
                json_build_object('validation', made.validation, 'enrichable', made.enrichable));
    END IF;
    RETURN made;
END
$$;

-- Until when paths were sensitive that are so no more, when these alone are from now on: what is stored stays masked. Of
-- more than 100 the oldest become "$", all of the payload.
CREATE OR REPLACE FUNCTION event_type_past_paths(held event_type, wanted text[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_object_agg(g.path, g.until)
      FROM (SELECT CASE WHEN o.n <= 100 THEN o.path ELSE '$' END AS path, max(o.until) AS until
              FROM (SELECT p.path, max(p.until) AS until, row_number() OVER (ORDER BY max(p.until) DESC, p.path) AS n
                      FROM (SELECT x.key AS path, x.value::timestamptz AS until
                              FROM jsonb_each_text(held.past_sensitive_paths) x
                             UNION ALL
                            SELECT x.path, now() FROM unnest(held.sensitive_paths) AS x (path) WHERE x.path <> ALL (wanted)) p
                     GROUP BY p.path) o
             GROUP BY 1) g
$$;

-- Changes a type, whose row is held, by a merge patch; what is the same already is no change. Another
-- schema is another version; the last thousand are kept.
CREATE OR REPLACE FUNCTION event_type_merge(tenant_id uuid, held event_type, given json) RETURNS event_type
LANGUAGE plpgsql AS $$
DECLARE
    wanted event_type := held;
BEGIN
    wanted.description := CASE WHEN given -> 'description' IS NULL THEN held.description
                               ELSE coalesce(given ->> 'description', '') END;
    wanted.schema := CASE WHEN given -> 'schema' IS NULL THEN held.schema ELSE json_filled(given -> 'schema') END;
    wanted.sample := CASE WHEN given -> 'sample' IS NULL THEN held.sample ELSE json_filled(given -> 'sample') END;
    wanted.validation := coalesce(given ->> 'validation', held.validation);
    wanted.enrichable := coalesce((given ->> 'enrichable')::boolean, held.enrichable);
    wanted.state := coalesce(given ->> 'state', held.state);
    IF $3 -> 'sensitive_paths' IS NOT NULL THEN
        wanted.sensitive_paths := coalesce(json_texts($3 -> 'sensitive_paths'), '{}');
        wanted.past_sensitive_paths := event_type_past_paths(held, wanted.sensitive_paths);
    END IF;
    wanted.attributes := CASE WHEN given -> 'attributes' IS NULL THEN held.attributes
                              ELSE event_type_attributes(given -> 'attributes') END;
    IF (wanted.description, wanted.schema::text, wanted.sample::text, wanted.validation, wanted.enrichable, wanted.state,
        wanted.sensitive_paths, wanted.attributes)
       IS NOT DISTINCT FROM
       (held.description, held.schema::text, held.sample::text, held.validation, held.enrichable, held.state,
        held.sensitive_paths, held.attributes) THEN
        RETURN held;
    END IF;

    IF wanted.schema::text IS DISTINCT FROM held.schema::text THEN
        wanted.version := held.version + 1;
        INSERT INTO event_type_version (tenant_id, name, version, schema)
        VALUES ($1, held.name, wanted.version, wanted.schema);
        DELETE FROM event_type_version v
         WHERE v.tenant_id = $1 AND v.name = held.name AND v.version <= wanted.version - 1000;
    END IF;
    UPDATE event_type t
       SET description = wanted.description, schema = wanted.schema, sample = wanted.sample, version = wanted.version,
           validation = wanted.validation, enrichable = wanted.enrichable, state = wanted.state,
           sensitive_paths = wanted.sensitive_paths,
           past_sensitive_paths = wanted.past_sensitive_paths, attributes = wanted.attributes, updated_at = now()
     WHERE t.tenant_id = $1 AND t.name = held.name
    RETURNING t.* INTO wanted;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'event_type.changed', held.name,
            json_build_object('version', wanted.version, 'validation', wanted.validation,
                              'enrichable', wanted.enrichable, 'state', wanted.state,
                              'sensitive_paths', to_json(wanted.sensitive_paths),
                              'attributes', coalesce(wanted.attributes, '{}')));
    RETURN wanted;
END
$$;

CREATE OR REPLACE FUNCTION event_type_create(tenant_id uuid, given json, OUT code text, OUT body text, OUT new_name text)
LANGUAGE plpgsql AS $$
DECLARE
    made event_type;
BEGIN
    PERFORM cap_lock($1, 'event_type');
    made := event_type_insert($1, $2);
    IF made.name IS NULL THEN
        code := 'conflict';
        body := fault('/name', 'There is an event type of this name already.');
        RETURN;
    END IF;
    IF event_types_are_too_many($1) THEN
        RAISE EXCEPTION USING ERRCODE = 'HKMAX';
    END IF;
    code := '';
    body := event_type_json(made)::text;
    new_name := made.name;
EXCEPTION WHEN SQLSTATE 'HKMAX' THEN
    code := 'conflict';
    body := fault('', 'The tenant has 5,000 event types, which is the most.');
END
$$;

CREATE OR REPLACE FUNCTION event_type_update(tenant_id uuid, type_name text, given json, if_match text,
                                             OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held event_type;
BEGIN
    SELECT t.* INTO held FROM event_type t WHERE t.tenant_id = $1 AND t.name = $2 FOR NO KEY UPDATE;
    IF held.name IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, event_type_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    code := '';
    body := event_type_json(event_type_merge($1, held, $3))::text;
END
$$;

-- Loads a catalogue, all of it or nothing: types that are new are added, those that are there changed
-- by what is given. A dry run does the same and takes it back: its answer is the true one. A name is
-- at /event_types/<n>/name of the request.
CREATE OR REPLACE FUNCTION event_type_import(tenant_id uuid, types json, dry_run boolean, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    is_dry_run boolean := coalesce($3, false);
    given      record;
    held       event_type;
    merged     event_type;
    outcome    text;
    results    json[] := '{}';
BEGIN
    SELECT 'invalid_body', json_agg(json_build_object(
               'pointer', format('/event_types/%s/name', d.n), 'detail', 'This name is in the list twice.')
                                    ORDER BY d.n)::text
      INTO code, body
      FROM (SELECT g.n - 1 AS n, row_number() OVER (PARTITION BY g.item ->> 'name' ORDER BY g.n) AS nth
              FROM json_array_elements($2) WITH ORDINALITY AS g (item, n)) d
     WHERE d.nth > 1
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;

    PERFORM cap_lock($1, 'event_type');
    BEGIN
        -- In order: who changes types one by one must not meet it half way.
        FOR given IN SELECT g.n, g.item FROM json_array_elements($2) WITH ORDINALITY AS g (item, n) ORDER BY g.item ->> 'name'
        LOOP
            merged := event_type_insert($1, given.item);
            outcome := 'created';
            IF merged.name IS NULL THEN
                SELECT t.* INTO held FROM event_type t
                 WHERE t.tenant_id = $1 AND t.name = given.item ->> 'name'
                   FOR NO KEY UPDATE;
                merged := event_type_merge($1, held, given.item);
                outcome := CASE WHEN event_type_json(merged)::text = event_type_json(held)::text
                                THEN 'unchanged' ELSE 'updated' END;
            END IF;
            results[given.n] := json_build_object('name', merged.name, 'version', merged.version, 'result', outcome);
        END LOOP;
        IF event_types_are_too_many($1) THEN
            RAISE EXCEPTION USING ERRCODE = 'HKMAX';
        ELSIF is_dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'HKDRY';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'HKDRY' THEN
            NULL; -- all of it is undone; the variables are not
        WHEN SQLSTATE 'HKMAX' THEN
            code := 'conflict';
            body := fault('', 'A tenant has at most 5,000 event types.');
            RETURN;
    END;

    code := '';
    SELECT json_build_object('dry_run', is_dry_run,
                             'created', count(*) FILTER (WHERE r.result = 'created'),
                             'updated', count(*) FILTER (WHERE r.result = 'updated'),
                             'unchanged', count(*) FILTER (WHERE r.result = 'unchanged'),
                             'data', to_json(results))::text
      INTO body
      FROM (SELECT u.item ->> 'result' AS result FROM unnest(results) AS u (item)) r;
END
$$;
