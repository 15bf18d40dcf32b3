-- Erases the payload of one event, for ever: the tenant's admin has been asked to. What of it waits is cancelled; what is in
-- flight ends on its own and is not tried again. What receivers have answered goes, too: it may say the payload again.

-- What the attempts of these events' messages say of what was sent and answered.
CREATE OR REPLACE FUNCTION event_clear_attempts(tenant_id uuid, event_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE attempt a
       SET response_headers = NULL, response_body = NULL, request_headers = NULL, error = NULL, step_value = NULL,
           step_output = NULL
      FROM (SELECT m.id
              FROM unnest($2) AS g (id)
             CROSS JOIN LATERAL (SELECT x.id
                                   FROM message x
                                  WHERE x.tenant_id = $1 AND x.event_id = g.id
                                    AND x.id BETWEEN message_id_floor(g.id) AND message_id_ceiling(g.id)
                                 OFFSET 0) m) d
     WHERE a.tenant_id = $1 AND a.message_id = d.id
       AND num_nonnulls(a.response_headers, a.response_body, a.request_headers, a.error, a.step_value, a.step_output) > 0;
END
$$;

-- Takes the event's messages out of the queue, but for those in flight. Returns how many.
CREATE OR REPLACE FUNCTION event_cancel_waiting(tenant_id uuid, event_id uuid, reason text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    n_cancelled integer;
BEGIN
    WITH taken AS (
        DELETE FROM queue q
         USING message m
         WHERE m.tenant_id = $1 AND m.id BETWEEN message_id_floor($2) AND message_id_ceiling($2) AND m.event_id = $2
           AND q.tenant_id = $1 AND q.subscription_id = m.subscription_id AND q.message_id = m.id
           AND NOT (q.leased AND q.due_at > now())
        RETURNING q.message_id, q.attempts
    )
    UPDATE message m
       SET status = 'cancelled', status_reason = $3, attempts = t.attempts, finished_at = now()
      FROM taken t
     WHERE m.tenant_id = $1 AND m.id = t.message_id;
    GET DIAGNOSTICS n_cancelled = ROW_COUNT;
    RETURN n_cancelled;
END
$$;

CREATE OR REPLACE FUNCTION event_expunge(tenant_id uuid, event_id uuid, given json, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held        event;
    n_cancelled integer;
BEGIN
    SELECT e.* INTO held FROM event e WHERE e.tenant_id = $1 AND e.id = $2 FOR UPDATE; -- see event_share()
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    code := '';
    IF held.payload_state IS DISTINCT FROM 'expunged' THEN
        n_cancelled := event_cancel_waiting($1, $2, 'payload_expunged');
        -- Waits for workers that are recording; what they have given back by then waits in the queue again.
        UPDATE message m
           SET status_reason = 'payload_expunged'
         WHERE m.tenant_id = $1 AND m.id BETWEEN message_id_floor($2) AND message_id_ceiling($2) AND m.event_id = $2
           AND m.status = 'pending';
        n_cancelled := n_cancelled + event_cancel_waiting($1, $2, 'payload_expunged');
        UPDATE event e
           SET payload = 'null', body = NULL, request = NULL, payload_state = 'expunged', payload_gone_at = now()
         WHERE e.tenant_id = $1 AND e.id = $2
        RETURNING e.* INTO held;
        PERFORM event_clear_attempts($1, ARRAY[$2]);
        INSERT INTO retained_event (tenant_id, event_id) VALUES ($1, $2)
            ON CONFLICT ON CONSTRAINT retained_event_pkey DO UPDATE SET looked_at = excluded.looked_at;
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'event.expunged', $2::text,
                json_build_object('reason', $3 ->> 'reason', 'cancelled_messages', n_cancelled));
    END IF;
    body := event_json(held)::text;
END
$$;
