-- Changes through Basiq's paths, which are changes of subscriptions. The statements are in
-- api/resources/basiq.sql.

-- The same with our names. Basiq's guide says "Events", its reference `subscribedEvents`: both are taken.
CREATE OR REPLACE FUNCTION basiq_given(given json) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT json_strip_nulls(json_build_object(
               'url', $1 -> 'url', 'description', $1 -> 'description', 'verification', $1 -> 'verification',
               'event_types', coalesce($1 -> 'subscribedEvents', $1 -> 'events')))
$$;

-- A problem's errors with Basiq's names.
CREATE OR REPLACE FUNCTION basiq_faults(faults text, given json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace($1, '"/event_types',
                   CASE WHEN $2 -> 'subscribedEvents' IS NULL THEN '"/events' ELSE '"/subscribedEvents' END)
$$;

DROP FUNCTION IF EXISTS basiq_webhook_create(uuid, text, json, text, text);
CREATE OR REPLACE FUNCTION basiq_webhook_create(tenant_id uuid, partner text, given json, secrets json, url_fault text,
                                                OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    target_id uuid;
BEGIN
    IF given -> 'subscribedEvents' IS NULL AND given -> 'events' IS NULL THEN
        code := 'invalid_body';
        body := fault('/subscribedEvents', 'Which events? A list of event types must be there.');
        RETURN;
    END IF;
    SELECT r.code, r.body, r.app_id INTO code, body, target_id
      FROM partner_app($1, $2, (given ->> 'appId')::uuid, 'appId') r;
    IF code = '' THEN
        SELECT r.code, basiq_faults(r.body, given), r.new_id INTO code, body, new_id
          FROM subscription_create($1, $2, target_id, json_plus(basiq_given(given), 'profile', '"basiq"'), $4, $5) r;
    END IF;
    IF code <> '' THEN
        RAISE EXCEPTION USING ERRCODE = 'HK001'; -- the app that was made for it goes again
    END IF;
    SELECT json_plus(basiq_webhook_json(s), 'secret', body::json -> 'secret')::text INTO body
      FROM subscription s
     WHERE s.tenant_id = $1 AND s.id = new_id::uuid;
EXCEPTION WHEN SQLSTATE 'HK001' THEN
    new_id := NULL;
END
$$;

CREATE OR REPLACE FUNCTION basiq_webhook_update(tenant_id uuid, partner text, webhook_id uuid, given json, url_fault text,
                                                OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT CASE WHEN s.state = 'archived' THEN 'not_found' ELSE '' END INTO code
      FROM subscription_lock($1, $2, $3) s;
    IF code = '' THEN
        SELECT r.code, basiq_faults(r.body, given) INTO code, body
          FROM subscription_update($1, $2, $3, basiq_given(given), $5, NULL) r;
    END IF;
    IF code = '' THEN
        SELECT basiq_webhook_json(s)::text INTO body FROM subscription s WHERE s.tenant_id = $1 AND s.id = $3;
    END IF;
    code := coalesce(code, 'not_found');
END
$$;
