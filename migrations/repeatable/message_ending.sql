-- What says of a message that waits that it is to be cancelled: before a worker has got to it, too.

-- The reason, when it is one for which a message is to be cancelled; NULL when it says why the message is held. One that
-- is in flight carries it, is not tried again, and is cancelled when it comes out of whatever holds it meanwhile.
CREATE OR REPLACE FUNCTION revoked_reason(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN $1 IN ('connection_disconnected', 'tenant_archived', 'backfill_cancelled', 'replay_cancelled', 'payload_expunged',
                     'run_cancelled', 'flow_archived')
            THEN $1 END;

-- Why it is being cancelled with others just now, not all of its subscription: NULL for nearly all.
CREATE OR REPLACE FUNCTION queue_cancel_reason(tenant_id uuid, subscription_id uuid, connection_id uuid, backfill_id uuid)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT c.reason
      FROM queue_change c
     WHERE c.tenant_id = $1 AND c.subscription_id = $2 AND c.kind = 'cancel' AND c.target_id IN (uuid_min(), $3, $4)
     LIMIT 1
$$;

-- Why a subscription that is not active holds or cancels what waits.
CREATE OR REPLACE FUNCTION subscription_stop_reason(s subscription) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE s.state WHEN 'pending' THEN 'subscription_pending' ELSE coalesce(s.state_reason, 'subscription_' || s.state) END
$$;

-- How a message stands, as others see it: what its subscription's state or another change has already decided is shown,
-- though a worker has not got to it yet. What is in flight ends on its own.
CREATE OR REPLACE FUNCTION message_standing(m message)
RETURNS TABLE (status text, reason text, attempts integer, due_at timestamptz, finished_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN w.is_in_flight AND m.status = 'pending' THEN 'sending'
                WHEN w.ending IS NOT NULL THEN 'cancelled'
                WHEN w.holding IS NOT NULL THEN 'held'
                ELSE m.status END,
           CASE WHEN w.is_in_flight THEN m.status_reason ELSE coalesce(w.ending, m.status_reason, w.holding) END,
           coalesce(w.attempts, m.attempts), w.due_at,
           CASE WHEN w.ending IS NOT NULL AND NOT w.is_in_flight THEN w.stopped_at ELSE m.finished_at END
      FROM (SELECT) one
      LEFT JOIN LATERAL (
            SELECT q.attempts, q.due_at, q.leased AND q.due_at > now() AS is_in_flight, s.state_changed_at AS stopped_at,
                   coalesce(revoked_reason(m.status_reason),
                            CASE WHEN s.state IN ('unsubscribed', 'disabled', 'archived') THEN subscription_stop_reason(s) END,
                            queue_cancel_reason(m.tenant_id, m.subscription_id, m.connection_id, m.backfill_id)) AS ending,
                   CASE WHEN s.state <> 'active' THEN subscription_stop_reason(s) END AS holding
              FROM queue q
              JOIN subscription s ON s.tenant_id = q.tenant_id AND s.id = q.subscription_id
             WHERE m.status IN ('pending', 'held') -- else nothing is looked up
               AND q.tenant_id = m.tenant_id AND q.subscription_id = m.subscription_id AND q.message_id = m.id) w ON true
$$;
