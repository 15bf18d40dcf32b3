-- Publishing. One statement stores a whole batch of events, of any tenants: the API gathers what
-- came in while the last batch was in flight. Role: hookline_ingest. See docs/adr/0004.

-- name: ingest_events
-- The kinds of the batch, each once: $1 tenant_id uuid[], $2 event_type text[], $3 company's external_id text[].
-- The events: $4 the place of the kind, from 1, integer[], $5 id uuid[], $6 external_id text[], $7 occurred_at text[],
-- $8 payload text[], $9 traceparent text[]. $10 notify boolean: wake the workers.
-- One row per event, in order: code ('', unknown_company, unknown_event_type, tenant_moving: it is not in this cell), id,
-- is_duplicate.
-- Where a kind goes is looked up once, whatever the number of its events: who publishes many, publishes many alike. What the
-- statement itself has made is joined by hash (HK_DB_INGEST_OPTIONS).
-- A batch pays for each node of the plan, and each column of it, before its first event: what a kind or an event has is looked up
-- by its place in the array, and what only `event` needs is read from there at last.
WITH kind AS MATERIALIZED (
    SELECT u.place, u.tenant_id, c.id AS company_id, t.patterns, t.enrichable,
           CASE WHEN (SELECT true FROM tenant_away a WHERE a.tenant_id = u.tenant_id) THEN 'tenant_moving'
                WHEN c.id IS NULL THEN 'unknown_company'
                WHEN t.patterns IS NULL THEN 'unknown_event_type'
           END AS fault
      FROM (SELECT generate_subscripts($1::uuid[], 1) AS place, unnest($1::uuid[]) AS tenant_id,
                   unnest($2::text[]) AS event_type, unnest($3::text[]) AS company) u
      LEFT JOIN LATERAL (SELECT x.id
                           FROM company x
                          WHERE x.tenant_id = u.tenant_id AND x.external_id = u.company AND x.state = 'active'
                         OFFSET 0) c ON true
      LEFT JOIN LATERAL (SELECT x.patterns, x.enrichable
                           FROM event_type x
                          WHERE x.tenant_id = u.tenant_id AND x.name = u.event_type
                         OFFSET 0) t ON true
), route AS MATERIALIZED (
    -- Where an event of the kind goes. A held subscription's become due as well: it is the worker that holds them
    -- (record.sql), because it locks the subscription, which publishing never does, and so cannot miss that it is being
    -- resumed. What has to wait in a lane goes there at once; what does not know yet, claims move.
    SELECT k.place AS kind, s.id AS subscription_id, c.id AS connection_id,
           CASE WHEN k.enrichable THEN c.values_version END AS values_version,
           greatest(now(), s.active_from) AS due_at,
           (SELECT x.is_busy FROM lane x WHERE x.tenant_id = k.tenant_id AND x.subscription_id = s.id) IS TRUE AS laned,
           s.filter,
           CASE WHEN NOT k.patterns && s.event_types THEN 'type_not_selected'
                WHEN c.state <> 'active' THEN 'connection_' || c.state
                WHEN s.state NOT IN ('active', 'held') THEN 'subscription_' || s.state
           END AS reason
      FROM kind k
     CROSS JOIN LATERAL (SELECT x.id, x.app_id, x.state, x.values_version
                           FROM connection x
                          WHERE x.tenant_id = k.tenant_id AND x.company_id = k.company_id AND x.state <> 'disconnected'
                         OFFSET 0) c
     CROSS JOIN LATERAL (SELECT x.id, x.state, x.event_types, x.filter, x.active_from
                           FROM subscription x
                          WHERE x.tenant_id = k.tenant_id AND x.app_id = c.app_id AND x.kind = 'delivery' AND x.state <> 'archived'
                         OFFSET 0) s
     WHERE k.fault IS NULL
), given AS MATERIALIZED (
    -- Scanned, `kind` is in the order of its places, from 1: it is the array's. No company: nothing of the event is stored.
    SELECT g.n, g.kind, g.id, g.external_id, ($1::uuid[])[g.kind] AS tenant_id,
           (ARRAY(SELECT CASE WHEN k.fault IS NULL THEN k.company_id END FROM kind k))[g.kind] AS company_id
      FROM (SELECT generate_subscripts($4::integer[], 1) AS n, unnest($4::integer[]) AS kind, unnest($5::uuid[]) AS id,
                   unnest($6::text[]) AS external_id) g
), keyed AS (
    -- The update makes the row that is there already come back, even when a concurrent transaction has
    -- just made it, and counts: who asks why nothing new came sees that it was published before. The order of
    -- keys keeps two batches from a deadlock.
    INSERT INTO event_key AS k (tenant_id, external_id, event_id)
    SELECT DISTINCT ON (g.tenant_id, g.external_id) g.tenant_id, g.external_id, g.id
      FROM given g
     WHERE g.company_id IS NOT NULL AND g.external_id IS NOT NULL
     ORDER BY g.tenant_id, g.external_id, g.n
        ON CONFLICT (tenant_id, external_id) DO UPDATE
       SET event_id = k.event_id, n_repeats = coalesce(k.n_repeats, 0) + 1, repeated_at = uuid_v7_time(excluded.event_id)
    RETURNING k.tenant_id, k.external_id, k.event_id
), judged AS MATERIALIZED (
    SELECT g.*, k.event_id AS first_id, (k.event_id <> g.id) IS TRUE AS is_duplicate
      FROM given g
      LEFT JOIN keyed k ON k.tenant_id = g.tenant_id AND k.external_id = g.external_id
), stored AS (
    INSERT INTO event (tenant_id, id, event_type, company_id, external_id, occurred_at, payload, traceparent)
    SELECT j.tenant_id, j.id, ($2::text[])[j.kind], j.company_id, j.external_id, ($7::text[])[j.n], ($8::text[])[j.n],
           ($9::text[])[j.n]
      FROM judged j
     WHERE j.company_id IS NOT NULL AND NOT j.is_duplicate
), document AS MATERIALIZED (
    -- Parsed once an event, and only when a filter is to see it.
    SELECT j.id AS event_id, filter_document(($8::text[])[j.n]) AS payload
      FROM judged j
     WHERE j.company_id IS NOT NULL AND NOT j.is_duplicate
       AND j.kind = ANY (ARRAY(SELECT r.kind FROM route r WHERE r.reason IS NULL AND r.filter IS NOT NULL))
), matched AS MATERIALIZED (
    SELECT j.tenant_id, j.id AS event_id, r.subscription_id, r.connection_id, r.values_version,
           message_id(j.id, r.subscription_id) AS message_id, r.due_at, r.laned,
           CASE WHEN r.reason IS NULL AND r.filter IS NOT NULL
                THEN filter_skip_reason(r.filter, (SELECT d.payload FROM document d WHERE d.event_id = j.id))
                ELSE r.reason END AS reason
      FROM judged j
      JOIN route r ON r.kind = j.kind
     WHERE j.company_id IS NOT NULL AND NOT j.is_duplicate
), made AS (
    INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, values_version)
    SELECT m.tenant_id, m.message_id, m.event_id, m.subscription_id, m.connection_id, m.values_version
      FROM matched m
     WHERE m.reason IS NULL
), queued AS (
    INSERT INTO queue (tenant_id, subscription_id, message_id, due_at, laned)
    SELECT m.tenant_id, m.subscription_id, m.message_id, m.due_at, m.laned
      FROM matched m
     WHERE m.reason IS NULL
), skipped AS (
    INSERT INTO skip (tenant_id, event_id, subscription_id, connection_id, reason)
    SELECT m.tenant_id, m.event_id, m.subscription_id, m.connection_id, m.reason
      FROM matched m
     WHERE m.reason IS NOT NULL
)
SELECT CASE WHEN j.company_id IS NULL THEN (ARRAY(SELECT k.fault FROM kind k))[j.kind] ELSE '' END AS code,
       coalesce(j.first_id, j.id)          AS id,
       j.is_duplicate,
       (SELECT pg_notify('hookline_due', '')
         WHERE $10::boolean AND EXISTS (SELECT FROM matched m WHERE m.reason IS NULL)) AS notified
  FROM judged j
 ORDER BY j.n;

-- name: queue_age
-- One row: milliseconds by which the oldest due message is late; 0 when none is. Held ones, due at
-- infinity, are never late, and what waits in a lane is no reason to stop everybody's publishing.
SELECT coalesce((SELECT floor(extract(epoch FROM now() - q.due_at) * 1000)::bigint
                   FROM queue q
                  WHERE q.due_at <= now() AND NOT q.laned
                  ORDER BY q.due_at
                  LIMIT 1), 0) AS age_ms;
