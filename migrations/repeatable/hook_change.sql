-- REST hooks, which are subscriptions of profile basekit to one event type. The statements are in
-- api/resources/hooks.sql.
DROP FUNCTION IF EXISTS hook_create(uuid, text, json, text, text);
CREATE OR REPLACE FUNCTION hook_create(tenant_id uuid, partner text, given json, secrets json, url_fault text,
                                       OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    target_id uuid;
BEGIN
    SELECT r.code, r.body, r.app_id INTO code, body, target_id
      FROM partner_app($1, $2, (given ->> 'app_id')::uuid, 'app_id') r;
    IF code = '' THEN
        SELECT r.code, replace(replace(r.body, '"/event_types/0"', '"/event"'), '"/url"', '"/target_url"'), r.new_id
          INTO code, body, new_id
          FROM subscription_create($1, $2, target_id,
                                   json_strip_nulls(json_build_object('url', given -> 'target_url', 'profile', 'basekit',
                                                                      'event_types', json_build_array(given -> 'event'),
                                                                      'verification', given -> 'verification')), $4, $5) r;
    END IF;
    IF code <> '' THEN
        RAISE EXCEPTION USING ERRCODE = 'HK001'; -- the app that was made for it goes again
    END IF;
    SELECT hook_json(s)::text INTO body FROM subscription s WHERE s.tenant_id = $1 AND s.id = new_id::uuid;
EXCEPTION WHEN SQLSTATE 'HK001' THEN
    new_id := NULL;
END
$$;
