-- Receiving at the URLs of flows. Both statements are for many requests at once, of any tenants, as publishing's is: the
-- API gathers what came in while the last batch was in flight (api/publish/batcher.h). Role: hookline_ingest.
-- A flow is looked for by its key alone: a condition on its state would let the plan take the index of names, which is of those
-- that are not archived, and read all of a tenant's.

-- name: inbound_find
-- $1 tenant_id uuid[], $2 flow_id uuid[], $3 boolean, of no meaning here.
-- One row per pair, in order; all NULL where there is no such flow: token, is_running, version, methods and content types
-- (separated by blanks; NULL: any), credential json, answer json, max_body_bytes, the sealed secrets 'credential' and
-- 'credential.old', rate_per_second, and of the tenant: requests_per_second, requests_burst, events a day, base_url. The last one
-- says whether the tenant is in another cell.
SELECT f.token, (f.state = 'running' AND t.state = 'active')::integer AS is_running, f.version,
       array_to_string(f.methods, ' ') AS methods, array_to_string(f.content_types, ' ') AS content_types,
       f.credential::text AS credential, f.answer::text AS answer, f.max_body_bytes, s.secret, o.secret AS old_secret,
       f.rate_per_second, t.requests_per_second, t.requests_burst, t.quota_events_per_day, t.base_url,
       ((SELECT true FROM tenant_away a WHERE a.tenant_id = g.tenant_id) IS TRUE)::integer AS is_away
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS g (tenant_id, flow_id, n)
  LEFT JOIN LATERAL (SELECT x.*
                       FROM flow x
                      WHERE x.tenant_id = g.tenant_id AND x.id = g.flow_id
                     OFFSET 0) f ON true
  LEFT JOIN LATERAL (SELECT x.state, x.requests_per_second, x.requests_burst, x.quota_events_per_day, x.base_url
                       FROM tenant x
                      WHERE x.tenant_id = f.tenant_id
                     OFFSET 0) t ON true
  LEFT JOIN LATERAL (SELECT x.secret
                       FROM flow_secret x
                      WHERE x.tenant_id = f.tenant_id AND x.flow_id = f.id AND x.name = 'credential'
                        AND (x.expires_at IS NULL OR x.expires_at > now())
                     OFFSET 0) s ON true
  LEFT JOIN LATERAL (SELECT x.secret
                       FROM flow_secret x
                      WHERE x.tenant_id = f.tenant_id AND x.flow_id = f.id AND x.name = 'credential.old'
                        AND (x.expires_at IS NULL OR x.expires_at > now())
                     OFFSET 0) o ON true
 WHERE $3::boolean IS NOT NULL
 ORDER BY g.n;

