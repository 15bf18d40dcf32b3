-- Claiming. Role: hookline_worker, on a connection with synchronous_commit=off: a claim that is lost
-- in a crash is claimable again, which at-least-once allows. See docs/adr/0005, and of lanes docs/adr/0022-lanes.md.

-- name: message_claim
-- $1 how many messages of no lane integer, $2 lease in milliseconds integer, $3 how many of lanes integer,
-- $4 so many of these at most of lanes on trial integer. $1 or $3 is 0: who has locked lanes waits for nobody.
-- Leases messages that are due and returns everything an attempt needs. Binary results. The first columns are the same
-- in all rows, and when there is no message they are a row of their own, in which the others are NULL:
-- how many messages were moved into lanes instead, how many lanes were looked at, in how many milliseconds the next
-- one is due (NULL: none).
-- Each look-up is fenced by OFFSET 0, so that it is one, by key, whatever the planner thinks of the tables' sizes;
-- a message's names its subscription too, so that either of its indexes leads to one row.
WITH due AS MATERIALIZED (
    SELECT d.ctid AS queue_ctid, d.tenant_id, d.subscription_id, d.message_id
      FROM queue d
     WHERE d.due_at <= now() AND NOT d.laned
     ORDER BY d.due_at
     LIMIT $1::integer
       FOR UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
    SELECT d.*, (s.ordered OR s.rate_per_second IS NOT NULL OR s.max_in_flight IS NOT NULL
                 OR l.is_busy OR l.pause_ms > 0) IS TRUE AS is_governed
      FROM due d
     CROSS JOIN LATERAL (SELECT x.ordered, x.rate_per_second, x.max_in_flight
                           FROM subscription x
                          WHERE x.tenant_id = d.tenant_id AND x.id = d.subscription_id
                         OFFSET 0) s
      LEFT JOIN LATERAL (SELECT x.is_busy, x.pause_ms
                           FROM lane x
                          WHERE x.tenant_id = d.tenant_id AND x.subscription_id = d.subscription_id
                         OFFSET 0) l ON true
), crowd AS MATERIALIZED (
    -- Who fills a sixteenth of the largest claim brings along what the next ones would meet.
    SELECT j.tenant_id, j.subscription_id, (array_agg(j.message_id ORDER BY j.message_id))[1] AS first_id
      FROM judged j
     WHERE j.is_governed
     GROUP BY j.tenant_id, j.subscription_id
    HAVING count(*) >= 16
), moved AS (
    UPDATE queue q
       SET laned = true, leased = false
     WHERE q.ctid = ANY (ARRAY(SELECT j.queue_ctid FROM judged j WHERE j.is_governed
                                UNION
                               SELECT f.queue_ctid
                                 FROM crowd c
                                CROSS JOIN LATERAL (SELECT x.ctid AS queue_ctid, x.laned, x.due_at
                                                      FROM queue x
                                                     WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id
                                                       AND x.message_id > c.first_id
                                                     ORDER BY x.message_id
                                                     LIMIT 2000) n
                                CROSS JOIN LATERAL (SELECT x.ctid AS queue_ctid
                                                      FROM queue x
                                                     WHERE NOT n.laned AND n.due_at <= now()
                                                       AND x.ctid = n.queue_ctid AND NOT x.laned AND x.due_at <= now()
                                                    OFFSET 0
                                                       FOR UPDATE SKIP LOCKED) f))
    RETURNING q.tenant_id, q.subscription_id
), woken AS (
    -- Waits for whoever is looking at the lane and does not see what comes: the lane must not fall asleep over it.
    -- All do so in one order.
    INSERT INTO lane AS l (tenant_id, subscription_id)
    SELECT DISTINCT m.tenant_id, m.subscription_id FROM moved m ORDER BY m.tenant_id, m.subscription_id
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET is_busy = true, next_at = greatest(now(), l.paused_until), n_turns = l.n_turns % 2000000000 + 1, n_idle = 0
     WHERE NOT l.is_busy
), trial AS MATERIALIZED (
    -- Those on trial wait for places that the ones before them may keep for long, and are not looked at without any:
    -- so that they never stand before others. First those that have not failed yet; one of each tenant in turn.
    SELECT t.lane_ctid
      FROM (SELECT d.lane_ctid, d.is_broken, d.next_at,
                   row_number() OVER (PARTITION BY d.tenant_id, d.is_broken ORDER BY d.next_at) AS turn
              FROM (SELECT l.ctid AS lane_ctid, l.tenant_id, l.next_at, l.pause_ms > 0 AS is_broken
                      FROM lane l
                     WHERE l.next_at <= now() AND (l.succeeded_at IS NULL OR l.pause_ms > 0)
                       AND $3::integer > 0 AND $4::integer > 0
                     ORDER BY l.next_at
                     LIMIT 2000) d) t
     ORDER BY t.is_broken, t.turn, t.next_at
     LIMIT 32
), looked_at AS MATERIALIZED (
    SELECT *
      FROM (SELECT l.ctid AS lane_ctid, l.*
              FROM lane l
             WHERE l.next_at <= now() AND l.succeeded_at IS NOT NULL AND l.pause_ms = 0 AND $3::integer > 0
             ORDER BY l.next_at
             LIMIT 64
               FOR UPDATE SKIP LOCKED) proven
     UNION ALL
    SELECT *
      FROM (SELECT l.ctid AS lane_ctid, l.*
              FROM lane l
             WHERE l.ctid = ANY (ARRAY(SELECT t.lane_ctid FROM trial t)) -- no more, or another index would do
               FOR UPDATE SKIP LOCKED) on_trial
), limited AS MATERIALIZED (
    -- What may be sent of each. A lane that was written since this statement began is left for the next one: what is in
    -- flight of it cannot be seen here. Messages of a subscription that has stopped go to the worker, which gives them
    -- back to be held or cancelled.
    SELECT l.lane_ctid, l.tenant_id, l.subscription_id, l.next_at, l.n_idle,
           (l.succeeded_at IS NULL OR l.pause_ms > 0) AS is_trial, l.pause_ms > 0 AS is_broken,
           (s.ordered AND s.is_active) AS is_ordered, s.rate_per_second AS rate, t.tokens, w.most - f.n AS n_free,
           greatest(0, least(w.most - f.n, floor(t.tokens)::integer, 32)) AS n_allowed
      FROM looked_at l
     CROSS JOIN LATERAL (SELECT
                           FROM lane x
                          WHERE x.tenant_id = l.tenant_id AND x.subscription_id = l.subscription_id AND x.n_turns = l.n_turns
                         OFFSET 0) unchanged
     CROSS JOIN LATERAL (SELECT x.state = 'active' AS is_active, x.ordered, x.rate_per_second, x.max_in_flight
                           FROM subscription x
                          WHERE x.tenant_id = l.tenant_id AND x.id = l.subscription_id
                         OFFSET 0) s
     CROSS JOIN LATERAL (SELECT CASE WHEN NOT s.is_active THEN 64
                                     WHEN s.ordered OR l.succeeded_at IS NULL OR l.pause_ms > 0 THEN 1
                                     ELSE least(s.max_in_flight, l.max_in_flight) END AS most
                         OFFSET 0) w
     CROSS JOIN LATERAL (SELECT count(*)::integer AS n
                           FROM (SELECT
                                   FROM queue x
                                  WHERE x.tenant_id = l.tenant_id AND x.subscription_id = l.subscription_id
                                    AND x.laned AND x.leased AND x.due_at > now()
                                  ORDER BY x.due_at -- the lane's index, not the key's, which has all that waits
                                  LIMIT w.most) y
                         OFFSET 0) f
     CROSS JOIN LATERAL (SELECT CASE WHEN s.is_active AND s.rate_per_second IS NOT NULL
                                     THEN least(greatest(1, s.rate_per_second / 10),
                                                l.tokens + s.rate_per_second
                                                * greatest(0, extract(epoch FROM now() - l.refilled_at))) END AS tokens
                         OFFSET 0) t
), found AS MATERIALIZED (
    -- Of an ordered one its first message, if it is due, wherever that waits.
    SELECT l.tenant_id, l.subscription_id, l.is_trial, l.is_broken, c.queue_ctid,
           row_number() OVER (PARTITION BY l.tenant_id, l.subscription_id ORDER BY c.due_at) AS nth
      FROM limited l
     CROSS JOIN LATERAL ((SELECT x.ctid AS queue_ctid, x.due_at
                            FROM queue x
                           WHERE x.tenant_id = l.tenant_id AND x.subscription_id = l.subscription_id
                             AND x.laned AND x.leased AND x.due_at <= now() AND NOT l.is_ordered
                           ORDER BY x.due_at
                           LIMIT l.n_allowed)
                           UNION ALL
                         (SELECT x.ctid, x.due_at
                            FROM queue x
                           WHERE x.tenant_id = l.tenant_id AND x.subscription_id = l.subscription_id
                             AND x.laned AND NOT x.leased AND x.due_at <= now() AND NOT l.is_ordered
                           ORDER BY x.due_at
                           LIMIT l.n_allowed)
                           UNION ALL
                         (SELECT h.queue_ctid, h.due_at
                            FROM (SELECT x.ctid AS queue_ctid, x.due_at
                                    FROM queue x
                                   WHERE x.tenant_id = l.tenant_id AND x.subscription_id = l.subscription_id AND l.is_ordered
                                   ORDER BY x.message_id
                                   LIMIT l.n_allowed) h
                           WHERE h.due_at <= now())
                           LIMIT l.n_allowed) c
), chosen AS MATERIALIZED (
    -- In turn: one of each tenant, then the second of each. Those on trial have few places, and not those of others.
    SELECT r.queue_ctid
      FROM (SELECT f.queue_ctid, f.is_trial, f.turn,
                   row_number() OVER (PARTITION BY f.is_trial ORDER BY f.is_broken, f.turn) AS n_before
              FROM (SELECT g.*, row_number() OVER (PARTITION BY g.tenant_id ORDER BY g.nth) AS turn FROM found g) f) r
     WHERE NOT r.is_trial OR r.n_before <= $4::integer
     ORDER BY r.turn
     LIMIT $3::integer
), granted AS MATERIALIZED (
    SELECT x.ctid AS queue_ctid
      FROM queue x
     WHERE x.ctid = ANY (ARRAY(SELECT c.queue_ctid FROM chosen c)) AND x.due_at <= now()
       FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE queue AS q
       SET due_at = now() + $2::integer * interval '1 millisecond', leased = true, fence = q.fence + 1, laned = $1::integer = 0
     WHERE q.ctid = ANY (ARRAY(SELECT j.queue_ctid FROM judged j WHERE NOT j.is_governed
                                UNION ALL
                               SELECT g.queue_ctid FROM granted g))
    RETURNING q.tenant_id, q.subscription_id, q.message_id, q.fence, q.attempts, q.schedule_from
), counted AS MATERIALIZED (
    SELECT l.*, (SELECT count(*) FROM found f WHERE f.tenant_id = l.tenant_id AND f.subscription_id = l.subscription_id) AS n_found,
           (SELECT count(*)::integer FROM claimed c
             WHERE c.tenant_id = l.tenant_id AND c.subscription_id = l.subscription_id) AS n_taken
      FROM limited l
), served AS (
    -- A full lane is told when one of its messages has ended (lane_tell), and looks when a lease does; one without
    -- tokens looks when there is one, one that has got no place a little later, one that has more to send at once,
    -- behind all others. One that has nothing due looks when something is; and, for what is being put into it by somebody
    -- who believes it busy, some more times in the next two minutes.
    UPDATE lane l
       SET n_turns = l.n_turns % 2000000000 + 1,
           is_busy = NOT o.is_idle,
           n_idle = CASE WHEN o.n_found > 0 THEN 0 WHEN o.is_idle THEN l.n_idle + 1 ELSE l.n_idle END,
           next_at = CASE WHEN o.is_full THEN least(now() + $2::integer * interval '1 millisecond', o.lease_end)
                          WHEN o.is_idle
                          THEN least(o.lease_end, o.next_due,
                                     CASE WHEN o.n_taken > 0 THEN now() + $2::integer * interval '1 millisecond' END,
                                     CASE WHEN l.n_idle < 10 OR o.n_found > 0
                                          THEN now() + power(2, CASE WHEN o.n_found > 0 THEN 0 ELSE l.n_idle END)
                                                       * interval '100 milliseconds'
                                          ELSE 'infinity' END)
                          WHEN o.tokens - o.n_taken < 1 THEN now() + (1 - o.tokens + o.n_taken) / o.rate * interval '1 second'
                          WHEN o.n_taken = 0 THEN l.next_at + interval '100 milliseconds'
                          ELSE now() END,
           tokens = coalesce(o.tokens - o.n_taken, l.tokens),
           refilled_at = CASE WHEN o.tokens IS NULL THEN l.refilled_at ELSE now() END
      FROM (SELECT c.*, c.n_free <= c.n_taken AS is_full, c.n_free > c.n_taken AND c.n_found < c.n_allowed AS is_idle, e.lease_end, n.next_due
              FROM counted c
              LEFT JOIN LATERAL (SELECT x.due_at AS lease_end
                                   FROM queue x
                                  WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id
                                    AND x.laned AND x.leased AND x.due_at > now()
                                  ORDER BY x.due_at
                                  LIMIT 1) e ON true
              LEFT JOIN LATERAL ((SELECT x.due_at AS next_due
                                    FROM queue x
                                   WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id
                                     AND x.laned AND NOT x.leased AND x.due_at > now() AND NOT c.is_ordered
                                   ORDER BY x.due_at
                                   LIMIT 1)
                                   UNION ALL
                                 (SELECT x.due_at
                                    FROM queue x
                                   WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id AND c.is_ordered
                                   ORDER BY x.message_id
                                   LIMIT 1)) n ON true) o
     WHERE l.ctid = o.lane_ctid
)
SELECT z.n_moved, z.n_lanes, z.lane_due_ms, d.*
  FROM (SELECT (SELECT count(*) FROM moved) AS n_moved,
               (SELECT count(*) FROM limited) AS n_lanes,
               (SELECT ceil(extract(epoch FROM l.next_at - now()) * 1000)::bigint
                  FROM lane l
                 WHERE l.next_at > now() AND l.next_at < 'infinity'
                 ORDER BY l.next_at
                 LIMIT 1) AS lane_due_ms) z
  LEFT JOIN (
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
                    THEN (SELECT string_agg(k.id || ':' || k.secret, ' ' ORDER BY k.id DESC)
                            FROM tenant_secret k
                           WHERE k.tenant_id = q.tenant_id AND (k.expires_at IS NULL OR k.expires_at > now()))
                    ELSE (SELECT string_agg(k.id || ':' || k.secret, ' ' ORDER BY k.id DESC)
                            FROM subscription_secret k
                           WHERE k.tenant_id = q.tenant_id AND k.subscription_id = q.subscription_id
                             AND (k.expires_at IS NULL OR k.expires_at > now())) END AS secrets,
               b.username, -- NULL with a bearer token, which is the password
               b.password,
               -- Whose `secrets` are; they, passwords and some of the headers are sealed: hk/stored_secrets.h.
               coalesce(s.overrides ->> 'secret_of', p.secret_of) AS secret_of,
               (s.ordered AND s.ordered_on_failure = 'hold') AS holds_on_failure,
               (SELECT l.is_trial FROM limited l
                 WHERE l.tenant_id = q.tenant_id AND l.subscription_id = q.subscription_id) AS is_trial, -- NULL: of no lane
               s.allows_http,
               s.allowed_networks,
               s.client_certificate,
               s.client_key,
               b.token_url, -- then the user name and the password are the client's
               b.scope,
               m.origin, -- NULL: live
               m.webhook_id, -- NULL: the message's id
               s.webhook_origin
          FROM claimed q
         CROSS JOIN LATERAL (SELECT x.event_id, x.connection_id, x.values_version, x.status_reason, x.origin, x.webhook_id
                               FROM message x
                              WHERE x.tenant_id = q.tenant_id AND x.id = q.message_id AND x.subscription_id = q.subscription_id
                             OFFSET 0) m
         CROSS JOIN LATERAL (SELECT x.id, x.event_type, x.company_id, x.occurred_at, x.payload, x.traceparent
                               FROM event x
                              WHERE x.tenant_id = q.tenant_id AND x.id = m.event_id
                             OFFSET 0) e
          LEFT JOIN LATERAL (SELECT x.external_id -- none: an operational event
                               FROM company x
                              WHERE x.tenant_id = q.tenant_id AND x.id = e.company_id
                             OFFSET 0) co ON true
         CROSS JOIN LATERAL (SELECT x.state, x.url, x.headers, x.timeout_ms, x.profile, x.overrides, x.ordered,
                                    x.ordered_on_failure, x.allows_http, x.allowed_networks, x.client_certificate, x.client_key,
                                    x.webhook_origin
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
          LEFT JOIN LATERAL (SELECT x.username, x.password, x.token_url, x.scope
                               FROM subscription_credentials x
                              WHERE x.tenant_id = q.tenant_id AND x.subscription_id = q.subscription_id
                             OFFSET 0) b ON true
       ) d ON true;
