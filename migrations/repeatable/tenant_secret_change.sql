-- The secrets that all subscriptions of a tenant share whose profile says so (BK-06). The statements
-- are in api/resources/tenant_secrets.sql.

-- A new one, which signs from now on; those of its kind before it live on for `overlap_s`. At most 10 are live.
DROP FUNCTION IF EXISTS tenant_secret_create(uuid, json, text);
CREATE OR REPLACE FUNCTION tenant_secret_create(tenant_id uuid, given json, secrets json,
                                                OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    overlap_s  integer := coalesce((given ->> 'overlap_s')::integer, 86400);
    kind       text := coalesce(given ->> 'kind', 'v1');
    public_key text := secrets -> kind ->> 'public_key';
    created_at timestamptz;
BEGIN
    PERFORM FROM tenant t WHERE t.tenant_id = $1 FOR NO KEY UPDATE; -- one at a time: they are counted
    IF overlap_s > 0 AND (SELECT count(*) FROM tenant_secret k
                           WHERE k.tenant_id = $1 AND (k.expires_at IS NULL OR k.expires_at > now())) >= 10 THEN
        code := 'conflict';
        body := fault('', 'The tenant has 10 live secrets, which is the most.');
        RETURN;
    END IF;
    UPDATE tenant_secret k SET expires_at = least(k.expires_at, now() + overlap_s * interval '1 second')
     WHERE k.tenant_id = $1 AND (k.public_key IS NULL) = (kind = 'v1');
    DELETE FROM tenant_secret k WHERE k.tenant_id = $1 AND k.expires_at <= now();
    INSERT INTO tenant_secret AS k (tenant_id, id, secret, public_key)
    VALUES ($1, (secrets -> kind ->> 'id')::uuid, secrets -> kind ->> 'secret', public_key)
    RETURNING k.id::text, k.created_at INTO new_id, created_at;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'tenant_secret.created', new_id, json_build_object('kind', kind, 'overlap_s', overlap_s));
    code := '';
    body := json_plus(tenant_secret_json(new_id::uuid, public_key, created_at, NULL), 'secret',
                      CASE WHEN kind = 'v1' THEN secrets -> kind -> 'secret' END)::text;
END
$$;
