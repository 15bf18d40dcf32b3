-- A filter of the delivery log (docs/query-language.md) made ready for message_search(), and what it asks of a message,
-- of its event and of one of its attempts: conditions, put together of the constant texts in here. What the filter says
-- is a parameter, $1, of type log_terms.

DROP FUNCTION IF EXISTS log_payload (log_terms);

-- The texts of a list; NULL when the filter has none of this name.
CREATE OR REPLACE FUNCTION log_texts(filter jsonb, name text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN filter ? name THEN ARRAY(SELECT jsonb_array_elements_text(filter -> name)) END
$$;

-- ["404", "5xx", "none"] as numbers; -1 is no answer.
CREATE OR REPLACE FUNCTION log_codes(given text[]) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN given IS NOT NULL
                THEN ARRAY(SELECT n
                             FROM unnest(given) g
                            CROSS JOIN LATERAL generate_series(CASE WHEN g = 'none' THEN -1 ELSE replace(g, 'x', '0')::integer END,
                                                               CASE WHEN g = 'none' THEN -1 ELSE replace(g, 'x', '9')::integer END) n)
           END
$$;

-- Names and patterns of event types, for LIKE: "order.*" is 'order.%', "*" is all.
CREATE OR REPLACE FUNCTION log_event_types(given text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN given IS NOT NULL
                THEN ARRAY(SELECT replace(replace(replace(g, '\', '\\'), '_', '\_'), '*', '%') FROM unnest(given) g) END
$$;

-- Companies by their external id or their name; at most a thousand.
CREATE OR REPLACE FUNCTION log_companies(tenant_id uuid, given text[]) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN given IS NOT NULL
                THEN ARRAY(SELECT x.id
                             FROM (SELECT c.id FROM unnest(given) g JOIN company c ON c.tenant_id = $1 AND c.external_id = g
                                    UNION
                                   SELECT c.id FROM unnest(given) g JOIN company c ON c.tenant_id = $1 AND c.name = g) x
                            LIMIT 1000) END
$$;

-- The subscriptions that are left by a partner, apps and subscriptions; NULL when nothing is limited, or more than 100 are left.
CREATE OR REPLACE FUNCTION log_subscriptions(tenant_id uuid, partner text, app_ids uuid[], given_ids uuid[]) RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN num_nonnulls($2, $3, $4) > 0 AND count(*) <= 100 THEN coalesce(array_agg(x.id), '{}') END
      FROM (SELECT s.id
              FROM subscription s
              JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id
             WHERE s.tenant_id = $1 AND s.id = ANY ($4)
               AND ($2 IS NULL OR a.partner = $2) AND ($3 IS NULL OR a.id = ANY ($3))
             UNION ALL
           (SELECT s.id
              FROM app a
              JOIN subscription s ON s.tenant_id = $1 AND s.app_id = a.id
             WHERE a.tenant_id = $1 AND $4 IS NULL AND num_nonnulls($2, $3) > 0
               AND ($2 IS NULL OR a.partner = $2) AND ($3 IS NULL OR a.id = ANY ($3))
             LIMIT 101)) x
$$;

-- A filter made ready. `below_id` is the cursor.
CREATE OR REPLACE FUNCTION log_terms(tenant_id uuid, partner text, filter jsonb, below_id uuid) RETURNS log_terms
LANGUAGE plpgsql STABLE AS $$
DECLARE
    nots   jsonb := coalesce(filter -> 'not', '{}');
    t      log_terms;
BEGIN
    t.tenant_id := $1;
    t.partner := $2;
    t.least_id := coalesce(id_since((filter ->> 'since')::timestamptz), uuid_min());
    t.below_id := least(coalesce($4, uuid_max()), id_until((filter ->> 'until')::timestamptz));
    t.ids := log_texts(filter, 'id')::uuid[];
    t.message_ids := log_texts(filter, 'message_id')::uuid[];
    t.event_ids := log_texts(filter, 'event_id')::uuid[];
    IF filter ? 'external_id' THEN
        t.event_ids := ARRAY(SELECT k.event_id
                               FROM event_key k
                              WHERE k.tenant_id = $1 AND k.external_id = ANY (log_texts(filter, 'external_id'))
                                AND (t.event_ids IS NULL OR k.event_id = ANY (t.event_ids)));
    END IF;
    t.trace_ids := log_texts(filter, 'trace_id');
    IF filter ? 'company' THEN -- what is not asked for is not planned
        t.company_ids := log_companies($1, log_texts(filter, 'company'));
    END IF;
    IF filter ? 'company_id' THEN
        t.company_ids := ARRAY(SELECT i::uuid
                                 FROM unnest(log_texts(filter, 'company_id')) i
                                WHERE t.company_ids IS NULL OR i::uuid = ANY (t.company_ids));
    END IF;
    IF nots ? 'company' THEN
        t.not_company_ids := log_companies($1, log_texts(nots, 'company'));
    END IF;
    t.app_ids := log_texts(filter, 'app')::uuid[];
    t.not_app_ids := log_texts(nots, 'app')::uuid[];
    t.given_ids := log_texts(filter, 'subscription')::uuid[];
    t.not_given_ids := log_texts(nots, 'subscription')::uuid[];
    IF num_nonnulls($2, t.app_ids, t.given_ids) > 0 THEN
        t.subscription_ids := log_subscriptions($1, $2, t.app_ids, t.given_ids);
    END IF;
    t.event_types := log_event_types(log_texts(filter, 'event_type'));
    t.not_event_types := log_event_types(log_texts(nots, 'event_type'));
    t.statuses := log_texts(filter, 'status');
    t.not_statuses := log_texts(nots, 'status');
    t.origins := log_texts(filter, 'origin');
    t.not_origins := log_texts(nots, 'origin');
    t.codes := log_codes(log_texts(filter, 'code'));
    t.not_codes := log_codes(log_texts(nots, 'code'));
    t.errors := log_texts(filter, 'error');
    t.not_errors := log_texts(nots, 'error');
    t.least_us := (filter #>> '{latency_ms,gte}')::bigint * 1000;
    t.below_us := ((filter #>> '{latency_ms,lte}')::bigint + 1) * 1000;
    t.least_attempts := (filter #>> '{attempts,gte}')::integer;
    t.most_attempts := (filter #>> '{attempts,lte}')::integer;
    t.path := filter ->> 'path';
    t.is_masked := coalesce((filter ->> 'is_masked')::boolean, false);
    IF filter ? 'attribute' THEN
        t.attribute_names := ARRAY(SELECT a.name
                                     FROM jsonb_each(filter -> 'attribute') AS a (name, "values"),
                                          jsonb_array_elements(a."values"));
        t.attribute_values := ARRAY(SELECT v.value
                                      FROM jsonb_each(filter -> 'attribute') AS a (name, "values"),
                                           jsonb_array_elements_text(a."values") AS v (value));
        t.n_attributes := (SELECT count(*) FROM jsonb_object_keys(filter -> 'attribute'));
        t.declaring_types := ARRAY(SELECT y.name
                                     FROM event_type y
                                    WHERE y.tenant_id = $1 AND y.attributes ?& t.attribute_names);
    END IF;
    RETURN t;
END
$$;

-- Whether a payload is what a path asks for; what cannot be asked is not.
CREATE OR REPLACE FUNCTION log_path_holds(payload text, path text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT filter_skip_reason(path, filter_document(payload)) IS NULL
$$;

-- Whether a payload has a value that is asked for of each attribute, at the paths that its type declares.
CREATE OR REPLACE FUNCTION log_attributes_hold(tenant_id uuid, event_type text, payload text, t log_terms) RETURNS boolean
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    document jsonb := filter_document(payload);
BEGIN
    RETURN (SELECT count(DISTINCT p.name) = t.n_attributes
              FROM event_type y
             CROSS JOIN unnest(t.attribute_names, t.attribute_values) AS p (name, value)
             WHERE y.tenant_id = $1 AND y.name = $2
               AND jsonb_path_query_first(document, (y.attributes ->> p.name)::jsonpath, '{}', true) #>> '{}' = p.value);
END
$$;

-- Whether a payload is what is asked for. Workers and live tails ask for others, and would see masks always: the filter says it.
-- One that is larger than what can be asked is not unpacked.
DROP FUNCTION IF EXISTS log_payload_holds(log_terms, text, text);
CREATE OR REPLACE FUNCTION log_payload_holds(t log_terms, event_id uuid, event_type text, payload text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    shown text;
BEGIN
    IF octet_length(payload) > 262144 THEN
        RETURN false;
    END IF;
    shown := CASE WHEN t.is_masked THEN payload_shown(t.tenant_id, event_type, payload, event_id) ELSE payload END;
    RETURN (t.path IS NULL OR log_path_holds(shown, t.path))
           AND (t.declaring_types IS NULL OR log_attributes_hold(t.tenant_id, event_type, shown, t));
END
$$;

-- ---- what an attempt t, an event e, a message m must be ----

-- 5xx is a hundred codes: a planner that sees them asks its statistics about each, for each week.
CREATE OR REPLACE FUNCTION log_attempt_conditions(t log_terms) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat(CASE WHEN t.codes IS NOT NULL THEN ' AND coalesce(t.status_code, -1) = ANY ((SELECT ($1).codes)::integer[])' END,
                  CASE WHEN t.not_codes IS NOT NULL THEN ' AND coalesce(t.status_code, -1) <> ALL ((SELECT ($1).not_codes)::integer[])' END,
                  CASE WHEN t.errors IS NOT NULL THEN ' AND t.outcome = ANY (($1).errors)' END,
                  CASE WHEN t.not_errors IS NOT NULL THEN ' AND t.outcome <> ALL (($1).not_errors)' END,
                  CASE WHEN t.least_us IS NOT NULL THEN ' AND t.duration_us >= ($1).least_us' END,
                  CASE WHEN t.below_us IS NOT NULL THEN ' AND t.duration_us < ($1).below_us' END)
$$;

CREATE OR REPLACE FUNCTION log_event_conditions(t log_terms) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat(CASE WHEN t.company_ids IS NOT NULL THEN ' AND e.company_id = ANY (($1).company_ids)' END,
                  CASE WHEN t.not_company_ids IS NOT NULL THEN ' AND (e.company_id = ANY (($1).not_company_ids)) IS NOT TRUE' END,
                  CASE WHEN t.event_types IS NOT NULL THEN ' AND e.event_type LIKE ANY (($1).event_types)' END,
                  CASE WHEN t.not_event_types IS NOT NULL THEN ' AND e.event_type NOT LIKE ALL (($1).not_event_types)' END,
                  CASE WHEN t.trace_ids IS NOT NULL THEN ' AND substr(e.traceparent, 4, 32) = ANY (($1).trace_ids)' END,
                  CASE WHEN t.declaring_types IS NOT NULL THEN ' AND e.event_type = ANY (($1).declaring_types)' END)
$$;

-- As message_json() has them: while a message is in the queue, the queue knows, and what stopped its subscription.
CREATE OR REPLACE FUNCTION log_status(tenant_id uuid, subscription_id uuid, message_id uuid, status text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT x.status
                       FROM message m
                      CROSS JOIN LATERAL message_standing(m) x
                      WHERE $4 IN ('pending', 'held') AND m.tenant_id = $1 AND m.subscription_id = $2 AND m.id = $3), $4)
$$;
CREATE OR REPLACE FUNCTION log_attempts(tenant_id uuid, subscription_id uuid, message_id uuid, status text, attempts integer)
RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT q.attempts
                       FROM queue q
                      WHERE $4 IN ('pending', 'held') AND q.tenant_id = $1 AND q.subscription_id = $2 AND q.message_id = $3), $5)
$$;

-- Whose message it must be: of the partner, of the apps and subscriptions that are asked for.
CREATE OR REPLACE FUNCTION log_scope_conditions(t log_terms) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN t.subscription_ids IS NOT NULL THEN ' AND m.subscription_id = ANY (($1).subscription_ids)'
                WHEN num_nonnulls(t.partner, t.app_ids, t.given_ids) > 0
                THEN ' AND EXISTS (SELECT
                                     FROM subscription s
                                     JOIN app a ON a.tenant_id = ($1).tenant_id AND a.id = s.app_id
                                    WHERE s.tenant_id = ($1).tenant_id AND s.id = m.subscription_id
                                      AND (($1).partner IS NULL OR a.partner = ($1).partner)
                                      AND (($1).app_ids IS NULL OR a.id = ANY (($1).app_ids))
                                      AND (($1).given_ids IS NULL OR s.id = ANY (($1).given_ids))
                                   OFFSET 0)'
                ELSE '' END
$$;

CREATE OR REPLACE FUNCTION log_message_conditions(t log_terms) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat(
        CASE WHEN t.ids IS NOT NULL THEN ' AND (m.id = ANY (($1).ids) OR m.event_id = ANY (($1).ids))' END,
        CASE WHEN t.message_ids IS NOT NULL THEN ' AND m.id = ANY (($1).message_ids)' END,
        CASE WHEN t.event_ids IS NOT NULL THEN ' AND m.event_id = ANY (($1).event_ids)' END,
        CASE WHEN t.statuses <@ '{succeeded,failed}' THEN ' AND m.status = ANY (($1).statuses)' -- none that waits is shown as that
             WHEN t.statuses IS NOT NULL
             THEN ' AND CASE WHEN m.status IN (''pending'', ''held'') THEN log_status(m.tenant_id, m.subscription_id, m.id, m.status)
                             ELSE m.status END = ANY (($1).statuses)' END,
        CASE WHEN t.not_statuses <@ '{succeeded,failed}' THEN ' AND m.status <> ALL (($1).not_statuses)'
             WHEN t.not_statuses IS NOT NULL
             THEN ' AND CASE WHEN m.status IN (''pending'', ''held'') THEN log_status(m.tenant_id, m.subscription_id, m.id, m.status)
                             ELSE m.status END <> ALL (($1).not_statuses)' END,
        CASE WHEN t.origins IS NOT NULL THEN ' AND coalesce(m.origin, ''live'') = ANY (($1).origins)' END,
        CASE WHEN t.not_origins IS NOT NULL THEN ' AND coalesce(m.origin, ''live'') <> ALL (($1).not_origins)' END,
        CASE WHEN num_nonnulls(t.least_attempts, t.most_attempts) > 0
             THEN ' AND CASE WHEN m.status IN (''pending'', ''held'')
                             THEN log_attempts(m.tenant_id, m.subscription_id, m.id, m.status, m.attempts) ELSE m.attempts END
                       BETWEEN coalesce(($1).least_attempts, 0) AND coalesce(($1).most_attempts, 2147483647)' END,
        CASE WHEN t.not_given_ids IS NOT NULL THEN ' AND m.subscription_id <> ALL (($1).not_given_ids)' END,
        CASE WHEN t.not_app_ids IS NOT NULL
             THEN ' AND NOT EXISTS (SELECT
                                      FROM subscription s
                                     WHERE s.tenant_id = ($1).tenant_id AND s.id = m.subscription_id
                                       AND s.app_id = ANY (($1).not_app_ids)
                                    OFFSET 0)' END)
$$;
