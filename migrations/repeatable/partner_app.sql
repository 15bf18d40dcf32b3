-- The app that a webhook or hook is for, when the caller's world knows no apps (BQ-01, BK-01): the wanted
-- one, which must be the caller's; else the only active app of the caller's partner, made when it has
-- none. `member` is the body's name for it.
CREATE OR REPLACE FUNCTION partner_app(tenant_id uuid, partner text, wanted uuid, member text,
                                       OUT code text, OUT body text, OUT app_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    n_apps integer;
BEGIN
    code := 'invalid_body';
    IF wanted IS NOT NULL THEN
        app_id := (app_lock($1, $2, $3)).id; -- as subscription_create() will
        IF app_id IS NULL THEN
            body := fault('/' || member, 'There is no such app.');
            RETURN;
        END IF;
    ELSIF $2 IS NULL THEN
        body := fault('/' || member, 'Which app is it for? Only a partner can leave this out.');
        RETURN;
    ELSE
        PERFORM cap_lock($1, 'app ' || $2); -- two first calls make one app
        SELECT count(*), (array_agg(a.id))[1] INTO n_apps, app_id
          FROM app a
         WHERE a.tenant_id = $1 AND a.partner = $2 AND a.state = 'active';
        IF n_apps > 1 THEN
            body := fault('/' || member, format('You have %s apps: which one is it for?', n_apps));
            RETURN;
        END IF;
        IF n_apps = 0 THEN
            SELECT r.code, r.body, r.new_id::uuid INTO code, body, app_id
              FROM app_create($1, $2, json_build_object('name', $2), NULL, NULL) r;
            IF code <> '' THEN
                RETURN;
            END IF;
        END IF;
    END IF;
    code := '';
    body := NULL;
END
$$;
