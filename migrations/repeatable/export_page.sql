-- A page of messages for an export: those that a filter means, newest first, and where the next page goes on (NULL: there
-- is none; a page may be empty and have a next one).
CREATE OR REPLACE FUNCTION export_page(tenant_id uuid, partner text, filter jsonb, before_id uuid, page_limit integer,
                                       OUT messages message[], OUT next_id uuid)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT array_agg(s.message ORDER BY (s.message).id DESC) FILTER (WHERE (s.message).id IS NOT NULL), max(s.reached_id::text)
      INTO messages, next_id
      FROM message_search($1, $2, $3, $4, $5, 5000) s;
    IF cardinality(messages) = $5 THEN
        next_id := messages[$5].id;
    END IF;
END
$$;

-- Those of a message's attempts that a filter means, in their order. plpgsql, and put together of constant texts.
CREATE OR REPLACE FUNCTION attempts_matching(tenant_id uuid, filter jsonb, message_ids uuid[]) RETURNS SETOF attempt
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t log_terms := log_terms($1, NULL, $2, NULL);
BEGIN
    RETURN QUERY EXECUTE
        'SELECT t.* FROM unnest($2) i (id) CROSS JOIN LATERAL (SELECT * FROM attempt t'
        ' WHERE t.tenant_id = ($1).tenant_id AND t.message_id = i.id' || log_attempt_conditions(t) || ' OFFSET 0) t'
        USING t, $3;
END
$$;

-- Who exported what is in the audit log once an export: with its first page.
CREATE OR REPLACE FUNCTION export_audit(tenant_id uuid, action text, filter jsonb, format text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, $2, '', json_build_object('format', coalesce($4, 'ndjson'), 'filter', $3))
$$;

-- An attempt on a line of its own: with what its message is.
CREATE OR REPLACE FUNCTION attempt_line_json(message json, a attempt) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    of_message text := json_build_object('message_id', a.message_id, 'event_id', message -> 'event_id',
                                         'event_type', message -> 'event_type', 'company', message -> 'company',
                                         'app_id', message -> 'app_id', 'subscription_id', message -> 'subscription_id');
BEGIN
    RETURN left(of_message, -1) || ', ' || substr(attempt_json(a)::text, 2);
END
$$;
