-- Claiming. Role: hookline_worker, on a connection with synchronous_commit=off: a claim that is lost
-- in a crash is claimable again, which at-least-once allows. See docs/adr/0005.

-- name: message_claim
-- $1 limit integer, $2 lease in milliseconds integer.
-- Leases the messages that are due longest and returns everything an attempt needs. Binary results.
-- Each look-up is fenced by OFFSET 0, so that it is one, by key, whatever the planner thinks of the tables' sizes;
-- a message's names its subscription too, so that either of its indexes leads to one row.
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
       CASE WHEN v.applies IS NULL THEN v."values"
            ELSE custom_values_for(v."values", v.applies, e.event_type) END AS custom_values,
       CASE WHEN m.status_reason IS NULL THEN s.state ELSE 'cancelled' END AS subscription_state, -- see queue_cancel
       s.url,
       CASE WHEN s.headers IS NOT NULL
            THEN (SELECT string_agg(h.key || ': ' || h.value, E'\n') FROM json_each_text(s.headers) h) END AS headers,
       coalesce((s.overrides ->> 'timeout_ms')::integer, s.timeout_ms, p.timeout_ms) AS timeout_ms,
       CASE WHEN s.overrides IS NULL THEN p.responses -- a subscription's own stand before them: hk/responses.h
            ELSE concat_ws(',', responses_text(s.overrides -> 'responses'), p.responses) END AS responses,
       coalesce(s.overrides ->> 'schedule', p.schedule) AS schedule,
       coalesce((s.overrides ->> 'jitter_percent')::integer, p.jitter_percent) AS jitter_percent,
       coalesce((s.overrides ->> 'retry_after_cap_ms')::bigint, p.retry_after_cap_ms) AS retry_after_cap_ms,
       coalesce(s.overrides ->> 'envelope', p.envelope)   AS envelope,
       coalesce(s.overrides ->> 'signature', p.signature) AS signature,
       CASE WHEN coalesce(s.overrides ->> 'envelope', p.envelope) IN ('basiq', 'cloudevents', 'cloudevents_binary')
            THEN (SELECT t.base_url FROM tenant t WHERE t.tenant_id = q.tenant_id) END AS base_url,
       CASE WHEN coalesce(s.overrides ->> 'secret_of', p.secret_of) = 'tenant'
            THEN (SELECT string_agg(k.secret, ' ' ORDER BY k.id DESC)
                    FROM tenant_secret k
                   WHERE k.tenant_id = q.tenant_id AND (k.expires_at IS NULL OR k.expires_at > now()))
            ELSE (SELECT string_agg(k.secret, ' ' ORDER BY k.id DESC)
                    FROM subscription_secret k
                   WHERE k.tenant_id = q.tenant_id AND k.subscription_id = q.subscription_id
                     AND (k.expires_at IS NULL OR k.expires_at > now())) END AS secrets,
       b.username, -- NULL with a bearer token, which is the password
       b.password
  FROM claimed q
 CROSS JOIN LATERAL (SELECT x.event_id, x.connection_id, x.values_version, x.status_reason
                       FROM message x
                      WHERE x.tenant_id = q.tenant_id AND x.id = q.message_id AND x.subscription_id = q.subscription_id
                     OFFSET 0) m
 CROSS JOIN LATERAL (SELECT x.id, x.event_type, x.company_id, x.occurred_at, x.payload, x.traceparent
                       FROM event x
                      WHERE x.tenant_id = q.tenant_id AND x.id = m.event_id
                     OFFSET 0) e
 CROSS JOIN LATERAL (SELECT x.external_id
                       FROM company x
                      WHERE x.tenant_id = q.tenant_id AND x.id = e.company_id
                     OFFSET 0) co
 CROSS JOIN LATERAL (SELECT x.state, x.url, x.headers, x.timeout_ms, x.profile, x.overrides
                       FROM subscription x
                      WHERE x.tenant_id = q.tenant_id AND x.id = q.subscription_id
                     OFFSET 0) s
 CROSS JOIN LATERAL (SELECT x.*
                       FROM profile x
                      WHERE x.tenant_id IN (q.tenant_id, installation_id()) AND x.name = s.profile
                      ORDER BY x.tenant_id DESC -- the tenant's own first
                      LIMIT 1) p
  LEFT JOIN LATERAL (SELECT x."values", x.applies
                       FROM connection_values x
                      WHERE x.tenant_id = q.tenant_id AND x.connection_id = m.connection_id AND x.version = m.values_version
                     OFFSET 0) v ON true
  LEFT JOIN LATERAL (SELECT x.username, x.password
                       FROM subscription_credentials x
                      WHERE x.tenant_id = q.tenant_id AND x.subscription_id = q.subscription_id
                     OFFSET 0) b ON true;
