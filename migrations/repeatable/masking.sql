-- What is sensitive and whom it is shown to (docs/adr/0035-masking.md): places in payloads that the event type declares, custom
-- values whose field is marked, and whatever of an attempt says them again. Only what is shown is masked, never what is stored
-- or sent. What was sensitive when it was stored stays masked. Who may see all is said by the transaction's context (hk/db.h); who
-- says nothing sees masks.

DROP FUNCTION IF EXISTS mask_paths(uuid, text);
DROP FUNCTION IF EXISTS payload_shown(uuid, text, text);
DROP FUNCTION IF EXISTS values_shown(uuid, uuid, text);
DROP FUNCTION IF EXISTS mask_keys(uuid, uuid);

CREATE OR REPLACE FUNCTION sees_masks() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(current_setting('hookline.sees_all', true), '') <> 'true';

-- The steps of a path: "$.lines[*].note" is {lines,*,note}, "$" is all. The API has checked it (check_sensitive_path()).
CREATE OR REPLACE FUNCTION mask_steps(path text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(coalesce(m.part[1], '*') ORDER BY m.n), '{}')
      FROM regexp_matches(substr($1, 2), '\.([A-Za-z0-9_-]+)|\.\*|\[\*\]', 'g') WITH ORDINALITY AS m (part, n)
$$;

-- The document with "***" in such a place. An array is looked through without being named, so that none is forgotten.
CREATE OR REPLACE FUNCTION mask_at(document jsonb, steps text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF document IS NULL OR cardinality(steps) = 0 THEN
        RETURN '"***"';
    ELSIF jsonb_typeof(document) = 'array' THEN
        RETURN coalesce((SELECT jsonb_agg(mask_at(e.value, CASE WHEN steps[1] = '*' THEN steps[2:] ELSE steps END) ORDER BY e.n)
                           FROM jsonb_array_elements(document) WITH ORDINALITY AS e (value, n)), '[]');
    ELSIF jsonb_typeof(document) = 'object' AND steps[1] = '*' THEN
        RETURN coalesce((SELECT jsonb_object_agg(e.key, mask_at(e.value, steps[2:])) FROM jsonb_each(document) e), '{}');
    ELSIF jsonb_typeof(document) = 'object' AND document ? steps[1] THEN
        RETURN document || jsonb_build_object(steps[1], mask_at(document -> steps[1], steps[2:]));
    END IF;
    RETURN document;
END
$$;

-- The texts and numbers in such a place.
CREATE OR REPLACE FUNCTION mask_leaves(document jsonb, steps text[]) RETURNS SETOF text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF cardinality(steps) = 0 THEN
        RETURN QUERY
        SELECT v.leaf #>> '{}'
          FROM jsonb_path_query(document, 'strict $.**') AS v (leaf)
         WHERE jsonb_typeof(v.leaf) IN ('string', 'number') AND v.leaf <> '""';
    ELSIF jsonb_typeof(document) = 'array' THEN
        RETURN QUERY
        SELECT l.leaf FROM jsonb_array_elements(document) AS e (value),
               mask_leaves(e.value, CASE WHEN steps[1] = '*' THEN steps[2:] ELSE steps END) AS l (leaf);
    ELSIF jsonb_typeof(document) = 'object' THEN
        RETURN QUERY
        SELECT l.leaf FROM jsonb_each(document) e, mask_leaves(e.value, steps[2:]) AS l (leaf)
         WHERE steps[1] IN ('*', e.key);
    END IF;
END
$$;

-- Where the payload of an event is sensitive, or was when it was stored; NULL: of one that is not, wherever it ever was.
CREATE OR REPLACE FUNCTION mask_paths(tenant_id uuid, event_type text, event_id uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT t.sensitive_paths
                            || ARRAY(SELECT p.key
                                       FROM jsonb_each_text(t.past_sensitive_paths) p
                                      WHERE $3 IS NULL OR uuid_v7_time($3) < p.value::timestamptz)
                       FROM event_type t
                      WHERE t.tenant_id = $1 AND t.name = $2), '{}')
$$;

-- A payload as the caller may see it: its own text, or with masks; all of it is one when it cannot be looked into.
CREATE OR REPLACE FUNCTION payload_shown(tenant_id uuid, event_type text, payload text, event_id uuid DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    paths    text[];
    path     text;
    document jsonb;
BEGIN
    IF $3 IS NULL OR NOT sees_masks() THEN
        RETURN $3;
    END IF;
    paths := mask_paths($1, $2, $4);
    IF paths = '{}' THEN
        RETURN $3;
    END IF;
    document := $3::jsonb;
    FOREACH path IN ARRAY paths LOOP
        document := mask_at(document, mask_steps(path));
    END LOOP;
    RETURN document::text;
EXCEPTION WHEN data_exception OR program_limit_exceeded OR insufficient_resources THEN
    RETURN '"***"';
END
$$;

-- The keys of a version of a connection's values that are sensitive, or were when their values were given.
CREATE OR REPLACE FUNCTION mask_keys(tenant_id uuid, connection_id uuid, version integer) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT f.key
                   FROM connection c
                   JOIN custom_field f ON f.tenant_id = $1 AND f.app_id = c.app_id AND f.is_sensitive
                  WHERE c.tenant_id = $1 AND c.id = $2
                  UNION
                 SELECT unnest(v.masked_keys)
                   FROM connection_values v
                  WHERE v.tenant_id = $1 AND v.connection_id = $2 AND v.version = $3)
$$;

