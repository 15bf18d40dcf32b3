-- The public JSON form of an issuer whose tokens a tenant accepts.
CREATE OR REPLACE FUNCTION issuer_json(i token_issuer) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', i.id, 'issuer', i.issuer, 'jwks_uri', i.jwks_uri, 'audience', i.audience,
                             'algorithms', i.algorithms, 'role', i.role, 'partner', i.partner,
                             'partner_claim', i.partner_claim, 'subject_claim', i.subject_claim,
                             'required_claims', i.required_claims, 'created_at', i.created_at,
                             'updated_at', i.updated_at)
$$;
