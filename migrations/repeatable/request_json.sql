-- What came to a flow, as others see it. Whoever reads it must not be able to send in the sender's name.

-- Header fields that prove something, by their names: those of the flow's own credential besides.
CREATE OR REPLACE FUNCTION request_headers_shown(headers json, credential json) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN -- plpgsql, because header_is_sensitive() is created later
    RETURN (SELECT coalesce(json_agg(json_build_array(
                                h.field ->> 0,
                                CASE WHEN header_is_sensitive(h.field ->> 0) OR lower(h.field ->> 0) IN ('cookie', lower($2 ->> 'header'))
                                     THEN '***' ELSE h.field ->> 1 END) ORDER BY h.n), '[]')
              FROM json_array_elements($1) WITH ORDINALITY AS h (field, n));
END
$$;

-- The query, without the key that a flow's credential takes from it.
CREATE OR REPLACE FUNCTION request_query_shown(query text, credential json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN $2 ->> 'query' IS NULL THEN $1
                ELSE (SELECT string_agg(CASE WHEN split_part(p.pair, '=', 1) = $2 ->> 'query' OR p.pair ~ '%'
                                             THEN split_part(p.pair, '=', 1) || '=***' ELSE p.pair END, '&' ORDER BY p.n)
                        FROM string_to_table($1, '&') WITH ORDINALITY AS p (pair, n)) END
$$;

-- The request of an event; NULL when the event was published, or its request is forgotten. The path holds the flow's token: it is
-- left out. `masked`: of an event with sensitive places, for who sees masks, so is what the address said.
DROP FUNCTION IF EXISTS request_json(event, json);
CREATE OR REPLACE FUNCTION request_json(e event, credential json, masked boolean) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN e.request IS NOT NULL
                THEN json_build_object('method', e.request ->> 'method',
                                       'query', CASE WHEN $3 AND e.request ->> 'query' <> '' THEN '***'
                                                     ELSE request_query_shown(e.request ->> 'query', $2) END,
                                       'headers', request_headers_shown(e.request -> 'headers', $2),
                                       'content_type', e.request ->> 'content_type',
                                       'remote_address', e.request ->> 'remote_address',
                                       'wait_key', CASE WHEN $3 AND e.request ->> 'wait_key' IS NOT NULL THEN '***'
                                                        ELSE e.request ->> 'wait_key' END,
                                       'body_bytes', octet_length(coalesce(e.body, convert_to(e.payload, 'UTF8')))) END
$$;

-- An event with its request, if it has one.
CREATE OR REPLACE FUNCTION event_with_request_json(e event) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN e.request IS NULL THEN event_json(e)
                ELSE json_plus(event_json(e), 'request',
                               request_json(e, (SELECT f.credential
                                                  FROM message m
                                                  JOIN flow f ON f.tenant_id = e.tenant_id AND f.id = m.subscription_id
                                                 WHERE m.tenant_id = e.tenant_id AND m.event_id = e.id
                                                   AND m.id BETWEEN message_id_floor(e.id) AND message_id_ceiling(e.id)
                                                 LIMIT 1),
                                            sees_masks() AND mask_paths(e.tenant_id, e.event_type, e.id) <> '{}')) END
$$;
