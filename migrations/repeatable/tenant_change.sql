-- Changes of tenants. The statements are in api/resources/tenants.sql.

-- Stops the active subscriptions of a tenant, all of them or those with http:// URLs, as
-- subscription_stop() does one: what waits is held, unless it is cancelled anyway. Returns how many messages were at
-- once: a thousand, whatever they belong to.
DROP FUNCTION IF EXISTS tenant_stop(uuid, text, text, boolean);
CREATE OR REPLACE FUNCTION tenant_stop(tenant_id uuid, new_state text, reason text, only_http boolean, is_held boolean)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    ids    uuid[];
    id     uuid;
    n_held integer := 0;
BEGIN
    ids := ARRAY(SELECT s.id
                   FROM subscription s
                  WHERE s.tenant_id = $1 AND s.state = 'active' AND (NOT $4 OR s.url ILIKE 'http:%')
                  ORDER BY s.id
                    FOR NO KEY UPDATE);
    UPDATE subscription s SET state = $2, state_reason = $3, state_changed_at = now(), updated_at = now()
     WHERE s.tenant_id = $1 AND s.id = ANY (ids);
    IF $5 THEN
        FOREACH id IN ARRAY ids LOOP
            n_held := n_held + queue_change_begin($1, id, 'state', NULL, NULL, NULL, NULL, 1000 - n_held);
        END LOOP;
    END IF;
    PERFORM delivery_stop($1, ids);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1, CASE s.kind WHEN 'flow' THEN 'flow.' ELSE 'subscription.' END || $2, s.id::text, json_build_object('reason', $3)
      FROM subscription s
     WHERE s.tenant_id = $1 AND s.id = ANY (ids);
    RETURN n_held;
END
$$;

