-- What waits for a subscription while it is not sent to, whatever the reason. Whoever calls holds the subscription.

-- Holds what waits. What is in flight ends on its own, and worker/record.sql holds it should it have to wait again.
-- Returns how many were held.
CREATE OR REPLACE FUNCTION subscription_hold_queue(tenant_id uuid, subscription_id uuid, reason text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    n_held integer;
BEGIN
    WITH stopped AS (
        UPDATE queue q SET due_at = 'infinity', leased = false, laned = false
         WHERE q.tenant_id = $1 AND q.subscription_id = $2 AND NOT (q.leased AND q.due_at > now())
        RETURNING q.message_id
    )
    UPDATE message m SET status = 'held', status_reason = coalesce(m.status_reason, $3) -- see revoked_reason()
      FROM stopped t
     WHERE m.tenant_id = $1 AND m.id = t.message_id;
    GET DIAGNOSTICS n_held = ROW_COUNT;
    RETURN n_held;
END
$$;

-- Makes what is held due, in the order in which the events were published, and not before `active_from`, the end of
-- the cool-off. Returns how many were held.
CREATE OR REPLACE FUNCTION subscription_release_queue(tenant_id uuid, subscription_id uuid, active_from timestamptz)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    n_released integer;
BEGIN
    WITH waiting AS (
        SELECT q.message_id, row_number() OVER (ORDER BY q.message_id) AS n
          FROM queue q
         WHERE q.tenant_id = $1 AND q.subscription_id = $2 AND q.due_at = 'infinity'
    ), released AS (
        UPDATE queue q SET due_at = greatest(now(), $3) + w.n * interval '1 microsecond'
          FROM waiting w
         WHERE q.tenant_id = $1 AND q.subscription_id = $2 AND q.message_id = w.message_id AND q.due_at = 'infinity'
        RETURNING q.message_id
    )
    UPDATE message m SET status = 'pending', status_reason = revoked_reason(m.status_reason)
      FROM released t
     WHERE m.tenant_id = $1 AND m.id = t.message_id;
    GET DIAGNOSTICS n_released = ROW_COUNT;
    PERFORM pg_notify('hookline_due', '');
    RETURN n_released;
END
$$;
