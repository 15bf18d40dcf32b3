-- Claiming. Role: hookline_worker, on a connection with synchronous_commit=off: a claim that is lost
-- in a crash is claimable again, which at-least-once allows. See docs/adr/0005.

-- name: message_claim
-- $1 limit integer, $2 lease in milliseconds integer.
-- Leases the messages that are due longest and returns everything an attempt needs. Binary results.
WITH claimed AS (
    UPDATE queue AS q
       SET due_at = now() + $2::integer * interval '1 millisecond', leased = true, fence = q.fence + 1
     WHERE q.ctid = ANY (ARRAY(SELECT d.ctid
                                 FROM queue d
                                WHERE d.due_at <= now()
                                ORDER BY d.due_at
                                LIMIT $1::integer
                                  FOR UPDATE SKIP LOCKED))
    RETURNING q.tenant_id, q.subscription_id, q.message_id, q.fence, q.attempts, q.schedule_from
)
SELECT q.tenant_id,
       q.subscription_id,
       q.message_id,
       q.fence,
       q.attempts,
       q.schedule_from,
       e.id              AS event_id,
       e.event_type,
       co.external_id    AS company,
       e.occurred_at,
       e.payload,
       e.traceparent,
       v."values"        AS custom_values,
       CASE WHEN m.status_reason IS NULL THEN s.state ELSE 'cancelled' END AS subscription_state, -- see queue_cancel
       s.url,
       coalesce(s.timeout_ms, p.timeout_ms) AS timeout_ms,
       p.envelope,
       p.success,
       p.schedule,
       p.jitter_percent,
       p.on_401,
       p.on_410,
       p.retry_after_cap_ms,
       (SELECT string_agg(k.secret, ' ' ORDER BY k.id DESC)
          FROM subscription_secret k
         WHERE k.tenant_id = q.tenant_id AND k.subscription_id = q.subscription_id
           AND (k.expires_at IS NULL OR k.expires_at > now())) AS secrets,
       b.username,
       b.password
  FROM claimed q
  JOIN message m ON m.tenant_id = q.tenant_id AND m.id = q.message_id AND m.subscription_id = q.subscription_id
  JOIN event e ON e.tenant_id = m.tenant_id AND e.id = m.event_id
  JOIN company co ON co.tenant_id = e.tenant_id AND co.id = e.company_id
  JOIN subscription s ON s.tenant_id = q.tenant_id AND s.id = q.subscription_id
  JOIN profile p ON p.tenant_id = installation_id() AND p.name = s.profile
  LEFT JOIN connection_values v
         ON v.tenant_id = m.tenant_id AND v.connection_id = m.connection_id AND v.version = m.values_version
  LEFT JOIN subscription_credentials b ON b.tenant_id = q.tenant_id AND b.subscription_id = q.subscription_id;

-- name: partition_create
-- $1 weeks ahead integer. One row: how many partitions were made.
SELECT partition_create($1::integer);
