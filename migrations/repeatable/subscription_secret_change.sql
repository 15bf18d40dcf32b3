-- A subscription's signing secrets: messages are signed with all that are live. The statements are in
-- api/resources/subscription_secrets.sql. Who changes them holds the subscription.

CREATE OR REPLACE FUNCTION subscription_secret_json(id uuid, created_at timestamptz, expires_at timestamptz) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', $1, 'created_at', $2, 'expires_at', $3)
$$;

-- A new secret, shown this one time; those before it live on for `overlap_s`, or as long as they were to.
CREATE OR REPLACE FUNCTION subscription_secret_create(tenant_id uuid, partner text, subscription_id uuid, given json,
                                                      secret text, OUT code text, OUT body text, OUT new_key text)
LANGUAGE plpgsql AS $$
DECLARE
    held    subscription := subscription_lock($1, $2, $3);
    ends_at timestamptz  := now() + coalesce(($4 ->> 'overlap_s')::integer, 86400) * interval '1 second';
    new_id  uuid         := uuid_v7();
BEGIN
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The subscription is archived.');
        RETURN;
    END IF;
    IF ends_at > now()
       AND (SELECT count(*)
              FROM subscription_secret k
             WHERE k.tenant_id = $1 AND k.subscription_id = $3 AND coalesce(k.expires_at, 'infinity') > now()) >= 10 THEN
        code := 'conflict';
        body := fault('', 'The subscription has 10 live secrets, which is the most.');
        RETURN;
    END IF;

    UPDATE subscription_secret k SET expires_at = ends_at
     WHERE k.tenant_id = $1 AND k.subscription_id = $3 AND coalesce(k.expires_at, 'infinity') > ends_at;
    DELETE FROM subscription_secret k WHERE k.tenant_id = $1 AND k.subscription_id = $3 AND k.expires_at <= now();
    INSERT INTO subscription_secret (tenant_id, subscription_id, id, secret, created_at)
    VALUES ($1, $3, new_id, $5, now());
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'subscription_secret.created', $3::text,
            json_build_object('secret_id', new_id, 'is_imported', $4 -> 'secret' IS NOT NULL, 'others_expire_at', ends_at));
    code := '';
    new_key := $3 || '/secrets/' || new_id;
    body := json_plus(subscription_secret_json(new_id, now(), NULL), 'secret', to_json($5))::text;
END
$$;

CREATE OR REPLACE FUNCTION subscription_secret_delete(tenant_id uuid, partner text, subscription_id uuid, secret_id uuid,
                                                      OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held    subscription := subscription_lock($1, $2, $3);
    ends_at timestamptz;
BEGIN
    SELECT coalesce(k.expires_at, 'infinity') INTO ends_at
      FROM subscription_secret k
     WHERE k.tenant_id = $1 AND k.subscription_id = held.id AND k.id = $4;
    IF ends_at IS NULL OR ends_at <= now() THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF ends_at = 'infinity'
       AND NOT EXISTS (SELECT
                         FROM subscription_secret k
                        WHERE k.tenant_id = $1 AND k.subscription_id = $3 AND k.id <> $4 AND k.expires_at IS NULL) THEN
        code := 'conflict';
        body := fault('', 'It is the only secret that does not expire: create another one first.');
        RETURN;
    END IF;
    DELETE FROM subscription_secret k WHERE k.tenant_id = $1 AND k.subscription_id = $3 AND k.id = $4;
    PERFORM delivery_stop($1, ARRAY[$3]); -- what has not begun is signed anew
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'subscription_secret.deleted', $3::text, json_build_object('secret_id', $4));
    code := '';
END
$$;
