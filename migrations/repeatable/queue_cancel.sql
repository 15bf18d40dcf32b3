-- Takes the waiting messages of some subscriptions out of the queue: all of them, or those of one
-- connection. Returns how many were cancelled. What is in flight ends on its own and is not tried
-- again: a stopped subscription tells the worker, or else the reason, on a message that is pending.
CREATE OR REPLACE FUNCTION queue_cancel(tenant_id uuid, subscription_ids uuid[], connection_id uuid, reason text)
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

    IF $3 IS NOT NULL THEN
        UPDATE message m
           SET status_reason = $4
          FROM queue q
         WHERE q.tenant_id = $1 AND q.subscription_id = ANY ($2)
           AND m.tenant_id = $1 AND m.id = q.message_id AND m.connection_id = $3 AND m.status = 'pending';
    END IF;
    RETURN n_cancelled;
END
$$;
