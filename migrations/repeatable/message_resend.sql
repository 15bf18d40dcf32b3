-- Sending again what has ended: a new message of the same event to the same subscription, with attempts, a schedule and an
-- end of its own; the one that it repeats stays what it is. See docs/adr/0029-sent-again.md.

-- The id of such a message: it lies among those of its event (message_id_floor()), so that it is listed with them and is
-- kept as long as they are. `by` makes it another one: whoever asks twice with the same gets the same id.
CREATE OR REPLACE FUNCTION resend_id(message_id uuid, by uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(overlay(uuid_send($1)
                      PLACING substring(sha256(uuid_send($1) || uuid_send($2)) FROM 1 FOR 7)
                      FROM 10 FOR 7), 'hex')::uuid;

-- Another message of the same event to the same subscription that has not ended, or has succeeded. By key: a range of
-- the event's few messages.
CREATE OR REPLACE FUNCTION message_sibling(m message, statuses text[]) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT x.id
      FROM message x
     WHERE x.tenant_id = m.tenant_id AND x.id BETWEEN message_id_floor(m.event_id) AND message_id_ceiling(m.event_id)
       AND x.event_id = m.event_id AND x.subscription_id = m.subscription_id AND x.id <> m.id AND x.status = ANY ($2)
     LIMIT 1
$$;

-- Makes them: `new_ids` of `message_ids`, which have ended and belong to the subscription. Whoever calls holds it FOR NO KEY
-- UPDATE, so that nobody else makes one, and has looked at the connections. One that is there already is not made again.
-- With today's values, or with those that they had; under the first one's webhook-id, or their own. None without its
-- payload. Returns how many.
CREATE OR REPLACE FUNCTION message_repeat(target subscription, message_ids uuid[], new_ids uuid[], has_todays_values boolean,
                                          has_own_id boolean, replay_id uuid) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    kept   constant uuid[] := event_share(target.tenant_id, ARRAY(SELECT m.event_id
                                                                     FROM message m
                                                                    WHERE m.tenant_id = target.tenant_id AND m.id = ANY ($2)));
    pulls  constant boolean := target.kind = 'flow' AND EXISTS (SELECT FROM flow f
                                                                WHERE f.tenant_id = target.tenant_id AND f.id = target.id
                                                                  AND f.delivery = 'pull'); -- then no worker may see them
    n_made integer;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT g.n, g.new_id, m.id, m.event_id, m.connection_id, coalesce(m.webhook_id, m.id) AS webhook_id,
               CASE WHEN $4 THEN v.values_version ELSE m.values_version END AS values_version
          FROM unnest($2, $3) WITH ORDINALITY AS g (id, new_id, n)
         CROSS JOIN LATERAL (SELECT x.*
                               FROM message x
                              WHERE x.tenant_id = target.tenant_id AND x.id = g.id AND x.subscription_id = target.id
                             OFFSET 0) m
          LEFT JOIN LATERAL (SELECT c.values_version
                               FROM event e
                               JOIN event_type t ON t.tenant_id = target.tenant_id AND t.name = e.event_type AND t.enrichable
                               JOIN connection c ON c.tenant_id = target.tenant_id AND c.id = m.connection_id
                              WHERE e.tenant_id = target.tenant_id AND e.id = m.event_id AND $4
                             OFFSET 0) v ON true
         WHERE m.event_id = ANY (kept) -- the others' payloads are gone
    ), made AS (
        INSERT INTO message AS m (tenant_id, id, event_id, subscription_id, connection_id, values_version, status,
                                  status_reason, origin, resend_of, webhook_id, replay_id)
        SELECT target.tenant_id, g.new_id, g.event_id, target.id, g.connection_id, g.values_version,
               CASE WHEN target.state <> 'active' THEN 'held' ELSE 'pending' END,
               CASE WHEN target.state <> 'active' THEN 'subscription_' || target.state END,
               'resend', g.id, CASE WHEN NOT $5 THEN g.webhook_id END, $6
          FROM given g
         ORDER BY g.n
            ON CONFLICT DO NOTHING
        RETURNING m.id, m.connection_id, m.values_version
    ), pinned AS (
        UPDATE connection_values v
           SET is_pinned = true
          FROM (SELECT DISTINCT d.connection_id, d.values_version FROM made d WHERE d.values_version IS NOT NULL) d
         WHERE v.tenant_id = target.tenant_id AND v.connection_id = d.connection_id AND v.version = d.values_version
           AND NOT v.is_pinned
    ), queued AS (
        INSERT INTO queue (tenant_id, subscription_id, message_id, due_at, pulled_until)
        SELECT target.tenant_id, target.id, d.id,
               CASE WHEN target.state <> 'active' OR pulls THEN 'infinity'
                    ELSE greatest(now(), target.active_from) + g.n * interval '1 microsecond' END,
               CASE WHEN pulls THEN now() END
          FROM made d
          JOIN given g ON g.new_id = d.id
    ), begun AS (
        -- A run goes by the steps of the flow as it is today, whatever they were when the request came.
        INSERT INTO run (tenant_id, message_id, flow_id, version, step_no)
        SELECT target.tenant_id, d.id, target.id, f.version, 0
          FROM made d
          JOIN flow f ON f.tenant_id = target.tenant_id AND f.id = target.id AND f.delivery = 'steps'
         WHERE target.kind = 'flow'
    )
    SELECT count(*) INTO n_made FROM made;
    IF n_made > 0 THEN
        PERFORM pg_notify('hookline_due', '');
    END IF;
    RETURN n_made;
