-- A run that waits, and the request that it waits for: whichever comes first, they meet. Both take the key's lock before
-- they look for the other, and look with a snapshot of their own: that is why these are plpgsql.
-- See docs/adr/0039-flows.md.

-- Held until the transaction ends. Who takes several takes them in the order of their keys.
CREATE OR REPLACE FUNCTION flow_wait_lock(tenant_id uuid, flow_id uuid, wait_key text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || $1 || $2 || $3, 0))
$$;

-- A request has come at the flow's wait URL: `event_id` is stored in the same transaction. The oldest run that waits for the
-- key goes on; when none does, the signal waits for one.
CREATE OR REPLACE FUNCTION flow_signal_arrive(tenant_id uuid, flow_id uuid, wait_key text, event_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM flow_wait_lock($1, $2, $3);
    INSERT INTO flow_signal (tenant_id, flow_id, wait_key, event_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;
    UPDATE queue q
       SET due_at = now()
     WHERE q.ctid = (SELECT x.queue_ctid
                       FROM run r
                      CROSS JOIN LATERAL (SELECT y.ctid AS queue_ctid
                                            FROM queue y
                                           WHERE y.tenant_id = $1 AND y.subscription_id = $2 AND y.message_id = r.message_id
                                             AND NOT y.leased AND y.due_at > now() AND y.due_at < 'infinity' -- not held
                                          OFFSET 0) x
                      WHERE r.tenant_id = $1 AND r.flow_id = $2 AND r.wait_key = $3
                      ORDER BY r.message_id
                      LIMIT 1)
       AND q.tenant_id = $1 AND NOT q.leased AND q.due_at > now() AND q.due_at < 'infinity';
END
$$;

-- A run begins to wait, or goes on waiting: until when its row of the queue is to wait. NULL: its lease is over, or its flow
-- is not active, or somebody has it: he is not waited for, as others' steps are in the same transaction. Who changes the
-- flow behind this waits for this one. What a signal that comes now looks for is locked in its order: the key, the queue's row.
CREATE OR REPLACE FUNCTION run_wait(tenant_id uuid, flow_id uuid, message_id uuid, version integer, step_no integer,
                                    wait_key text, wait_until timestamptz, fence integer) RETURNS timestamptz
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    until timestamptz;
BEGIN
    PERFORM flow_wait_lock($1, $2, $6);
    PERFORM FROM queue q
      WHERE q.tenant_id = $1 AND q.subscription_id = $2 AND q.message_id = $3 AND q.leased AND q.fence = $8
        FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM subscription s WHERE s.tenant_id = $1 AND s.id = $2 AND s.state = 'active' FOR SHARE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO run AS r (tenant_id, message_id, flow_id, version, step_no, wait_key, wait_until)
    VALUES ($1, $3, $2, $4, $5, $6, $7)
        ON CONFLICT (tenant_id, message_id) DO UPDATE
       SET wait_key = EXCLUDED.wait_key, wait_until = coalesce(r.wait_until, EXCLUDED.wait_until)
    RETURNING r.wait_until INTO until;
    IF EXISTS (SELECT FROM flow_signal s WHERE s.tenant_id = $1 AND s.flow_id = $2 AND s.wait_key = $6)
       OR EXISTS (SELECT FROM message m WHERE m.tenant_id = $1 AND m.id = $3 AND m.status_reason IS NOT NULL) THEN -- cancelled
        RETURN now();
    END IF;
    RETURN until;
END
$$;
