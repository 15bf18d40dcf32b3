-- Backfills are asked for and cancelled here; the worker carries them out (backfill_step.sql). The statements are
-- in api/resources/backfills.sql.

-- How many a subscription may have under way.
CREATE OR REPLACE FUNCTION backfill_cap() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 20;

-- Makes one; NULL when the subscription has too many under way. To be called when all else is locked: it holds
-- cap_lock(). `event_types`, `company_ids` and `max_events` may be NULL: all of them, and as many as may be.
CREATE OR REPLACE FUNCTION backfill_start(tenant_id uuid, subscription_id uuid, reason text, since timestamptz,
                                          event_types text[], company_ids uuid[], max_events integer, may_predate boolean)
RETURNS backfill LANGUAGE plpgsql AS $$
DECLARE
    made backfill;
BEGIN
    PERFORM cap_lock($1, 'backfill');
    IF (SELECT count(*) FROM backfill b
         WHERE b.tenant_id = $1 AND b.subscription_id = $2 AND b.finished_at IS NULL) >= backfill_cap() THEN
        RETURN NULL;
    END IF;
    INSERT INTO backfill AS b (tenant_id, subscription_id, reason, since, event_types, company_ids, max_events, may_predate)
    VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, 10000), $8)
    RETURNING b.* INTO made;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'backfill.started', made.id::text,
            json_build_object('subscription_id', $2, 'reason', $3, 'since', $4, 'event_types', to_json($5),
                              'companies', cardinality($6), 'max_events', made.max_events));
    RETURN made;
END
$$;

-- What is said when backfill_start() made none. plpgsql, because fault() is created after this file.
CREATE OR REPLACE FUNCTION backfill_cap_fault(pointer text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN fault($1, format('The subscription has %s backfills under way, which is the most.', backfill_cap()));
END
$$;

-- The same as requests ask for it: {"days": 7, "max_events": 100}.
CREATE OR REPLACE FUNCTION backfill_start_asked(tenant_id uuid, subscription_id uuid, reason text, asked json,
                                                event_types text[], company_ids uuid[], may_predate boolean)
RETURNS backfill LANGUAGE sql AS $$
    SELECT backfill_start($1, $2, $3, now() - ($4 ->> 'days')::integer * interval '1 day', $5, $6,
                          ($4 ->> 'max_events')::integer, $7)
$$;

-- What is wrong with a request for one: types that are not there, companies that the app is not connected to.
CREATE OR REPLACE FUNCTION backfill_faults(tenant_id uuid, app_id uuid, given json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT format('/event_types/%s', g.n - 1), format('There is no event type "%s".', g.name)
      FROM json_array_elements_text(coalesce($3 -> 'event_types', '[]')) WITH ORDINALITY AS g (name, n)
     WHERE right(g.name, 1) <> '*' AND NOT EXISTS (SELECT FROM event_type t WHERE t.tenant_id = $1 AND t.name = g.name)
     UNION ALL
    SELECT format('/companies/%s', g.n - 1), 'No company with this external id is connected to the app.'
      FROM json_array_elements_text(coalesce($3 -> 'companies', '[]')) WITH ORDINALITY AS g (external_id, n)
     WHERE NOT EXISTS (SELECT
                         FROM company c
                         JOIN connection x ON x.tenant_id = $1 AND x.company_id = c.id AND x.app_id = $2
                                          AND x.state <> 'disconnected'
                        WHERE c.tenant_id = $1 AND c.external_id = g.external_id)
$$;

CREATE OR REPLACE FUNCTION backfill_create(tenant_id uuid, partner text, subscription_id uuid, given json,
                                           OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    target    subscription;
    companies uuid[];
    made      backfill;
BEGIN
    SELECT s.* INTO target
      FROM subscription s
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE s.tenant_id = $1 AND s.id = $3 AND s.kind = 'delivery';
    IF target.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF target.state NOT IN ('active', 'held', 'paused') THEN
        code := 'conflict';
        body := fault('', format('The subscription is %s.', target.state));
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM (SELECT f.* FROM backfill_faults($1, target.app_id, $4) f LIMIT 100) x HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    IF $4 -> 'companies' IS NOT NULL THEN
        companies := ARRAY(SELECT c.id
                             FROM company c
                            WHERE c.tenant_id = $1 AND c.external_id = ANY (json_texts($4 -> 'companies')));
    END IF;
    made := backfill_start_asked($1, $3, 'requested', $4, json_texts($4 -> 'event_types'), companies, $2 IS NULL);
    IF made.id IS NULL THEN
        code := 'conflict';
        body := backfill_cap_fault('');
        RETURN;
    END IF;
    code := '';
    body := backfill_json(made)::text;
    new_id := made.id::text;
END
$$;

-- Ends one. What it has made goes on, unless `given` says {"messages": true}: then what waits is cancelled, and what
-- is in flight is not tried again (queue_cancel.sql).
CREATE OR REPLACE FUNCTION backfill_cancel(tenant_id uuid, partner text, backfill_id uuid, given json,
                                           OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held        backfill;
    n_cancelled integer := 0;
BEGIN
    SELECT b.* INTO held
      FROM backfill b
      JOIN subscription s ON s.tenant_id = $1 AND s.id = b.subscription_id
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE b.tenant_id = $1 AND b.id = $3
       FOR UPDATE OF b; -- waits for a step that is under way
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF coalesce(($4 ->> 'messages')::boolean, false) THEN
        n_cancelled := backfill_cancel_messages($1, held);
    END IF;
    IF held.finished_at IS NULL THEN
        UPDATE backfill b
           SET state = 'cancelled', state_reason = 'cancelled_on_request', due_at = NULL, finished_at = now()
         WHERE b.tenant_id = $1 AND b.id = $3
        RETURNING b.* INTO held;
    ELSIF n_cancelled = 0 THEN
        code := '';
        body := json_plus(backfill_json(held), 'cancelled_messages', '0')::text;
        RETURN;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'backfill.cancelled', $3::text, json_build_object('cancelled_messages', n_cancelled));
    code := '';
    body := json_plus(backfill_json(held), 'cancelled_messages', to_json(n_cancelled))::text;
END
$$;

-- Cancels what a backfill has made and what has not ended, in steps. Returns how many were at once.
CREATE OR REPLACE FUNCTION backfill_cancel_messages(tenant_id uuid, b backfill) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RETURN queue_cancel($1, ARRAY[b.subscription_id], b.id, 'backfill_cancelled', 1000);
END
$$;

-- No backfill of the app and no replay makes a message until the transaction ends; what was made is there now.
CREATE OR REPLACE FUNCTION backfill_hold(tenant_id uuid, app_id uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM backfill b
       JOIN subscription s ON s.tenant_id = $1 AND s.id = b.subscription_id AND s.app_id = $2
      WHERE b.tenant_id = $1 AND b.finished_at IS NULL
      ORDER BY b.id
        FOR UPDATE OF b;
    PERFORM FROM replay r WHERE r.tenant_id = $1 AND r.finished_at IS NULL ORDER BY r.id FOR UPDATE;
END
$$;
