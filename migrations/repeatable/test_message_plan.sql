-- What a test message is made of. The statement is in api/receivers/test_message.sql.

-- Takes one of the tenant's 10 tests a minute, or none: false.
CREATE OR REPLACE FUNCTION test_message_take(tenant_id uuid) RETURNS boolean LANGUAGE sql AS $$
    SELECT bucket_take($1, 'tests', 10)
$$;

-- What is wrong with a test of `target`, a stored subscription or one that has no id; `types` are its event types, in the
-- body's member `member`.
DROP FUNCTION IF EXISTS test_message_faults(uuid, json, text, text, text);
DROP FUNCTION IF EXISTS test_message_faults(uuid, json, text, text, text, json);
DROP FUNCTION IF EXISTS test_message_faults(uuid, subscription, json, text, text, json);
CREATE OR REPLACE FUNCTION test_message_faults(tenant_id uuid, target subscription, types json, member text, url_fault text,
                                               token_url_fault text, given json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT '/url', u.detail
      FROM url_fault_for($1, $7 ->> 'url', $5) AS u (detail)
     WHERE u.detail IS NOT NULL
     UNION ALL
    SELECT '/url', 'is required' WHERE ($2).url IS NULL
     UNION ALL
    SELECT '/' || m.name, 'The subscription has its own.'
      FROM unnest(ARRAY['url', 'profile', 'secret', 'headers', 'credentials']) m (name)
     WHERE ($2).id IS NOT NULL AND $7 -> m.name IS NOT NULL
     UNION ALL
    SELECT '/profile', format('There is no profile "%s".', ($2).profile)
     WHERE NOT EXISTS (SELECT FROM profile p WHERE p.tenant_id IN ($1, installation_id()) AND p.name = ($2).profile)
     UNION ALL
    SELECT '/' || m.name, 'Says how it is revived: it stands with "revive": true.'
      FROM unnest(ARRAY['messages', 'missed', 'since']) m (name)
     WHERE $7 -> m.name IS NOT NULL AND NOT coalesce(($7 ->> 'revive')::boolean, false)
     UNION ALL
    SELECT '/' || $4, CASE WHEN ($2).id IS NULL THEN 'Which event types? A list of them must be there.'
                           ELSE 'Which event types? None that the subscription selects has a sample.' END
     WHERE $3 IS NULL
     UNION ALL
    SELECT c.pointer, c.detail FROM credentials_faults($7 -> 'credentials', '/credentials') c
     UNION ALL
    SELECT '/credentials/token_url', u.detail
      FROM url_fault_for($1, $7 #>> '{credentials,token_url}', $6) AS u (detail)
     WHERE u.detail IS NOT NULL
     UNION ALL
    SELECT '/headers', h.detail
      FROM (SELECT headers_fault($7 -> 'headers', $7 -> 'credentials' IS NOT NULL) AS detail) h
     WHERE h.detail IS NOT NULL
     UNION ALL
    SELECT format('/%s/%s', $4, g.n - 1),
           format(CASE WHEN t.name IS NULL THEN 'There is no event type "%s".' ELSE 'The event type "%s" has no sample.' END,
                  g.name)
      FROM json_array_elements_text(coalesce($3, '[]')) WITH ORDINALITY AS g (name, n)
      LEFT JOIN event_type t ON t.tenant_id = $1 AND t.name = g.name
     WHERE t.sample IS NULL
$$;

-- A list of the first event type that the subscription selects and that has a sample; NULL when there is none.
CREATE OR REPLACE FUNCTION test_message_type(tenant_id uuid, target subscription) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_array(t.name)
      FROM event_type t
     WHERE t.tenant_id = $1 AND t.sample IS NOT NULL AND t.patterns && ($2).event_types
     ORDER BY t.name
     LIMIT 1
$$;

-- Why a stored subscription cannot be tested now, as a problem's errors; NULL when it can. `given` may ask for it to be
-- revived by a success. Whoever has not agreed to be sent to gets no secrets and no samples either.
CREATE OR REPLACE FUNCTION test_message_conflict(target subscription, given json) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN ($1).state = 'archived'
                  OR (($2 ->> 'revive')::boolean AND ($1).state NOT IN ('unsubscribed', 'disabled'))
                THEN fault('', format('The subscription is %s.', ($1).state))
                ELSE coalesce(subscription_activity_fault(($1).tenant_id, ($1).url), subscription_verification_fault($1)) END
$$;

-- One row for each message to be sent: what it goes to, and the event; or one with a code and the problem's errors.
-- Of the stored subscription `subscription_id`, or, when that is NULL, of the URL that the body names.
DROP FUNCTION IF EXISTS test_message_plan(uuid, json, text, text);
DROP FUNCTION IF EXISTS test_message_plan(uuid, text, uuid, json, text, text);
CREATE OR REPLACE FUNCTION test_message_plan(tenant_id uuid, partner text, subscription_id uuid, given json,
                                             default_profile text, url_fault text, token_url_fault text)
RETURNS TABLE (code text, body text, target subscription, event_type text, payload text)
LANGUAGE plpgsql AS $$
DECLARE
    member text := CASE WHEN given -> 'events' IS NOT NULL THEN 'events'
                        WHEN given -> 'subscribedEvents' IS NOT NULL OR default_profile = 'basiq' THEN 'subscribedEvents'
                        ELSE 'event_types' END;
    types  json := given -> member;
BEGIN
    IF $3 IS NOT NULL THEN
        SELECT s.* INTO target
          FROM subscription s
          JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
         WHERE s.tenant_id = $1 AND s.id = $3 AND s.kind = 'delivery';
        types := coalesce(types, test_message_type($1, target));
    ELSE
        target.tenant_id := $1;
        target.profile := default_profile;
        target := subscription_merge(target, given);
    END IF;

    IF $3 IS NOT NULL AND target.id IS NULL THEN
        code := 'not_found';
    ELSE
        SELECT 'invalid_body', json_agg(f)::text INTO code, body
          FROM test_message_faults($1, target, types, member, $6, $7, given) f
        HAVING count(*) > 0;
    END IF;
    IF code IS NULL AND target.id IS NOT NULL THEN
        body := test_message_conflict(target, given);
        code := CASE WHEN body IS NOT NULL THEN 'conflict' END;
    END IF;
    IF code IS NULL AND NOT test_message_take($1) THEN
        code := 'rate_limited';
    END IF;
    IF code IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'test_message.sent', coalesce(target.id::text, ''),
            json_build_object('url', target.url, 'profile', target.profile, 'event_types', types));
    RETURN QUERY
    SELECT '', NULL::text, target, t.name, t.sample::text
      FROM json_array_elements_text(types) WITH ORDINALITY AS g (name, n)
      JOIN event_type t ON t.tenant_id = $1 AND t.name = g.name
     ORDER BY g.n;
END
$$;
