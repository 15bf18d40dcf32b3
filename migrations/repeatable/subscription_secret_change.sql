-- A subscription's signing secrets: messages are signed with all that are live. The statements are in
-- api/resources/subscription_secrets.sql. Who changes them holds the subscription.

-- A public key is shown whenever one asks; what signs, once, and the private half of a pair not even then.
DROP FUNCTION IF EXISTS subscription_secret_json(uuid, timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION subscription_secret_json(id uuid, public_key text, created_at timestamptz, expires_at timestamptz)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', $1, 'kind', CASE WHEN $2 IS NULL THEN 'v1' ELSE 'v1a' END, 'public_key', $2,
                             'created_at', $3, 'expires_at', $4)
$$;

-- The kinds of secrets that a new subscription gets, by what its profile or itself says of the signature. The first is
-- that of a secret of which nobody says what it is to be.
CREATE OR REPLACE FUNCTION subscription_secret_kinds(s subscription) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE coalesce(s.overrides ->> 'signature', p.signature) WHEN 'standard_v1a' THEN ARRAY['v1a']
                                                                   WHEN 'standard_both' THEN ARRAY['v1', 'v1a']
                                                                   ELSE ARRAY['v1'] END
      FROM profile p
     WHERE p.tenant_id IN (s.tenant_id, installation_id()) AND p.name = s.profile
     ORDER BY p.tenant_id DESC -- the tenant's own first
     LIMIT 1
$$;

-- Stores one of the secrets that api/resources/secrets.h makes and seals. Returns its JSON with the secret as it is
-- stored: the API shows the clear one in its place.
CREATE OR REPLACE FUNCTION subscription_secret_add(tenant_id uuid, subscription_id uuid, made json) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    new_id uuid := ($3 ->> 'id')::uuid;
BEGIN
    INSERT INTO subscription_secret (tenant_id, subscription_id, id, secret, public_key, created_at)
    VALUES ($1, $2, new_id, $3 ->> 'secret', $3 ->> 'public_key', now());
    RETURN json_plus(subscription_secret_json(new_id, $3 ->> 'public_key', now(), NULL), 'secret',
                     CASE WHEN $3 ->> 'public_key' IS NULL THEN $3 -> 'secret' END);
END
$$;

-- A new secret, shown this one time; those of its kind before it live on for `overlap_s`, or as long as they were to.
-- Those of the other kind stay: receivers change over one by one. `secrets`: an imported one, or one of each kind.
DROP FUNCTION IF EXISTS subscription_secret_create(uuid, text, uuid, json, text);
CREATE OR REPLACE FUNCTION subscription_secret_create(tenant_id uuid, partner text, subscription_id uuid, given json,
                                                      secrets json, OUT code text, OUT body text, OUT new_key text)
LANGUAGE plpgsql AS $$
DECLARE
    held    subscription := subscription_lock($1, $2, $3);
    ends_at timestamptz  := now() + coalesce(($4 ->> 'overlap_s')::integer, 86400) * interval '1 second';
    made    json;
    added   json;
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

    made := coalesce($5 -> ($4 ->> 'kind'), $5 -> 'imported', $5 -> (subscription_secret_kinds(held))[1]);
    UPDATE subscription_secret k SET expires_at = ends_at
     WHERE k.tenant_id = $1 AND k.subscription_id = $3 AND coalesce(k.expires_at, 'infinity') > ends_at
       AND (k.public_key IS NULL) = (made ->> 'public_key' IS NULL);
    DELETE FROM subscription_secret k WHERE k.tenant_id = $1 AND k.subscription_id = $3 AND k.expires_at <= now();
    added := subscription_secret_add($1, $3, made);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'subscription_secret.created', $3::text,
            json_build_object('secret_id', added -> 'id', 'kind', added -> 'kind',
                              'is_imported', $4 -> 'secret' IS NOT NULL, 'others_expire_at', ends_at));
    code := '';
    new_key := $3 || '/secrets/' || (added ->> 'id');
    body := added::text;
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