-- Custom values of a version as the caller may see them.
CREATE OR REPLACE FUNCTION values_shown(tenant_id uuid, connection_id uuid, version integer, "values" text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    keys text[];
BEGIN
    IF $4 IS NULL OR NOT sees_masks() THEN
        RETURN $4;
    END IF;
    keys := mask_keys($1, $2, $3);
    RETURN (SELECT '{' || coalesce(string_agg(to_json(v.key)::text || ':'
                                              || CASE WHEN v.key = ANY (keys) THEN '"***"' ELSE v.value::text END,
                                              ',' ORDER BY v.n), '') || '}'
              FROM json_each($4::json) WITH ORDINALITY AS v (key, value, n));
END
$$;

-- What nobody who sees masks may read in a message's attempts, as it was sent; NULL: nobody knows any more, so all of it.
CREATE OR REPLACE FUNCTION mask_words(m message) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    e     event;
    paths text[];
    keys  text[] := CASE WHEN m.values_version IS NULL THEN '{}' ELSE mask_keys(m.tenant_id, m.connection_id, m.values_version) END;
BEGIN
    SELECT x.* INTO e FROM event x WHERE x.tenant_id = m.tenant_id AND x.id = m.event_id;
    paths := mask_paths(m.tenant_id, e.event_type, e.id);
    IF e.id IS NULL
       OR paths <> '{}' AND (e.payload_state IS NOT NULL OR e.body IS NOT NULL -- its words are found in JSON alone
                             OR e.payload = 'null' AND e.request ->> 'query' <> '') THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT l.leaf
                   FROM unnest(paths) AS p (path), mask_leaves(e.payload::jsonb, mask_steps(p.path)) AS l (leaf)
                  UNION
                 SELECT v.value
                   FROM connection_values c, json_each_text(c."values"::json) v
                  WHERE c.tenant_id = m.tenant_id AND c.connection_id = m.connection_id AND c.version = m.values_version
                    AND v.key = ANY (keys) AND v.value <> '');
EXCEPTION WHEN data_exception OR program_limit_exceeded OR insufficient_resources THEN
    RETURN NULL;
END
$$;

-- Whether a text says one of them, in whichever case, also with JSON's escapes.
CREATE OR REPLACE FUNCTION says_masked(said text, words text[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    unescaped text;
BEGIN
    BEGIN
        unescaped := (SELECT string_agg(v.leaf #>> '{}', ' ') FROM jsonb_path_query(said::jsonb, 'strict $.**') AS v (leaf)
                       WHERE jsonb_typeof(v.leaf) IN ('string', 'number'));
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR insufficient_resources THEN
        unescaped := NULL; -- no JSON
    END;
    RETURN EXISTS (SELECT FROM unnest(words) AS w (word)
                    WHERE strpos(lower(said), lower(w.word)) > 0 OR strpos(lower(unescaped), lower(w.word)) > 0);
END
$$;

-- A text as it is shown: "***" when it says one of them.
CREATE OR REPLACE FUNCTION mask_text(said text, words text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN $1 IS NULL THEN NULL WHEN $2 IS NULL OR says_masked($1, $2) THEN '***' ELSE $1 END
$$;

-- An attempt as the caller may see it. Whatever shows one begins with this.
CREATE OR REPLACE FUNCTION attempt_shown(a attempt) RETURNS attempt LANGUAGE plpgsql STABLE AS $$
DECLARE
    m     message;
    words text[];
BEGIN
    IF NOT sees_masks() THEN
        RETURN a;
    END IF;
    SELECT x.* INTO m FROM message x WHERE x.tenant_id = a.tenant_id AND x.id = a.message_id;
    words := mask_words(m);
    IF words = '{}' THEN
        RETURN a;
    END IF;
    a.error := mask_text(a.error, words);
    a.response_headers := mask_text(a.response_headers, words);
    a.step_value := CASE mask_text(a.step_value, words) WHEN '***' THEN '"***"' ELSE a.step_value END;
    a.step_output := CASE mask_text(a.step_output, words) WHEN '***' THEN '"***"' ELSE a.step_output END;
    a.request_headers := (SELECT string_agg(CASE WHEN l.line = '' OR mask_text(l.line, words) = l.line THEN l.line
                                                 ELSE split_part(l.line, ': ', 1) || ': ***' END, E'\n' ORDER BY l.n)
                            FROM string_to_table(a.request_headers, E'\n') WITH ORDINALITY AS l (line, n));
    IF a.response_body IS NOT NULL
       AND (words IS NULL OR mask_text(text_of_bytes(a.response_body, a.response_truncated), words) = '***'
            OR EXISTS (SELECT FROM unnest(words) AS w (word) WHERE position(convert_to(w.word, 'UTF8') IN a.response_body) > 0)) THEN
        a.response_body := '***';
    END IF;
    RETURN a;
END
$$;

-- An event's payload, or an attempt, without masks; the audit log keeps who saw it and why.
CREATE OR REPLACE FUNCTION event_unmask(tenant_id uuid, event_id uuid, given json, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    seen event;
BEGIN
    SELECT e.* INTO seen FROM event e WHERE e.tenant_id = $1 AND e.id = $2;
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'event.unmasked', $2::text, json_build_object('reason', $3 ->> 'reason'));
    code := '';
    body := json_plus(event_json(seen), 'payload', seen.payload::json)::text;
END
$$;

CREATE OR REPLACE FUNCTION attempt_unmask(tenant_id uuid, message_id uuid, attempt_no text, given json, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    seen attempt;
BEGIN
    SELECT a.* INTO seen FROM attempt a WHERE a.tenant_id = $1 AND a.message_id = $2 AND a.attempt_no::text = $3;
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'attempt.unmasked', $2::text, json_build_object('attempt_no', seen.attempt_no, 'reason', $4 ->> 'reason'));
    PERFORM set_config('hookline.sees_all', 'true', true);
    code := '';
    body := attempt_json(seen)::text;
END
$$;
