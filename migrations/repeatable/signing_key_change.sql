-- The installation's signing keys. A key signs only after it has been published for a while, so that whoever
-- caches the published set knows it; the first one of all cannot wait.

CREATE OR REPLACE FUNCTION signing_key_is_published(k signing_key) RETURNS boolean LANGUAGE sql STABLE
RETURN k.state IN ('next', 'signing') OR (k.state = 'retired' AND k.retired_at > now() - interval '2 hours');

-- The public JSON form. A retired key stays published for 2 hours: the longest token lives for one.
CREATE OR REPLACE FUNCTION signing_key_json(k signing_key) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('kid', k.kid, 'algorithm', 'ES256', 'state',
                             CASE WHEN signing_key_is_published(k) THEN k.state ELSE 'removed' END,
                             'created_at', k.created_at, 'signing_at', k.signing_at, 'retired_at', k.retired_at)
$$;

CREATE OR REPLACE FUNCTION signing_key_insert(tenant_id uuid, pair json, state text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO signing_key (tenant_id, kid, state, x, y, public_key, private_key, signing_at)
    VALUES ($1, $2 ->> 'kid', $3, $2 ->> 'x', $2 ->> 'y', $2 ->> 'public_key', $2 ->> 'private_key',
            CASE WHEN $3 = 'signing' THEN now() END)
$$;

-- The first two keys, unless another process has just made them.
CREATE OR REPLACE FUNCTION signing_keys_first(tenant_id uuid, first json, second json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM tenant t WHERE t.tenant_id = $1 FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM signing_key k WHERE k.tenant_id = $1 AND k.state = 'signing') THEN
        RETURN;
    END IF;
    PERFORM signing_key_insert($1, $2, 'signing');
    PERFORM signing_key_insert($1, $3, 'next');
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'signing_key.created', $2 ->> 'kid', json_build_object('next', $3 ->> 'kid'));
END
$$;

-- The next key signs from now on, the one before is retired (or removed at once, when it has leaked), and
-- the pair that is given is the next.
CREATE OR REPLACE FUNCTION signing_keys_rotate(tenant_id uuid, given json, pair json, spare json) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    is_leaked boolean := coalesce((given ->> 'remove_previous')::boolean, false);
BEGIN
    PERFORM FROM tenant t WHERE t.tenant_id = $1 FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM signing_key k WHERE k.tenant_id = $1 AND k.state = 'signing') THEN
        PERFORM signing_keys_first($1, $3, $4);
    ELSE
        UPDATE signing_key k
           SET state = CASE WHEN is_leaked THEN 'removed' ELSE 'retired' END, private_key = NULL, retired_at = now()
         WHERE k.tenant_id = $1 AND k.state = 'signing';
        UPDATE signing_key k SET state = 'signing', signing_at = now() WHERE k.tenant_id = $1 AND k.state = 'next';
        PERFORM signing_key_insert($1, $3, 'next');
        DELETE FROM signing_key k WHERE k.tenant_id = $1 AND k.retired_at < now() - interval '30 days';
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        SELECT $1, 'signing_key.rotated', k.kid, json_build_object('remove_previous', is_leaked)
          FROM signing_key k
         WHERE k.tenant_id = $1 AND k.state = 'signing';
    END IF;
    RETURN (SELECT signing_key_json(k) FROM signing_key k WHERE k.tenant_id = $1 AND k.state = 'signing');
END
$$;
