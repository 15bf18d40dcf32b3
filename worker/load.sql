-- What the attempts of claimed messages need. Role: hookline_worker, on the claim's connection. See docs/adr/0005.

-- name: message_load
-- Arrays of one length: $1 tenant_id uuid[], $2 subscription_id uuid[], $3 message_id uuid[],
-- $4 boolean[]: the first of its subscription, which brings the subscription's columns; in the others they are NULL.
-- $5 and $6 uuid: between these are the messages' ids, and their events', which are of the same millisecond: partitions
-- that are elsewhere are not opened.
-- One row for each, in order; binary results. A message that is gone has no event_id.
-- Each look-up is fenced by OFFSET 0, so that it is one, by key, whatever the planner thinks of the tables' sizes;
-- a message's names its subscription too, so that either of its indexes leads to one row.
SELECT e.id              AS event_id,
       e.event_type,
       co.external_id    AS company,
       e.occurred_at,
       e.payload,
       e.traceparent,
       CASE WHEN v.applies IS NULL THEN v."values"
            ELSE custom_values_for(v."values", v.applies, e.event_type) END AS custom_values,
       m.origin, -- NULL: live
       m.webhook_id, -- NULL: the message's id
       m.status_reason IS NOT NULL -- see revoked_reason()
       OR EXISTS (SELECT FROM queue_change c WHERE c.kind = 'cancel') -- hardly ever, for anybody
          AND queue_cancel_reason(g.tenant_id, g.subscription_id, m.connection_id, m.backfill_id) IS NOT NULL AS is_revoked,
       s.*
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::boolean[])
       WITH ORDINALITY
       AS g (tenant_id, subscription_id, message_id, is_first, n)
  LEFT JOIN LATERAL (SELECT x.event_id, x.connection_id, x.values_version, x.status_reason, x.origin, x.webhook_id,
                            x.backfill_id
                       FROM message x
                      WHERE x.tenant_id = g.tenant_id AND x.id = g.message_id AND x.subscription_id = g.subscription_id
                        AND x.id BETWEEN $5::uuid AND $6::uuid
                     OFFSET 0) m ON true
  LEFT JOIN LATERAL (SELECT x.id, x.event_type, x.company_id, x.occurred_at, x.payload, x.traceparent
                       FROM event x
                      WHERE x.tenant_id = g.tenant_id AND x.id BETWEEN m.event_id AND m.event_id -- not =, so that the
                        AND x.id BETWEEN $5::uuid AND $6::uuid
                      ORDER BY x.id -- order says which index
                      LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT x.external_id -- none: an operational event
                       FROM company x
                      WHERE x.tenant_id = g.tenant_id AND x.id = e.company_id
                     OFFSET 0) co ON true
  LEFT JOIN LATERAL (SELECT x."values", x.applies
                       FROM connection_values x
                      WHERE x.tenant_id = g.tenant_id AND x.connection_id = m.connection_id AND x.version = m.values_version
                     OFFSET 0) v ON true
  LEFT JOIN LATERAL (
        SELECT x.state,
               x.url,
               CASE WHEN x.headers IS NOT NULL
                    THEN (SELECT string_agg(h.key || ': ' || h.value, E'\n') FROM json_each_text(x.headers) h) END AS headers,
               coalesce((x.overrides ->> 'timeout_ms')::integer, x.timeout_ms, p.timeout_ms) AS timeout_ms,
               CASE WHEN x.overrides IS NULL THEN p.responses -- a subscription's own stand before them: hk/responses.h
                    ELSE concat_ws(',', responses_text(x.overrides -> 'responses'), p.responses) END AS responses,
               coalesce(x.overrides ->> 'schedule', p.schedule) AS schedule,
               coalesce((x.overrides ->> 'jitter_percent')::integer, p.jitter_percent) AS jitter_percent,
               coalesce((x.overrides ->> 'retry_after_cap_ms')::bigint, p.retry_after_cap_ms) AS retry_after_cap_ms,
               coalesce(x.overrides ->> 'envelope', p.envelope)   AS envelope,
               coalesce(x.overrides ->> 'signature', p.signature) AS signature,
               CASE WHEN coalesce(x.overrides ->> 'envelope', p.envelope) IN ('basiq', 'cloudevents', 'cloudevents_binary')
                    THEN (SELECT t.base_url FROM tenant t WHERE t.tenant_id = x.tenant_id) END AS base_url,
               CASE WHEN coalesce(x.overrides ->> 'secret_of', p.secret_of) = 'tenant'
                    THEN (SELECT string_agg(k.id || ':' || k.secret, ' ' ORDER BY k.id DESC)
                            FROM tenant_secret k
                           WHERE k.tenant_id = x.tenant_id AND (k.expires_at IS NULL OR k.expires_at > now()))
                    ELSE (SELECT string_agg(k.id || ':' || k.secret, ' ' ORDER BY k.id DESC)
                            FROM subscription_secret k
                           WHERE k.tenant_id = x.tenant_id AND k.subscription_id = x.id
                             AND (k.expires_at IS NULL OR k.expires_at > now())) END AS secrets,
               b.username, -- NULL with a bearer token, which is the password
               b.password,
               -- Whose `secrets` are; they, passwords and some of the headers are sealed: hk/stored_secrets.h.
               coalesce(x.overrides ->> 'secret_of', p.secret_of) AS secret_of,
               (x.ordered AND x.ordered_on_failure = 'hold') AS holds_on_failure,
               x.allows_http,
               x.allowed_networks,
               x.client_certificate,
               x.client_key,
               b.token_url, -- then the user name and the password are the client's
               b.scope,
               x.webhook_origin,
               x.kind = 'flow' AS is_flow -- the message is a run: see flow.sql
          FROM subscription x
         CROSS JOIN LATERAL (SELECT y.*
                               FROM profile y
                              WHERE y.tenant_id IN (x.tenant_id, installation_id()) AND y.name = x.profile
                              ORDER BY y.tenant_id DESC -- the tenant's own first
                              LIMIT 1) p
          LEFT JOIN LATERAL (SELECT y.username, y.password, y.token_url, y.scope
                               FROM subscription_credentials y
                              WHERE y.tenant_id = x.tenant_id AND y.subscription_id = x.id
                             OFFSET 0) b ON true
         WHERE g.is_first AND x.tenant_id = g.tenant_id AND x.id = g.subscription_id
        OFFSET 0) s ON true
 ORDER BY g.n;
