-- Bytes as text, or NULL when they are not UTF-8 (or hold U+0000, which text cannot). The last
-- character of a body that was cut may be cut too: it is dropped.
CREATE OR REPLACE FUNCTION text_of_bytes(bytes bytea, is_cut boolean) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    FOR n_dropped IN 0 .. CASE WHEN is_cut THEN least(3, length(bytes)) ELSE 0 END LOOP
        BEGIN
            RETURN convert_from(substring(bytes FROM 1 FOR length(bytes) - n_dropped), 'UTF8');
        EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
            NULL; -- one byte less, then
        END;
    END LOOP;
    RETURN NULL;
END
$$;

-- The header section that an attempt sent, as an object; NULL when it sent none. What the attempt's row says anyway is
-- not stored with it: the message's id, the time, and the usual type (hk_describe_own_header_lines()).
CREATE OR REPLACE FUNCTION attempt_request_headers(a attempt) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_object_agg(h.name, h.value ORDER BY h.place)
      FROM (SELECT 1 AS place, 'content-type' AS name, 'application/json' AS value
             WHERE ($1).request_headers !~* '(^|\n)content-type: '
             UNION ALL
            SELECT 2, 'webhook-id',
                   coalesce((SELECT m.webhook_id FROM message m
                              WHERE m.tenant_id = ($1).tenant_id AND m.id = ($1).message_id), ($1).message_id)::text
             UNION ALL
            SELECT 3, 'webhook-timestamp', floor(extract(epoch FROM ($1).started_at))::bigint::text
             UNION ALL
            SELECT 3 + l.n, split_part(l.line, ': ', 1), substr(l.line, strpos(l.line, ': ') + 2)
              FROM string_to_table(rtrim(($1).request_headers, E'\n'), E'\n') WITH ORDINALITY AS l (line, n)) h
     WHERE ($1).request_headers IS NOT NULL
$$;

-- The public JSON form of an attempt. The body is text when it is text, else base64.
CREATE OR REPLACE FUNCTION attempt_json(a attempt) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    body_text text;
BEGIN
    a := attempt_shown(a);
    body_text := text_of_bytes(a.response_body, a.response_truncated);
    RETURN json_build_object(
        'attempt_no', a.attempt_no, 'started_at', a.started_at, 'url', a.url, 'outcome', a.outcome,
        'status_code', a.status_code, 'duration_us', a.duration_us, 'dns_us', a.dns_us, 'connect_us', a.connect_us,
        'tls_us', a.tls_us, 'first_byte_us', a.first_byte_us, 'remote_address', a.remote_address, 'error', a.error,
        'explanation', attempt_words(a.outcome, a.status_code, a.duration_us, a.error),
        'requests_sent', coalesce(a.n_sent, 1),
        'http_version', CASE WHEN a.status_code IS NOT NULL THEN coalesce(a.http_version, '1.1') END,
        'tls_version', a.tls_version, 'tls_cipher', a.tls_cipher, 'certificate_expires_at', a.certificate_expires_at,
        'request_headers', attempt_request_headers(a),
        'response_headers', a.response_headers,
        'response_body', coalesce(body_text, translate(encode(a.response_body, 'base64'), E'\n', '')),
        'response_body_encoding', CASE WHEN body_text IS NULL AND a.response_body IS NOT NULL THEN 'base64' ELSE 'text' END,
        'response_truncated', a.response_truncated, 'worker', a.worker);
END
$$;
