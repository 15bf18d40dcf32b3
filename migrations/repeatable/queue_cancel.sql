-- What takes messages out of the queue that wait in it. What is in flight ends on its own and is not tried again:
-- its subscription that has stopped tells the worker, or else the reason, on a message that is pending. Such a
-- reason outlasts whatever holds the message meanwhile, and cancels it when it comes out of that.

-- The reason, when it is one for which a message is to be cancelled; NULL when it says why the message is held.
CREATE OR REPLACE FUNCTION revoked_reason(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN $1 IN ('connection_disconnected', 'tenant_archived', 'backfill_cancelled', 'replay_cancelled', 'payload_expunged')
            THEN $1 END;

-- Those of some subscriptions that wait: all, or those of one connection. Returns how many.
CREATE OR REPLACE FUNCTION queue_cancel_waiting(tenant_id uuid, subscription_ids uuid[], connection_id uuid, reason text)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    n_cancelled integer;
BEGIN
    WITH taken AS (
        DELETE FROM queue q
         WHERE q.tenant_id = $1 AND q.subscription_id = ANY ($2) AND NOT (q.leased AND q.due_at > now())
           AND ($3 IS NULL OR EXISTS (SELECT FROM message m
                                       WHERE m.tenant_id = $1 AND m.id = q.message_id AND m.connection_id = $3))
        RETURNING q.message_id, q.attempts
    )
    UPDATE message m
       SET status = 'cancelled', status_reason = $4, attempts = t.attempts, finished_at = now()
      FROM taken t
     WHERE m.tenant_id = $1 AND m.id = t.message_id;
    GET DIAGNOSTICS n_cancelled = ROW_COUNT;
    RETURN n_cancelled;
END
$$;

-- All of some subscriptions', which have stopped or whose tenant has; or those of one connection. Returns how many
-- were waiting.
CREATE OR REPLACE FUNCTION queue_cancel(tenant_id uuid, subscription_ids uuid[], connection_id uuid, reason text)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    n_cancelled integer := queue_cancel_waiting($1, $2, $3, $4);
BEGIN
    IF revoked_reason($4) IS NULL THEN
        RETURN n_cancelled;
    END IF;
    -- Waits for workers that are recording; what they have given back by then waits in the queue again.
    UPDATE message m
       SET status_reason = $4
      FROM queue q
     WHERE q.tenant_id = $1 AND q.subscription_id = ANY ($2)
       AND m.tenant_id = $1 AND m.id = q.message_id AND m.status = 'pending' AND ($3 IS NULL OR m.connection_id = $3);
    RETURN n_cancelled + queue_cancel_waiting($1, $2, $3, $4);
END
$$;
