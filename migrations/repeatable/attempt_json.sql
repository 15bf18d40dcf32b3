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

-- The public JSON form of an attempt. The body is text when it is text, else base64.
CREATE OR REPLACE FUNCTION attempt_json(a attempt) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    body_text text := text_of_bytes(a.response_body, a.response_truncated);
BEGIN
    RETURN json_build_object(
        'attempt_no', a.attempt_no, 'started_at', a.started_at, 'url', a.url, 'outcome', a.outcome,
        'status_code', a.status_code, 'duration_us', a.duration_us, 'dns_us', a.dns_us, 'connect_us', a.connect_us,
        'tls_us', a.tls_us, 'first_byte_us', a.first_byte_us, 'remote_address', a.remote_address, 'error', a.error,
        'response_headers', a.response_headers,
        'response_body', coalesce(body_text, translate(encode(a.response_body, 'base64'), E'\n', '')),
        'response_body_encoding', CASE WHEN body_text IS NULL AND a.response_body IS NOT NULL THEN 'base64' ELSE 'text' END,
        'response_truncated', a.response_truncated, 'worker', a.worker);
END
$$;
