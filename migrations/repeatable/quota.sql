-- Quotas: how many apps, companies and subscriptions a tenant may have, and how many events it may
-- publish a day. The functions that make and archive those count them in quota_use, in the same
-- transaction, so that no number of concurrent requests gets past a quota.

-- A quota of the tenant; NULL: none. What the operator has not set is the installation's default.
CREATE OR REPLACE FUNCTION tenant_quota(t tenant, kind text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE $2 WHEN 'apps' THEN coalesce(t.quota_apps, 1000)
                   WHEN 'companies' THEN coalesce(t.quota_companies, 1000000)
                   WHEN 'subscriptions' THEN coalesce(t.quota_subscriptions, 10000)
                   WHEN 'events_per_day' THEN t.quota_events_per_day
           END
$$;

-- Counts n more of a kind, in the transaction that makes them; what the quota does not allow ends the
-- transaction (SQLSTATE HKQUO, which lib/db_connection.c knows). Holds the counter's row until the end.
CREATE OR REPLACE FUNCTION quota_take(tenant_id uuid, kind text, n bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quota_use (tenant_id, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING;
    UPDATE quota_use q
       SET used = q.used + $3
      FROM tenant t
     WHERE q.tenant_id = $1 AND q.kind = $2 AND t.tenant_id = $1 AND q.used + $3 <= tenant_quota(t, $2);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'quota of % exceeded', $2 USING ERRCODE = 'HKQUO';
    END IF;
END
$$;

-- n of a kind are gone.
CREATE OR REPLACE FUNCTION quota_give(tenant_id uuid, kind text, n bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE quota_use q SET used = greatest(0, q.used - $3) WHERE q.tenant_id = $1 AND q.kind = $2 AND $3 > 0;
END
$$;

-- Takes up to `wanted` events out of the tenant's quota of today (UTC), for a thread to spend. A thread
-- gets a hundredth of what is left at most, but what it needs now: little is lost with one that ends.
CREATE OR REPLACE FUNCTION quota_lease(tenant_id uuid, per_day bigint, needed bigint, wanted bigint,
                                       OUT granted bigint, OUT shared bigint)
LANGUAGE plpgsql AS $$
DECLARE
    held  quota_use;
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
    LOOP
        SELECT q.* INTO held FROM quota_use q WHERE q.tenant_id = $1 AND q.kind = 'events_per_day' FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO quota_use (tenant_id, kind, day) VALUES ($1, 'events_per_day', today) ON CONFLICT DO NOTHING;
    END LOOP;
    IF held.day < today THEN
        held.used := 0;
    END IF;
    shared := greatest(0, $2 - held.used);
    granted := least($4, shared, greatest($3, shared / 100));
    shared := shared - granted;
    UPDATE quota_use q SET used = held.used + granted, day = greatest(held.day, today)
     WHERE q.tenant_id = $1 AND q.kind = 'events_per_day';
END
$$;

-- {"apps": {"limit", "used"}, ...}; what is leased by a thread counts as used.
CREATE OR REPLACE FUNCTION quotas_json(tenant_id uuid) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_object_agg(k.kind, json_build_object('limit', tenant_quota(t, k.kind), 'used', coalesce(u.used, 0))
                                   ORDER BY k.n)
              FROM tenant t
             CROSS JOIN unnest(ARRAY['apps', 'companies', 'subscriptions', 'events_per_day']) WITH ORDINALITY AS k (kind, n)
              LEFT JOIN quota_use u ON u.tenant_id = $1 AND u.kind = k.kind
                                   AND (u.day IS NULL OR u.day = (now() AT TIME ZONE 'UTC')::date)
             WHERE t.tenant_id = $1);
END
$$;

-- Counts anew, for operators: after a program of an older version has made rows, or a repair by hand.
CREATE OR REPLACE FUNCTION quota_recount(tenant_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    counted record;
BEGIN
    PERFORM FROM quota_use q WHERE q.tenant_id = $1 ORDER BY q.kind FOR NO KEY UPDATE;
    FOR counted IN
        SELECT 'apps' AS kind, count(*) AS used FROM app a WHERE a.tenant_id = $1 AND a.state = 'active'
         UNION ALL
        SELECT 'companies', count(*) FROM company c WHERE c.tenant_id = $1 AND c.state = 'active'
         UNION ALL
        SELECT 'subscriptions', count(*) FROM subscription s
         WHERE s.tenant_id = $1 AND s.kind = 'delivery' AND s.state <> 'archived'
    LOOP
        INSERT INTO quota_use AS q (tenant_id, kind, used) VALUES ($1, counted.kind, counted.used)
            ON CONFLICT ON CONSTRAINT quota_use_pkey DO UPDATE SET used = excluded.used;
    END LOOP;
END
$$;