-- name: inbound_receive
-- $1 tenant_id uuid[], $2 id uuid[], $3 flow_id uuid[], $4 version integer[] that the request was checked by,
-- $5 external_id text[] by which a repetition is known, $6 payload text[], $7 body bytea[], $8 request text[] (JSON),
-- $9 wait_key text[]: it came for a run that waits, $10 traceparent text[], $11 notify boolean: wake the workers.
-- One row per request, in order: code ('', 'gone': the flow has changed since, or 'tenant_moving': it is not in this cell), id,
-- is_duplicate.
WITH given AS MATERIALIZED (
    SELECT g.*, (f.state = 'running' AND f.version = g.version AND NOT g.is_away) IS TRUE AS is_known, f.delivery = 'pull' AS is_pulled, s.active_from
      FROM (SELECT u.*,
                   (SELECT true FROM tenant_away a WHERE a.tenant_id = u.tenant_id) IS TRUE AS is_away
              FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::bytea[], $8::text[],
                          $9::text[], $10::text[])
                   WITH ORDINALITY
                   AS u (tenant_id, id, flow_id, version, external_id, payload, body, request, wait_key, traceparent, n)) g
      LEFT JOIN LATERAL (SELECT x.id, x.delivery, x.state, x.version
                           FROM flow x
                          WHERE x.tenant_id = g.tenant_id AND x.id = g.flow_id
                         OFFSET 0) f ON true
      LEFT JOIN LATERAL (SELECT x.active_from
                           FROM subscription x
                          WHERE x.tenant_id = g.tenant_id AND x.id = f.id
                         OFFSET 0) s ON true
), keyed AS (
    -- As in ingest_events: the row that is there already comes back, and counts; the order keeps two batches apart.
    INSERT INTO event_key AS k (tenant_id, external_id, event_id)
    SELECT DISTINCT ON (g.tenant_id, g.external_id) g.tenant_id, g.external_id, g.id
      FROM given g
     WHERE g.is_known AND g.external_id IS NOT NULL
     ORDER BY g.tenant_id, g.external_id, g.n
        ON CONFLICT (tenant_id, external_id) DO UPDATE
       SET event_id = k.event_id, n_repeats = coalesce(k.n_repeats, 0) + 1, repeated_at = uuid_v7_time(excluded.event_id)
    RETURNING k.tenant_id, k.external_id, k.event_id
), judged AS MATERIALIZED (
    SELECT g.*, k.event_id AS first_id, (k.event_id <> g.id) IS TRUE AS is_duplicate,
           message_id(g.id, g.flow_id) AS message_id
      FROM given g
      LEFT JOIN keyed k ON k.tenant_id = g.tenant_id AND k.external_id = g.external_id
), stored AS (
    INSERT INTO event (tenant_id, id, event_type, external_id, payload, traceparent, body, request)
    SELECT j.tenant_id, j.id, CASE WHEN j.wait_key IS NULL THEN 'flow.request' ELSE 'flow.signal' END, j.external_id,
           j.payload, j.traceparent, j.body, j.request::json
      FROM judged j
     WHERE j.is_known AND NOT j.is_duplicate
), made AS (
    INSERT INTO message (tenant_id, id, event_id, subscription_id)
    SELECT j.tenant_id, j.message_id, j.id, j.flow_id
      FROM judged j
     WHERE j.is_known AND NOT j.is_duplicate AND j.wait_key IS NULL
), queued AS (
    -- What consumers pull is never due, so that no worker sees it.
    INSERT INTO queue (tenant_id, subscription_id, message_id, due_at, laned, pulled_until)
    SELECT j.tenant_id, j.flow_id, j.message_id,
           CASE WHEN j.is_pulled THEN 'infinity' ELSE greatest(now(), j.active_from) END,
           NOT j.is_pulled AND l.is_busy IS TRUE, CASE WHEN j.is_pulled THEN now() END
      FROM judged j
      LEFT JOIN LATERAL (SELECT x.is_busy
                           FROM lane x
                          WHERE x.tenant_id = j.tenant_id AND x.subscription_id = j.flow_id
                         OFFSET 0) l ON true
     WHERE j.is_known AND NOT j.is_duplicate AND j.wait_key IS NULL
), signalled AS MATERIALIZED (
    -- It locks the key: in the same order by all.
    SELECT flow_signal_arrive(j.tenant_id, j.flow_id, j.wait_key, j.id)
      FROM (SELECT x.tenant_id, x.flow_id, x.wait_key, x.id
              FROM judged x
             WHERE x.is_known AND NOT x.is_duplicate AND x.wait_key IS NOT NULL
             ORDER BY x.tenant_id, x.flow_id, x.wait_key, x.n) j
), notified AS (
    SELECT pg_notify('hookline_due', '')
     WHERE $11::boolean AND EXISTS (SELECT FROM judged j WHERE j.is_known AND NOT j.is_duplicate AND NOT j.is_pulled)
)
SELECT CASE WHEN j.is_away THEN 'tenant_moving' WHEN NOT j.is_known THEN 'gone' ELSE '' END AS code,
       coalesce(j.first_id, j.id)                   AS id,
       j.is_duplicate,
       (SELECT count(*) FROM signalled) + (SELECT count(*) FROM notified) AS n_told
  FROM judged j
 ORDER BY j.n;
