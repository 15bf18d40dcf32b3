-- Sends a message again that has ended, under its own id: from the start of its schedule, with the
-- custom values that it carried or with today's (BC-12). A subscription that is paused or held holds it.
CREATE OR REPLACE FUNCTION message_resend(tenant_id uuid, partner text, message_id uuid, given json,
                                          OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    sent             message;
    target           subscription;
    new_version      integer;
    connection_state text;
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
    SELECT m.* INTO sent FROM message m WHERE m.tenant_id = $1 AND m.id = $3 FOR NO KEY UPDATE;
    IF sent.status NOT IN ('succeeded', 'failed', 'cancelled') OR target.state NOT IN ('active', 'paused', 'held') THEN
        code := 'conflict';
        body := fault('', format('The message is %s, its subscription %s.', sent.status, target.state));
        RETURN;
    END IF;

    -- What a tenant's admin has stopped, nobody sends; what was queued before goes on by itself (BC-06).
    SELECT c.state INTO connection_state FROM connection c WHERE c.tenant_id = $1 AND c.id = sent.connection_id FOR SHARE;
    IF connection_state <> 'active' THEN
        code := 'conflict';
        body := fault('', format('The connection of its company is %s.', connection_state));
        RETURN;
    END IF;

    new_version := sent.values_version;
    IF $4 ->> 'values' = 'current' THEN
        SELECT CASE WHEN t.enrichable THEN c.values_version END INTO new_version
          FROM event e
          JOIN event_type t ON t.tenant_id = $1 AND t.name = e.event_type
          JOIN connection c ON c.tenant_id = $1 AND c.id = sent.connection_id
         WHERE e.tenant_id = $1 AND e.id = sent.event_id;
    END IF;
    IF new_version IS DISTINCT FROM sent.values_version THEN
        UPDATE connection_values v
           SET is_pinned = true
         WHERE v.tenant_id = $1 AND v.connection_id = sent.connection_id AND v.version = new_version;
    END IF;
    INSERT INTO queue (tenant_id, subscription_id, message_id, attempts, schedule_from, due_at)
    VALUES ($1, target.id, $3, sent.attempts, sent.attempts,
            CASE WHEN target.state <> 'active' THEN 'infinity' ELSE greatest(now(), target.active_from) END);
    UPDATE message m
       SET values_version = new_version, finished_at = NULL, origin = 'resend',
           status = CASE WHEN target.state <> 'active' THEN 'held' ELSE 'pending' END,
           status_reason = CASE WHEN target.state <> 'active' THEN 'subscription_' || target.state END
     WHERE m.tenant_id = $1 AND m.id = $3
    RETURNING m.* INTO sent;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'message.resent', $3::text, json_build_object('values_version', new_version));
    PERFORM pg_notify('hookline_due', '');
    code := '';
    body := message_json(sent)::text;
END
$$;
