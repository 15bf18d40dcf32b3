-- What a test message is made of. The statement is in api/test_message.sql.

-- Takes one of the tenant's 10 tests a minute, or none: false.
CREATE OR REPLACE FUNCTION test_message_take(tenant_id uuid) RETURNS boolean LANGUAGE sql AS $$
    SELECT bucket_take($1, 'tests', 10)
$$;

-- What is wrong with a test; `types` are its event types, in the body's member `member`.
DROP FUNCTION IF EXISTS test_message_faults(uuid, json, text, text, text);
CREATE OR REPLACE FUNCTION test_message_faults(tenant_id uuid, types json, member text, profile text, url_fault text,
                                               given json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT '/url', u.detail
      FROM url_fault_for($1, $6 ->> 'url', $5) AS u (detail)
     WHERE u.detail IS NOT NULL
     UNION ALL
    SELECT '/profile', format('There is no profile "%s".', $4)
     WHERE NOT EXISTS (SELECT FROM profile p WHERE p.tenant_id IN ($1, installation_id()) AND p.name = $4)
     UNION ALL
    SELECT '/' || $3, 'Which event types? A list of them must be there.' WHERE $2 IS NULL
     UNION ALL
    SELECT c.pointer, c.detail FROM credentials_faults($6 -> 'credentials', '/credentials') c
     UNION ALL
    SELECT '/credentials/token_url', 'A test cannot ask for a token: give one as credentials.token.'
     WHERE $6 #> '{credentials,token_url}' IS NOT NULL
     UNION ALL
    SELECT '/headers', h.detail
      FROM (SELECT headers_fault($6 -> 'headers', $6 -> 'credentials' IS NOT NULL) AS detail) h
     WHERE h.detail IS NOT NULL
     UNION ALL
    SELECT format('/%s/%s', $3, g.n - 1),
           format(CASE WHEN t.name IS NULL THEN 'There is no event type "%s".' ELSE 'The event type "%s" has no sample.' END,
                  g.name)
      FROM json_array_elements_text(coalesce($2, '[]')) WITH ORDINALITY AS g (name, n)
      LEFT JOIN event_type t ON t.tenant_id = $1 AND t.name = g.name
     WHERE t.sample IS NULL
$$;

-- One row for each message to be sent, or one with a code and the problem's errors.
DROP FUNCTION IF EXISTS test_message_plan(uuid, json, text, text);
CREATE OR REPLACE FUNCTION test_message_plan(tenant_id uuid, given json, default_profile text, url_fault text)
RETURNS TABLE (code text, body text, profile text, envelope text, signature text, responses text, timeout_ms integer,
               base_url text, headers text, event_type text, sample text, allows_http boolean,
               allowed_networks text)
LANGUAGE plpgsql AS $$
DECLARE
    member text := CASE WHEN given -> 'events' IS NOT NULL THEN 'events'
                        WHEN given -> 'subscribedEvents' IS NOT NULL OR default_profile = 'basiq' THEN 'subscribedEvents'
                        ELSE 'event_types' END;
    types  json := given -> member;
    wanted text := coalesce(given ->> 'profile', default_profile);
BEGIN
    SELECT 'invalid_body', json_agg(f)::text INTO code, body
      FROM test_message_faults($1, types, member, wanted, $4, given) f
    HAVING count(*) > 0;
    IF code IS NULL AND NOT test_message_take($1) THEN
        code := 'rate_limited';
    END IF;
    IF code IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'test_message.sent', '', json_build_object('url', given -> 'url', 'profile', wanted, 'event_types', types));
    RETURN QUERY
    SELECT '', NULL::text, p.name, p.envelope, p.signature, p.responses, p.timeout_ms, n.base_url,
           (SELECT string_agg(h.key || ': ' || h.value, E'\n') FROM json_each_text(given -> 'headers') h),
           t.name, t.sample::text, n.allow_http, array_to_string(n.allowed_networks, ',')
      FROM json_array_elements_text(types) WITH ORDINALITY AS g (name, n)
      JOIN event_type t ON t.tenant_id = $1 AND t.name = g.name
      JOIN tenant n ON n.tenant_id = $1
     CROSS JOIN LATERAL (SELECT x.*
                           FROM profile x
                          WHERE x.tenant_id IN ($1, installation_id()) AND x.name = wanted
                          ORDER BY x.tenant_id DESC -- the tenant's own first
                          LIMIT 1) p
     ORDER BY g.n;
END
$$;
