-- Changes of the issuers whose tokens a tenant accepts. The statements are in api/resources/issuers.sql.

-- The row as the body would have it: what is absent stays, null is the default (RFC 7396).
CREATE OR REPLACE FUNCTION issuer_patched(i token_issuer, given json) RETURNS token_issuer
LANGUAGE plpgsql AS $$
BEGIN
    i.issuer := coalesce(given ->> 'issuer', i.issuer);
    i.jwks_uri := coalesce(given ->> 'jwks_uri', i.jwks_uri);
    i.audience := coalesce(given ->> 'audience', i.audience);
    i.role := coalesce(given ->> 'role', i.role);
    IF given -> 'algorithms' IS NOT NULL THEN
        i.algorithms := ARRAY(SELECT json_array_elements_text(given -> 'algorithms'));
    END IF;
    IF given -> 'partner' IS NOT NULL THEN
        i.partner := given ->> 'partner';
    END IF;
    IF given -> 'partner_claim' IS NOT NULL THEN
        i.partner_claim := given ->> 'partner_claim';
    END IF;
    IF i.subject_claim IS NULL OR given -> 'subject_claim' IS NOT NULL THEN
        i.subject_claim := coalesce(given ->> 'subject_claim', 'sub');
    END IF;
    IF i.required_claims IS NULL OR given -> 'required_claims' IS NOT NULL THEN
        i.required_claims := coalesce(nullif(given ->> 'required_claims', '')::json, '{}');
    END IF;
    RETURN i;
END
$$;

-- What is wrong with it: the problem's errors as text, or NULL. `url_fault`: why its jwks_uri is none for a tenant
-- that does not allow http.
CREATE OR REPLACE FUNCTION issuer_faults(i token_issuer, url_fault text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT json_agg(x)::text
      FROM (SELECT '/jwks_uri' AS pointer, $2 AS detail
             WHERE $2 IS NOT NULL
               AND NOT EXISTS (SELECT FROM tenant t WHERE t.tenant_id = ($1).tenant_id AND t.allow_http)
             UNION ALL
            SELECT '/partner', 'This role needs a partner or a partner_claim, one of them.'
             WHERE ($1).role IN ('partner', 'receiver') AND num_nonnulls(($1).partner, ($1).partner_claim) <> 1
             UNION ALL
            SELECT '/partner', 'This role has no partner.'
             WHERE ($1).role NOT IN ('partner', 'receiver') AND num_nonnulls(($1).partner, ($1).partner_claim) > 0) x
$$;

-- NULL: no fault. Serialises a tenant's changes of its issuers.
CREATE OR REPLACE FUNCTION issuer_is_taken(tenant_id uuid, issuer text, except_id uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('issuers ' || $1::text, 0));
    RETURN EXISTS (SELECT FROM token_issuer i WHERE i.tenant_id = $1 AND i.issuer = $2 AND i.id IS DISTINCT FROM $3);
END
$$;

-- `roles`: those that the caller may give, separated by commas. Whoever says where an issuer's keys are can sign as
-- its callers: it must have been able to give its role, before and after.
DROP FUNCTION IF EXISTS issuer_create(uuid, json, text);
CREATE OR REPLACE FUNCTION issuer_create(tenant_id uuid, given json, url_fault text, roles text,
                                         OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    made token_issuer;
BEGIN
    IF given ->> 'role' <> ALL (string_to_array($4, ',')) THEN
        code := 'forbidden';
        RETURN;
    END IF;
    PERFORM cap_lock($1, 'issuer');
    made.tenant_id := $1;
    made.id := uuid_v7();
    made.created_at := now();
    made.updated_at := now();
    made := issuer_patched(made, given);
    body := issuer_faults(made, $3);
    IF body IS NOT NULL THEN
        code := 'invalid_body';
    ELSIF issuer_is_taken($1, made.issuer, NULL) THEN
        code := 'conflict';
        body := fault('/issuer', 'The tenant trusts this issuer already.');
    ELSIF (SELECT count(*) FROM token_issuer i WHERE i.tenant_id = $1) >= 10 THEN
        code := 'conflict';
        body := fault('', 'The tenant has 10 issuers, which is the most.');
    ELSE
        INSERT INTO token_issuer SELECT made.*;
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'issuer.created', made.id::text, given);
        code := '';
        new_id := made.id::text;
        body := issuer_json(made)::text;
    END IF;
END
$$;

DROP FUNCTION IF EXISTS issuer_update(uuid, uuid, json, text, text);
CREATE OR REPLACE FUNCTION issuer_update(tenant_id uuid, issuer_id uuid, given json, if_match text, url_fault text,
                                         roles text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    i token_issuer;
BEGIN
    SELECT o.* INTO i FROM token_issuer o WHERE o.tenant_id = $1 AND o.id = $2 FOR NO KEY UPDATE;
    IF i.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, issuer_json(i)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF NOT ARRAY[i.role, coalesce(given ->> 'role', i.role)] <@ string_to_array($6, ',') THEN
        code := 'forbidden';
        RETURN;
    END IF;
    i := issuer_patched(i, given);
    body := issuer_faults(i, $5);
    IF body IS NOT NULL THEN
        code := 'invalid_body';
        RETURN;
    ELSIF issuer_is_taken($1, i.issuer, i.id) THEN
        code := 'conflict';
        body := fault('/issuer', 'The tenant trusts this issuer already.');
        RETURN;
    END IF;
    IF given::jsonb <> '{}' THEN
        UPDATE token_issuer o
           SET issuer = i.issuer, jwks_uri = i.jwks_uri, audience = i.audience, algorithms = i.algorithms,
               role = i.role, partner = i.partner, partner_claim = i.partner_claim, subject_claim = i.subject_claim,
               required_claims = i.required_claims, updated_at = now()
         WHERE o.tenant_id = $1 AND o.id = $2
        RETURNING o.* INTO i;
        INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'issuer.changed', $2::text, given);
    END IF;
    code := '';
    body := issuer_json(i)::text;
END
$$;
