-- The attempt that a message waits for, now: what waits in the queue is made due, under the lock of its row. It is never a
-- second one: what a worker has leased is left alone. All that holds up other messages holds up this one, too: the
-- cool-off, and its lane's limits, circuit and order.
CREATE OR REPLACE FUNCTION message_retry(tenant_id uuid, partner text, message_id uuid, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    target  subscription;
    waiting queue;
    sent    message;
    refused text;
BEGIN
    SELECT s.* INTO target
      FROM message m
      JOIN subscription s ON s.tenant_id = $1 AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE m.tenant_id = $1 AND m.id = $3
       FOR SHARE OF s;
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    SELECT q.* INTO waiting
      FROM queue q
     WHERE q.tenant_id = $1 AND q.subscription_id = target.id AND q.message_id = $3
       FOR UPDATE; -- waits for a claim, or a record, of it
    SELECT m.* INTO sent FROM message m WHERE m.tenant_id = $1 AND m.id = $3;
    refused := CASE WHEN waiting.message_id IS NULL
                    THEN format('The message has ended, it is %s: POST .../resend sends it again.', sent.status)
                    WHEN revoked_reason(sent.status_reason) IS NOT NULL
                    THEN format('The message is being cancelled: %s.', sent.status_reason)
                    WHEN waiting.leased AND waiting.due_at > clock_timestamp() THEN 'The message is being sent.'
                    WHEN target.state <> 'active' THEN format('The subscription is %s.', target.state)
                    WHEN waiting.due_at = 'infinity' THEN 'The message is held: its subscription has just been resumed.' END;
    IF refused IS NOT NULL THEN
        code := 'conflict';
        body := fault('', refused);
        RETURN;
    END IF;
    IF waiting.due_at > greatest(now(), target.active_from) THEN
        UPDATE queue q
           SET due_at = greatest(now(), target.active_from)
         WHERE q.tenant_id = $1 AND q.subscription_id = target.id AND q.message_id = $3;
        IF waiting.laned THEN
            PERFORM lane_wake($1, target.id, false);
        END IF;
        PERFORM pg_notify('hookline_due', '');
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'message.retried', $3::text, json_build_object('was_due_at', waiting.due_at));
    code := '';
    body := json_plus(message_json(sent), 'delivery', delivery_json(target))::text;
END
$$;
