-- Claiming. Role: hookline_worker, on a connection with synchronous_commit=off: a claim that is lost
-- in a crash is claimable again, which at-least-once allows. See docs/adr/0005, and of lanes docs/adr/0022-lanes.md.
--
-- There are two claims: of what is in no lane, and of lanes. Who has locked lanes waits for nobody: that is why they are
-- two. Both lease messages that are due and return them in the same columns; binary results. The first ones are the same
-- in all rows, and when there is no message they are a row of their own, in which the others are NULL. What an attempt
-- needs besides comes with load.sql.
-- Each look-up is fenced by OFFSET 0, so that it is one, by key, whatever the planner thinks of the tables' sizes.

-- name: message_claim
-- $1 how many messages integer, $2 lease in milliseconds integer, $3 due from when on, microseconds since the epoch bigint.
-- First column: how many were moved into lanes instead; last one: what is due before it has been looked at, and can be
-- left out of the next claim, but for what was committed late or locked by somebody else: a claim from 0 on finds these.
-- Who has a snapshot for long, such as a report, keeps vacuum from removing what was claimed since; the index would lead
-- each claim past all of it.
WITH due AS MATERIALIZED (
    SELECT d.ctid AS queue_ctid, d.tenant_id, d.subscription_id, d.message_id, d.due_at
      FROM queue d
     WHERE d.due_at >= 'epoch'::timestamptz + $3::bigint * interval '1 microsecond' AND d.due_at <= now() AND NOT d.laned
     ORDER BY d.due_at
     LIMIT $1::integer
       FOR UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
    -- Once for all messages of a subscription.
    SELECT d.*, (s.ordered OR s.rate_per_second IS NOT NULL OR s.max_in_flight IS NOT NULL
                 OR l.is_busy OR l.pause_ms > 0) IS TRUE AS is_governed
      FROM (SELECT x.tenant_id, x.subscription_id, array_agg(x.queue_ctid) AS queue_ctids
              FROM due x
             GROUP BY x.tenant_id, x.subscription_id) d
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
    SELECT j.tenant_id, j.subscription_id,
           (SELECT d.message_id
              FROM due d
             WHERE d.tenant_id = j.tenant_id AND d.subscription_id = j.subscription_id
             ORDER BY d.message_id
             LIMIT 1) AS first_id
      FROM judged j
     WHERE j.is_governed AND cardinality(j.queue_ctids) >= 16
), moved AS (
    UPDATE queue q
       SET laned = true, leased = false
     WHERE q.ctid = ANY (ARRAY(SELECT unnest(j.queue_ctids) FROM judged j WHERE j.is_governed
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
       SET is_busy = true, next_at = greatest(excluded.next_at, l.paused_until), n_turns = l.n_turns % 2000000000 + 1, n_idle = 0
     WHERE NOT l.is_busy
), claimed AS (
    UPDATE queue AS q
       SET due_at = now() + $2::integer * interval '1 millisecond', leased = true, fence = q.fence + 1
     WHERE q.ctid = ANY (ARRAY(SELECT unnest(j.queue_ctids) FROM judged j WHERE NOT j.is_governed))
    RETURNING q.tenant_id, q.subscription_id, q.message_id, q.fence, q.attempts, q.schedule_from
)
SELECT z.n_moved, NULL::bigint AS lane_due_ms, q.tenant_id, q.subscription_id, q.message_id, q.fence, q.attempts, q.schedule_from,
       false AS is_trial, z.looked_until_us
  FROM (SELECT (SELECT count(*) FROM moved) AS n_moved,
               (extract(epoch FROM least(now() - interval '200 milliseconds', -- of a publishing that was slow to commit
                                         CASE WHEN count(*) >= $1::integer THEN max(d.due_at) END)) * 1000000)::bigint
               AS looked_until_us
          FROM due d) z
  LEFT JOIN claimed q ON true;

-- name: lane_claim
-- $1 how many messages integer, $2 lease in milliseconds integer, $3 so many of these at most of lanes on trial integer.
-- First columns: how many lanes were looked at, in how many milliseconds the next one is due (NULL: none).
WITH trial AS MATERIALIZED (
    -- Those on trial wait for places that the ones before them may keep for long, and are not looked at without any:
    -- so that they never stand before others. First those that have not failed yet; one of each tenant in turn.
    SELECT t.lane_ctid
      FROM (SELECT d.lane_ctid, d.is_broken, d.next_at,
                   row_number() OVER (PARTITION BY d.tenant_id, d.is_broken ORDER BY d.next_at) AS turn
              FROM (SELECT l.ctid AS lane_ctid, l.tenant_id, l.next_at, l.pause_ms > 0 AS is_broken
                      FROM lane l
                     WHERE l.next_at <= now() AND (l.succeeded_at IS NULL OR l.pause_ms > 0)
                       AND $3::integer > 0
                     ORDER BY l.next_at
                     LIMIT 2000) d) t
     ORDER BY t.is_broken, t.turn, t.next_at
     LIMIT 32
), looked_at AS MATERIALIZED (
    SELECT *
      FROM (SELECT l.ctid AS lane_ctid, l.*
              FROM lane l
             WHERE l.next_at <= now() AND l.succeeded_at IS NOT NULL AND l.pause_ms = 0
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
           greatest(0, least(w.most - f.n, floor(t.tokens)::integer, m.most_of_one)) AS n_allowed
      FROM looked_at l
     CROSS JOIN (SELECT greatest(32, $1::integer / greatest(count(*), 1)::integer) AS most_of_one FROM looked_at) m
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
), orphaned AS (
    -- Of a tenant that is being moved, or was: nothing would take them from the head.
    DELETE FROM lane l
     WHERE (SELECT count(*) FROM looked_at) > (SELECT count(*) FROM limited)
       AND l.ctid = ANY (ARRAY(SELECT x.lane_ctid
                                 FROM looked_at x
                                WHERE NOT EXISTS (SELECT
                                                    FROM subscription s
                                                   WHERE s.tenant_id = x.tenant_id AND s.id = x.subscription_id)))
    RETURNING l.subscription_id
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
     WHERE NOT r.is_trial OR r.n_before <= $3::integer
     ORDER BY r.turn
     LIMIT $1::integer
), granted AS MATERIALIZED (
    SELECT x.ctid AS queue_ctid
      FROM queue x
     WHERE x.ctid = ANY (ARRAY(SELECT c.queue_ctid FROM chosen c)) AND x.due_at <= now()
       FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE queue AS q
       SET due_at = now() + $2::integer * interval '1 millisecond', leased = true, fence = q.fence + 1, laned = true
     WHERE q.ctid = ANY (ARRAY(SELECT g.queue_ctid FROM granted g))
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
SELECT z.n_lanes, z.lane_due_ms, q.tenant_id, q.subscription_id, q.message_id, q.fence, q.attempts, q.schedule_from,
       (SELECT l.is_trial FROM limited l WHERE l.tenant_id = q.tenant_id AND l.subscription_id = q.subscription_id) AS is_trial,
       NULL::bigint AS looked_until_us
  FROM (SELECT (SELECT count(*) FROM limited) + (SELECT count(*) FROM orphaned) AS n_lanes,
               (SELECT ceil(extract(epoch FROM l.next_at - now()) * 1000)::bigint
                  FROM lane l
                 WHERE l.next_at > now() AND l.next_at < 'infinity'
                 ORDER BY l.next_at
                 LIMIT 1) AS lane_due_ms) z
  LEFT JOIN claimed q ON true;
