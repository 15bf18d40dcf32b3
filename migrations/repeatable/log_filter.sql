-- What a request for messages asks: its query (hk/log_query.h) and its other parameters, as one filter. Each thing is said in one
-- place: `errors` is a problem's "errors" when it is not.

-- How many candidates a page looks at, and a count.
CREATE OR REPLACE FUNCTION search_reach() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 2000;
CREATE OR REPLACE FUNCTION count_reach() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 20000;

CREATE OR REPLACE FUNCTION log_filter(tenant_id uuid, query jsonb, event_id uuid, subscription_id uuid, app_id uuid, company text,
                                      status text, event_type text, since timestamptz, until timestamptz,
                                      OUT filter jsonb, OUT errors text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    said jsonb := jsonb_strip_nulls(jsonb_build_object(
        'event_id', CASE WHEN $3 IS NOT NULL THEN jsonb_build_array($3) END,
        'subscription', CASE WHEN $4 IS NOT NULL THEN jsonb_build_array($4) END,
        'app', CASE WHEN $5 IS NOT NULL THEN jsonb_build_array($5) END,
        -- The parameter is the external id; in a query a company has its name as well.
        'company_id', CASE WHEN $6 IS NOT NULL
                           THEN (SELECT coalesce(jsonb_agg(c.id), '[]')
                                   FROM company c
                                  WHERE c.tenant_id = $1 AND c.external_id = $6) END,
        'status', CASE WHEN $7 IS NOT NULL THEN jsonb_build_array($7) END,
        'event_type', CASE WHEN $8 IS NOT NULL THEN jsonb_build_array($8) END,
        'since', $9, 'until', $10));
    twice text := (SELECT k FROM jsonb_object_keys(said) k WHERE $2 ? k LIMIT 1);
BEGIN
    filter := coalesce($2, '{}') || said;
    IF twice IS NOT NULL THEN
        errors := fault('/q', format('"%s" is a parameter of this request already.', twice));
    ELSE
        errors := log_masked_fault($1, filter);
    END IF;
END
$$;
