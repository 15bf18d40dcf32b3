-- Lanes, beside the claim (claim.sql). Role: hookline_worker, on the claim's connection. See docs/adr/0022-lanes.md.

-- name: lane_tell
-- What a worker has learned of subscriptions: about their lanes, or what makes one. Arrays of one length, in one order
-- that all workers share: $1 tenant_id uuid[], $2 subscription_id uuid[], $3 how many receivers answered integer[],
-- $4 what the failures cost integer[], $5 for how many milliseconds it wants nothing bigint[], $6 said with which status
-- integer[], $7 how old the youngest of the attempts is in milliseconds bigint[], $8 how many messages go into the lane
-- integer[], $9 the lane waits so many milliseconds bigint[], $10 whether it answers well, as far as these know,
-- boolean[]; and what divides pauses: $11 integer.
-- Then the messages that go into lanes, which this worker has leased: $12 tenant_id uuid[], $13 subscription_id uuid[],
-- $14 message_id uuid[], $15 fence integer[]. Returns one row: how many of these still were its own.
-- Nothing is told of a subscription that is not here any more: its tenant may have moved while this worker slept.
-- Each lane is locked where it is written, or made, one behind the other: who locked those that are there first, and
-- made the others then, would wait crosswise with a claim that does it in one go (`woken`). What is written is decided
-- in lane_told() once the lane is locked; n_turns of what is proposed says which of those that were given it is.
WITH given AS MATERIALIZED (
    SELECT g.*
      FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[], $5::bigint[], $6::integer[], $7::bigint[],
                  $8::integer[], $9::bigint[], $10::boolean[]) WITH ORDINALITY
           AS g (tenant_id, subscription_id, n_answered, cost, throttle_ms, throttle_status, age_ms, n_entering, wait_ms,
                 is_proven, nth)
), entered AS (
    UPDATE queue q
       SET laned = true, leased = false, due_at = now()
     WHERE q.ctid = ANY (ARRAY(SELECT x.queue_ctid
                                 FROM unnest($12::uuid[], $13::uuid[], $14::uuid[], $15::integer[])
                                      AS e (tenant_id, subscription_id, message_id, fence)
                                CROSS JOIN LATERAL (SELECT q.ctid AS queue_ctid
                                                      FROM queue q
                                                     WHERE q.tenant_id = e.tenant_id AND q.subscription_id = e.subscription_id
                                                       AND q.message_id = e.message_id AND q.leased AND q.fence = e.fence
                                                    OFFSET 0
                                                       FOR UPDATE SKIP LOCKED) x))
    RETURNING q.message_id
), told AS (
    INSERT INTO lane AS l (tenant_id, subscription_id, is_busy, next_at, max_in_flight, failure_cost, pause_ms, paused_until,
                           succeeded_at, asked_at, asked_until, asked_status, n_turns)
    SELECT g.tenant_id, g.subscription_id, n.is_busy, n.next_at, n.max_in_flight, n.failure_cost, n.pause_ms, n.paused_until,
           n.succeeded_at, n.asked_at, n.asked_until, n.asked_status, g.nth
      FROM given g
     CROSS JOIN LATERAL lane_told(NULL, g.n_answered, g.cost, g.throttle_ms, g.throttle_status, g.age_ms, g.n_entering,
                                  g.wait_ms, g.is_proven, $11::integer) n
     CROSS JOIN LATERAL (SELECT
                           FROM subscription x
                          WHERE x.tenant_id = g.tenant_id AND x.id = g.subscription_id
                         OFFSET 0) s
     ORDER BY g.tenant_id, g.subscription_id
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET (is_busy, next_at, max_in_flight, failure_cost, pause_ms, paused_until, succeeded_at, since, asked_at,
            asked_until, asked_status, n_turns, n_idle)
         = (SELECT n.is_busy, n.next_at, n.max_in_flight, n.failure_cost, n.pause_ms, n.paused_until, n.succeeded_at,
                   n.since, n.asked_at, n.asked_until, n.asked_status, n.n_turns, n.n_idle
              FROM lane_told(l, ($3::integer[])[EXCLUDED.n_turns], ($4::integer[])[EXCLUDED.n_turns],
                             ($5::bigint[])[EXCLUDED.n_turns], ($6::integer[])[EXCLUDED.n_turns],
                             ($7::bigint[])[EXCLUDED.n_turns], ($8::integer[])[EXCLUDED.n_turns],
                             ($9::bigint[])[EXCLUDED.n_turns], ($10::boolean[])[EXCLUDED.n_turns], $11::integer) n)
)
SELECT count(*) AS n_entered FROM entered;
