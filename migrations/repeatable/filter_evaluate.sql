-- Payload filters of subscriptions (hk/filter.h), as fan-out evaluates them. Nothing in here may raise: one
-- subscription's filter stands in the statement that stores everybody's events.

-- The payload as a filter sees it. NULL when jsonb cannot hold it (U+0000, a number beyond numeric) or
-- when it is larger than a filter is evaluated on. plpgsql: only it can catch.
CREATE OR REPLACE FUNCTION filter_document(payload text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN octet_length(payload) <= 262144 THEN payload::jsonb END;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

-- Why the event is not for the subscription; NULL when it is. Unknown (a comparison of a string with a
-- number, say) is not true.
CREATE OR REPLACE FUNCTION filter_skip_reason(filter text, document jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN document IS NULL THEN 'filter_failed'
                WHEN document @@ filter::jsonpath THEN NULL
                ELSE 'filter_false' END;
EXCEPTION WHEN OTHERS THEN
    RETURN 'filter_failed';
END
$$;

-- Whether PostgreSQL reads the filter as well; lib/filter.c has accepted it before.
CREATE OR REPLACE FUNCTION filter_is_valid(filter text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN filter::jsonpath IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END
$$;