-- Takes back what tenant_stop() did to all subscriptions. Returns how many messages were released at once.
CREATE OR REPLACE FUNCTION tenant_resume(tenant_id uuid, reason text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    ids        uuid[];
    id         uuid;
    n_released integer := 0;
BEGIN
    ids := ARRAY(SELECT s.id
                   FROM subscription s
                  WHERE s.tenant_id = $1 AND s.state = 'held' AND s.state_reason = $2
                  ORDER BY s.id
                    FOR NO KEY UPDATE);
    UPDATE subscription s
       SET state = CASE WHEN subscription_is_unverified(s) THEN 'pending' ELSE 'active' END,
           state_reason = CASE WHEN subscription_is_unverified(s) THEN 'not_verified' END,
           state_changed_at = now(), updated_at = now()
     WHERE s.tenant_id = $1 AND s.id = ANY (ids);
    DELETE FROM subscription_health h WHERE h.tenant_id = $1 AND h.subscription_id = ANY (ids);
    ids := ARRAY(SELECT s.id FROM subscription s WHERE s.tenant_id = $1 AND s.id = ANY (ids) AND s.state = 'active' ORDER BY s.id);
    FOREACH id IN ARRAY ids LOOP -- waits for steps that are under way while it holds no lane
        PERFORM queue_change_begin($1, id, 'state', NULL, NULL, NULL, NULL, 0);
    END LOOP;
    FOREACH id IN ARRAY ids LOOP
        n_released := n_released + queue_change_begin($1, id, 'state', NULL, NULL, NULL, NULL, 1000 - n_released);
    END LOOP;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1, CASE s.kind WHEN 'flow' THEN 'flow.resumed' ELSE 'subscription.resumed' END, s.id::text,
           json_build_object('reason', $2)
      FROM subscription s
     WHERE s.tenant_id = $1 AND s.id = ANY (ids);
    PERFORM pg_notify('hookline_due', '');
    RETURN n_released;
END
$$;

-- The tenant's row, held until the transaction ends; all NULL when it is none, or the installation.
CREATE OR REPLACE FUNCTION tenant_lock(tenant_id uuid) RETURNS tenant LANGUAGE sql AS $$
    SELECT t.* FROM tenant t WHERE t.tenant_id = $1 AND t.tenant_id <> installation_id() FOR NO KEY UPDATE
$$;

-- The same, shared: the tenant stays as it is until the transaction ends. Who makes a subscription active
-- begins with this, before it holds anything that tenant_stop() wants.
CREATE OR REPLACE FUNCTION tenant_share(tenant_id uuid) RETURNS tenant LANGUAGE sql AS $$
    SELECT t.* FROM tenant t WHERE t.tenant_id = $1 FOR SHARE
$$;

-- Tells the tenant's subscriptions what they may reach: who claims a message reads it there. Locks them in the order in
-- which tenant_stop() does; no updated_at: nothing of it is shown.
CREATE OR REPLACE FUNCTION tenant_spread_egress(t tenant) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM subscription s WHERE s.tenant_id = ($1).tenant_id ORDER BY s.id FOR NO KEY UPDATE;
    UPDATE subscription s
       SET allows_http = ($1).allow_http, allowed_networks = array_to_string(($1).allowed_networks, ',')
     WHERE s.tenant_id = ($1).tenant_id;
END
$$;

-- Changes a tenant by a merge patch. Which members the caller may give, the route's table knows.
CREATE OR REPLACE FUNCTION tenant_update(tenant_id uuid, given json, if_match text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    before tenant;
    after  tenant;
    quotas json := coalesce($2 -> 'quotas', '{}');
    detail json := $2;
BEGIN
    before := tenant_lock($1);
    IF before.tenant_id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($3, tenant_json(before)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    code := '';
    body := tenant_json(before)::text;
    IF NOT json_has_members($2) THEN
        RETURN;
    END IF;
    IF $2 ->> 'operational_app_id' IS NOT NULL
       AND NOT EXISTS (SELECT FROM app a
                        WHERE a.tenant_id = $1 AND a.id = ($2 ->> 'operational_app_id')::uuid AND a.state = 'active') THEN
        code := 'invalid_body';
        body := fault('/operational_app_id', 'There is no active app of this id.');
        RETURN;
    END IF;
    IF $2 ->> 'state' <> 'archived' AND before.state = 'archived' AND queue_is_cancelling($1, NULL) THEN
        code := 'conflict';
        body := fault('/state', 'What the tenant had waiting is still being cancelled: ask again in a moment.');
        RETURN;
    END IF;

    IF retention_faults(before, $2) IS NOT NULL THEN
        code := 'invalid_body';
        body := retention_faults(before, $2);
        RETURN;
    END IF;

    UPDATE tenant t
       SET name = coalesce($2 ->> 'name', t.name),
           allow_http = coalesce(($2 ->> 'allow_http')::boolean, t.allow_http),
           allowed_networks = CASE WHEN $2 -> 'allowed_networks' IS NULL THEN t.allowed_networks
                                   ELSE json_texts($2 -> 'allowed_networks') END,
           state = coalesce($2 ->> 'state', t.state),
           base_url = json_patched($2, 'base_url', t.base_url),
           operational_app_id = json_patched($2, 'operational_app_id', t.operational_app_id::text)::uuid,
           cool_off_s = coalesce(json_patched($2, 'cool_off_s', t.cool_off_s::text)::integer, 0),
           requests_per_second = json_patched($2, 'requests_per_second', t.requests_per_second::text)::integer,
           requests_burst = json_patched($2, 'requests_burst', t.requests_burst::text)::integer,
           quota_apps = json_patched(quotas, 'apps', t.quota_apps::text)::bigint,
           quota_companies = json_patched(quotas, 'companies', t.quota_companies::text)::bigint,
           quota_subscriptions = json_patched(quotas, 'subscriptions', t.quota_subscriptions::text)::bigint,
           retention_payload_days = (retention_merge(t, $2)).retention_payload_days,
           retention_message_days = (retention_merge(t, $2)).retention_message_days,
           retention_attempt_days = (retention_merge(t, $2)).retention_attempt_days,
           retention_max_days = (retention_merge(t, $2)).retention_max_days,
           quota_events_per_day = json_patched(quotas, 'events_per_day', t.quota_events_per_day::text)::bigint,
           updated_at = now()
     WHERE t.tenant_id = $1
    RETURNING t.* INTO after;
    IF (after.allow_http, after.allowed_networks) IS DISTINCT FROM (before.allow_http, before.allowed_networks) THEN
        PERFORM tenant_spread_egress(after);
    END IF;
    IF before.state = 'active' AND after.state <> 'active' THEN
        detail := json_plus(detail, 'held_messages', to_json(tenant_stop($1, 'held', 'tenant_suspended', false, true)));
    ELSIF before.state <> 'active' AND after.state = 'active' THEN
        detail := json_plus(detail, 'released_messages', to_json(tenant_resume($1, 'tenant_suspended')));
    END IF;
    -- After a suspension too: what was forbidden meanwhile was held, and is active only now.
    IF NOT after.allow_http AND (before.allow_http OR before.state <> 'active' AND after.state = 'active') THEN
        detail := json_plus(detail, 'http_messages', to_json(tenant_stop($1, 'paused', 'http_not_allowed', true, true)));
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'tenant.changed', $1::text, detail);
    body := tenant_json(after)::text;
END
$$;

-- Ends a tenant: its keys are refused, nothing of it is sent any more. It is kept, and the state
-- `active` restores it.
CREATE OR REPLACE FUNCTION tenant_archive(tenant_id uuid, OUT code text) LANGUAGE plpgsql AS $$
DECLARE
    held        tenant;
    n_cancelled integer;
BEGIN
    held := tenant_lock($1);
    IF held.tenant_id IS NULL OR held.state = 'archived' THEN
        code := 'not_found';
        RETURN;
    END IF;
    UPDATE tenant t SET state = 'archived', updated_at = now() WHERE t.tenant_id = $1;
    PERFORM tenant_stop($1, 'held', 'tenant_suspended', false, false);
    n_cancelled := queue_cancel($1, ARRAY(SELECT s.id FROM subscription s WHERE s.tenant_id = $1 ORDER BY s.id), NULL,
                                'tenant_archived', 1000);
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'tenant.archived', $1::text, json_build_object('cancelled_messages', n_cancelled));
    code := '';
END
$$;
