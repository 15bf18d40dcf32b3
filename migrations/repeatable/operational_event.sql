-- Operational events: what happens to subscriptions and messages themselves, told to subscriptions of the app that
-- they belong to and of the tenant's operational app, as any event is. Callers hold what they tell of.

-- Their types, which no catalogue has: the names below "hookline." are reserved.
CREATE OR REPLACE FUNCTION operational_event_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['hookline.message.failed', 'hookline.subscription.disabled', 'hookline.subscription.failing',
             'hookline.subscription.unsubscribed'];

-- Who has selected the type, by name or by "hookline.*": "*" means the tenant's catalogue. Never the
-- subscription that it is about.
CREATE OR REPLACE FUNCTION operational_listeners(tenant_id uuid, app_id uuid, event_type text, about uuid)
RETURNS SETOF subscription LANGUAGE sql STABLE AS $$
    SELECT s.*
      FROM subscription s
     WHERE s.tenant_id = $1 AND s.kind = 'delivery' AND s.state <> 'archived' AND s.id <> $4
       AND s.app_id = ANY (ARRAY[$2, (SELECT t.operational_app_id FROM tenant t WHERE t.tenant_id = $1)])
       AND s.event_types && array_remove(event_type_patterns($3), '*')
$$;

-- Makes the event, its messages and skips, all in the caller's transaction; nothing when nobody listens.
-- `payload` names the subscription that it is about. Returns how many messages there are.
CREATE OR REPLACE FUNCTION operational_event(tenant_id uuid, app_id uuid, event_type text, payload json) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    about      uuid := ($4 ->> 'subscription_id')::uuid;
    new_id     uuid;
    n_messages integer;
BEGIN
    IF NOT EXISTS (SELECT FROM operational_listeners($1, $2, $3, about)) THEN
        RETURN 0;
    END IF;
    INSERT INTO event AS e (tenant_id, id, event_type, payload)
    VALUES ($1, uuid_v7(), $3, $4::text)
    RETURNING e.id INTO new_id;
    WITH matched AS MATERIALIZED (
        SELECT l.id AS subscription_id, l.active_from, message_id(new_id, l.id) AS message_id,
               CASE WHEN l.state NOT IN ('active', 'held') THEN 'subscription_' || l.state
                    WHEN l.filter IS NOT NULL THEN filter_skip_reason(l.filter, filter_document($4::text)) END AS reason
          FROM operational_listeners($1, $2, $3, about) l
    ), made AS (
        INSERT INTO message (tenant_id, id, event_id, subscription_id)
        SELECT $1, m.message_id, new_id, m.subscription_id FROM matched m WHERE m.reason IS NULL
    ), queued AS (
        INSERT INTO queue AS q (tenant_id, subscription_id, message_id, due_at)
        SELECT $1, m.subscription_id, m.message_id, greatest(now(), m.active_from) FROM matched m WHERE m.reason IS NULL
        RETURNING q.message_id
    ), skipped AS (
        INSERT INTO skip (tenant_id, event_id, subscription_id, reason)
        SELECT $1, new_id, m.subscription_id, m.reason FROM matched m WHERE m.reason IS NOT NULL
    )
    SELECT count(*) INTO n_messages FROM queued;
    PERFORM pg_notify('hookline_due', '');
    RETURN n_messages;
END
$$;

-- A subscription has stopped: by the receiver's answer, or by its health.
CREATE OR REPLACE FUNCTION operational_stop(tenant_id uuid, subscription_id uuid, new_state text, reason text) RETURNS integer
LANGUAGE sql AS $$
    SELECT operational_event($1, s.app_id, 'hookline.subscription.' || $3,
                             json_build_object('subscription_id', $2, 'app_id', s.app_id, 'state', $3, 'reason', $4,
                                               'by', CASE $4 WHEN 'disabled_by_health' THEN 'health' ELSE 'receiver' END))
      FROM subscription s
     WHERE s.tenant_id = $1 AND s.id = $2
$$;

-- Takes one of a subscription's 100 reports an hour, or none: false. A list shows all that has failed.
CREATE OR REPLACE FUNCTION operational_take(tenant_id uuid, subscription_id uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    name text := 'failed:' || $2;
BEGIN
    INSERT INTO rate_bucket (tenant_id, bucket, tokens, refilled_at) VALUES ($1, name, 100, clock_timestamp())
        ON CONFLICT DO NOTHING;
    UPDATE rate_bucket b
       SET tokens = r.tokens - 1, refilled_at = clock_timestamp()
      FROM (SELECT least(100, x.tokens + extract(epoch FROM clock_timestamp() - x.refilled_at) / 36) AS tokens
              FROM rate_bucket x
             WHERE x.tenant_id = $1 AND x.bucket = name
               FOR NO KEY UPDATE) r
     WHERE b.tenant_id = $1 AND b.bucket = name AND r.tokens >= 1;
    RETURN FOUND;
END
$$;

-- Messages of a subscription have failed for good: [{"message_id", "reason", "attempts"}]. Not told of those
-- that carry operational events themselves. Returns how many were told of.
CREATE OR REPLACE FUNCTION operational_failures(tenant_id uuid, subscription_id uuid, failures json) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    owner_id uuid := (SELECT s.app_id FROM subscription s WHERE s.tenant_id = $1 AND s.id = $2);
    failed   record;
    n_told   integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM operational_listeners($1, owner_id, 'hookline.message.failed', $2)) THEN
        RETURN 0;
    END IF;
    FOR failed IN
        SELECT m.id, m.event_id, e.event_type, g.f ->> 'reason' AS reason, (g.f ->> 'attempts')::integer AS attempts
          FROM json_array_elements($3) AS g (f)
          JOIN message m ON m.tenant_id = $1 AND m.id = (g.f ->> 'message_id')::uuid AND m.subscription_id = $2
          JOIN event e ON e.tenant_id = $1 AND e.id = m.event_id
         WHERE m.connection_id IS NOT NULL
    LOOP
        EXIT WHEN NOT operational_take($1, $2);
        n_told := n_told + operational_event(
            $1, owner_id, 'hookline.message.failed',
            json_build_object('message_id', failed.id, 'event_id', failed.event_id, 'event_type', failed.event_type,
                              'subscription_id', $2, 'app_id', owner_id, 'reason', failed.reason,
                              'attempts', failed.attempts));
    END LOOP;
    RETURN n_told;
END
$$;