END
$$;

-- Why a message cannot be sent again, in words; NULL when it can.
CREATE OR REPLACE FUNCTION message_resend_fault(sent message, target subscription) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    connection_state text;
    sibling_id       uuid;
BEGIN
    IF sent.status NOT IN ('succeeded', 'failed', 'cancelled') OR target.state NOT IN ('active', 'paused', 'held') THEN
        RETURN format('The message is %s, its subscription %s.', message_status(sent), target.state);
    END IF;
    -- What a tenant's admin has stopped, nobody sends; what was queued before goes on by itself (BC-06).
    SELECT c.state INTO connection_state
      FROM connection c
     WHERE c.tenant_id = sent.tenant_id AND c.id = sent.connection_id
       FOR SHARE;
    IF connection_state <> 'active' THEN
        RETURN format('The connection of its company is %s.', connection_state);
    END IF;
    sibling_id := message_sibling(sent, '{pending,held}');
    IF sibling_id IS NOT NULL THEN
        RETURN format('It is being sent again already, as message %s.', sibling_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION message_resend(tenant_id uuid, partner text, message_id uuid, given json,
                                          OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    has_todays_values constant boolean := coalesce($4 ->> 'values' = 'current', false);
    has_own_id        constant boolean := coalesce($4 ->> 'webhook_id' = 'new', has_todays_values);
    target  subscription;
    sent    message;
    refused text;
    made_id uuid;
BEGIN
    SELECT s.* INTO target
      FROM message m
      JOIN subscription s ON s.tenant_id = $1 AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE m.tenant_id = $1 AND m.id = $3
       FOR NO KEY UPDATE OF s;
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF has_todays_values AND NOT has_own_id THEN
        code := 'invalid_body';
        body := fault('/webhook_id', 'Other values make another body: it has a webhook-id of its own.');
        RETURN;
    END IF;
    PERFORM event_share($1, ARRAY(SELECT m.event_id FROM message m WHERE m.tenant_id = $1 AND m.id = $3));
    SELECT m.* INTO sent FROM message m WHERE m.tenant_id = $1 AND m.id = $3;
    IF NOT FOUND THEN -- forgotten, this moment
        code := 'not_found';
        RETURN;
    END IF;
    body := payload_fault($1, sent.event_id);
    IF body IS NOT NULL THEN
        code := 'payload_gone';
        RETURN;
    END IF;
    refused := message_resend_fault(sent, target);
    IF refused IS NOT NULL THEN
        code := 'conflict';
        body := fault('', refused);
        RETURN;
    END IF;
    made_id := resend_id($3, uuid_v7());
    PERFORM message_repeat(target, ARRAY[$3], ARRAY[made_id], has_todays_values, has_own_id, NULL);
    SELECT m.* INTO sent FROM message m WHERE m.tenant_id = $1 AND m.id = made_id;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'message.resent', $3::text,
            json_build_object('as', made_id, 'values_version', sent.values_version,
                              'webhook_id', coalesce(sent.webhook_id, made_id)));
    code := '';
    body := message_json(sent)::text;
END
$$;
