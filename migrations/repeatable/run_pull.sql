-- What consumers of a pull flow do with its runs. A receipt is "<run>.<fence>": of what was given out again, or answered, it is
-- stale. queue.schedule_from counts how often a run was given out. The statements are in api/resources/receive.sql.

-- The flow; all NULL when there is none, or the caller may not see it.
CREATE OR REPLACE FUNCTION pull_flow(tenant_id uuid, partner text, flow_id uuid) RETURNS flow LANGUAGE sql STABLE AS $$
    SELECT f.*
      FROM flow f
      JOIN app a ON a.tenant_id = $1 AND a.id = f.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE f.tenant_id = $1 AND f.id = $3
$$;

-- Why nothing can be received; NULL when it can.
CREATE OR REPLACE FUNCTION pull_fault(f flow) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN f.state = 'archived' THEN fault('', 'The flow is archived.')
                WHEN f.delivery <> 'pull' THEN fault('', 'The flow has steps: workers carry them out.')
                WHEN (SELECT s.state FROM subscription s WHERE s.tenant_id = f.tenant_id AND s.id = f.id) <> 'active'
                THEN fault('', 'The tenant is not active.') END
$$;

-- Fails these runs, which were given out as often as they may be.
CREATE OR REPLACE FUNCTION pull_give_up(f flow, ids uuid[]) RETURNS void LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM queue q
         WHERE q.tenant_id = f.tenant_id AND q.subscription_id = f.id AND q.message_id = ANY ($2)
        RETURNING q.message_id, q.attempts
    )
    UPDATE message m
       SET status = 'failed', status_reason = 'receives_exhausted', attempts = g.attempts, finished_at = now()
      FROM gone g
     WHERE m.tenant_id = f.tenant_id AND m.id = g.message_id
$$;

-- One run as a consumer gets it. The body is JSON where it is, text where it is said to be and is, else base64.
CREATE OR REPLACE FUNCTION received_json(f flow, q queue, e event) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('receipt', q.message_id || '.' || q.fence, 'run_id', q.message_id, 'event_id', e.id,
                             'receives', q.schedule_from, 'received_at', uuid_v7_time(e.id), 'until', q.pulled_until,
                             'request', request_json(e, f.credential, false),
                             'body_encoding', CASE WHEN e.body IS NULL THEN 'json' WHEN t.said IS NOT NULL THEN 'text'
                                                   ELSE 'base64' END,
                             'body', CASE WHEN e.body IS NULL THEN e.payload::json
                                          ELSE to_json(coalesce(t.said, translate(encode(e.body, 'base64'), E'\n', ''))) END)
      FROM (SELECT CASE WHEN e.request ->> 'content_type' ~* '^(text/|application/(x-www-form-urlencoded|xml)|[^;]*\+xml)'
                        THEN text_of_bytes(e.body, false) END) AS t (said)
$$;

-- Leases up to "max" runs for "lease_seconds", the longest waiting first; no more than 4 MiB of bodies, one at least. `n`: how many.
CREATE OR REPLACE FUNCTION flow_receive(tenant_id uuid, partner text, flow_id uuid, given json, OUT code text, OUT body text,
                                        OUT n integer)
LANGUAGE plpgsql AS $$
DECLARE
    held  flow := pull_flow($1, $2, $3);
    taken uuid[];
    spent uuid[];
BEGIN
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    body := pull_fault(held);
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;
    SELECT array_agg(w.message_id) FILTER (WHERE NOT w.is_spent AND (w.n = 1 OR w.n_bytes <= 4194304)),
           array_agg(w.message_id) FILTER (WHERE w.is_spent)
      INTO taken, spent
      FROM (SELECT c.message_id, c.is_spent, row_number() OVER (PARTITION BY c.is_spent ORDER BY c.pulled_until, c.message_id) AS n,
                   sum(e.n_bytes) OVER (PARTITION BY c.is_spent ORDER BY c.pulled_until, c.message_id) AS n_bytes
              FROM (SELECT q.message_id, q.pulled_until, q.schedule_from >= held.max_receives IS TRUE AS is_spent
                      FROM queue q
                     WHERE q.tenant_id = $1 AND q.subscription_id = $3 AND q.pulled_until <= now()
                     ORDER BY q.pulled_until, q.message_id
                     LIMIT coalesce(($4 ->> 'max')::integer, 10)
                       FOR UPDATE SKIP LOCKED) c
             CROSS JOIN LATERAL (SELECT octet_length(x.payload) + coalesce(octet_length(x.body), 0) AS n_bytes
                                   FROM message m
                                   JOIN event x ON x.tenant_id = $1 AND x.id = m.event_id
                                  WHERE m.tenant_id = $1 AND m.id = c.message_id
                                 OFFSET 0) e) w;
    PERFORM pull_give_up(held, spent);
    WITH leased AS (
        UPDATE queue q
           SET pulled_until = now() + coalesce(($4 ->> 'lease_seconds')::integer, 60) * interval '1 second',
               fence = q.fence + 1, schedule_from = q.schedule_from + 1
         WHERE q.tenant_id = $1 AND q.subscription_id = $3 AND q.message_id = ANY (taken)
        RETURNING q AS lease, q.message_id
    )
    SELECT '', json_build_object('data', coalesce(json_agg(received_json(held, l.lease, e.event) ORDER BY g.n), '[]'))::text, count(*)
      INTO code, body, n
      FROM unnest(taken) WITH ORDINALITY AS g (id, n)
      JOIN leased l ON l.message_id = g.id
     CROSS JOIN LATERAL (SELECT x AS event
                           FROM message m
                           JOIN event x ON x.tenant_id = $1 AND x.id = m.event_id
                          WHERE m.tenant_id = $1 AND m.id = g.id
                         OFFSET 0) e;
END
$$;

-- Answers leases: `outcome` succeeded ends their runs, nacked gives them back after so many seconds. Each answer is an attempt.
CREATE OR REPLACE FUNCTION flow_answer_receipts(tenant_id uuid, partner text, flow_id uuid, given json, outcome text,
                                                OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held  flow := pull_flow($1, $2, $3);
    ids   uuid[];
    good  text[]; -- their receipts
    spent uuid[];
BEGIN
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    body := pull_fault(held);
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;
    WITH asked AS (
        SELECT DISTINCT substring(r.receipt FROM '^([0-9a-f-]{36})\.')::uuid AS id,
               substring(r.receipt FROM '\.([0-9]{1,9})$')::integer AS fence
          FROM json_array_elements_text($4 -> 'receipts') r (receipt)
         WHERE r.receipt ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,9}$'
    )
    SELECT coalesce(array_agg(l.message_id), '{}'), coalesce(array_agg(l.message_id || '.' || l.fence), '{}'),
           array_agg(l.message_id) FILTER (WHERE l.schedule_from >= held.max_receives)
      INTO ids, good, spent
      FROM (SELECT q.message_id, q.schedule_from, q.fence
              FROM asked a
              JOIN queue q ON q.tenant_id = $1 AND q.subscription_id = $3 AND q.message_id = a.id AND q.fence = a.fence
                          AND q.pulled_until > now()
             ORDER BY q.message_id
               FOR UPDATE OF q) l;
    INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, duration_us, worker)
    SELECT $1, q.message_id, q.attempts + 1, now(), 'pull:', $5, 0, current_setting('hookline.actor', true)
      FROM queue q
     WHERE q.tenant_id = $1 AND q.subscription_id = $3 AND q.message_id = ANY (ids);
    IF $5 = 'succeeded' THEN
        WITH gone AS (
            DELETE FROM queue q
             WHERE q.tenant_id = $1 AND q.subscription_id = $3 AND q.message_id = ANY (ids)
            RETURNING q.message_id, q.attempts
        )
        UPDATE message m
           SET status = 'succeeded', attempts = g.attempts + 1, finished_at = now()
          FROM gone g
         WHERE m.tenant_id = $1 AND m.id = g.message_id;
    ELSE
        UPDATE queue q
           SET pulled_until = now() + coalesce(($4 ->> 'delay_seconds')::integer, 0) * interval '1 second',
               fence = q.fence + 1, attempts = q.attempts + 1
         WHERE q.tenant_id = $1 AND q.subscription_id = $3 AND q.message_id = ANY (ids);
        PERFORM pull_give_up(held, spent);
    END IF;
    code := '';
    SELECT json_build_object('answered', cardinality(ids),
                             'stale', coalesce(json_agg(r.receipt) FILTER (WHERE r.receipt <> ALL (good)), '[]'))::text
      INTO body
      FROM json_array_elements_text($4 -> 'receipts') r (receipt);
END
$$;
