-- Lanes, beside the claim (claim.sql). Role: hookline_worker, on the claim's connection. See docs/adr/0022-lanes.md.

-- name: lane_tell
-- What a worker has learned of subscriptions: about their lanes, or what makes one. Arrays of one length, in one order
-- that all workers share: $1 tenant_id uuid[], $2 subscription_id uuid[], $3 how many receivers answered integer[],
-- $4 what the failures cost integer[], $5 for how many milliseconds it wants nothing bigint[], $6 how many messages go
-- into the lane integer[], $7 the lane waits so many milliseconds bigint[], $8 whether it answers well, as far as these
-- know, boolean[]; and what divides pauses: $9 integer.
-- Then the messages that go into lanes, which this worker has leased: $10 tenant_id uuid[], $11 subscription_id uuid[],
-- $12 message_id uuid[], $13 fence integer[]. Returns one row: how many of these still were its own.
-- Failures that cost 10 without a success open the circuit: the lane pauses for 1 s, then sends one message to probe,
-- pauses twice as long when that fails, 30 s at most, and begins with one at a time when it succeeds.
WITH given AS MATERIALIZED (
    SELECT g.*
      FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[], $5::bigint[], $6::integer[], $7::bigint[],
                  $8::boolean[])
           AS g (tenant_id, subscription_id, n_answered, cost, throttle_ms, n_entering, wait_ms, is_proven)
), entered AS (
    UPDATE queue q
       SET laned = true, leased = false, due_at = now()
     WHERE q.ctid = ANY (ARRAY(SELECT x.queue_ctid
                                 FROM unnest($10::uuid[], $11::uuid[], $12::uuid[], $13::integer[])
                                      AS e (tenant_id, subscription_id, message_id, fence)
                                CROSS JOIN LATERAL (SELECT q.ctid AS queue_ctid
                                                      FROM queue q
                                                     WHERE q.tenant_id = e.tenant_id AND q.subscription_id = e.subscription_id
                                                       AND q.message_id = e.message_id AND q.leased AND q.fence = e.fence
                                                    OFFSET 0
                                                       FOR UPDATE SKIP LOCKED) x))
    RETURNING q.message_id
), held AS MATERIALIZED (
    SELECT g.*, l.is_busy, l.max_in_flight, l.pause_ms, l.paused_until, l.succeeded_at, l.since,
           CASE WHEN g.n_answered > 0 THEN 0
                ELSE least(1000000, coalesce(l.failure_cost, 0)::bigint + g.cost)::integer END AS failure_cost
      FROM given g
      LEFT JOIN LATERAL (SELECT x.*
                           FROM lane x
                          WHERE x.tenant_id = g.tenant_id AND x.subscription_id = g.subscription_id
                         OFFSET 0
                            FOR UPDATE) l ON true
), judged AS MATERIALIZED (
    SELECT h.*, h.n_answered > 0 AND h.pause_ms > 0 AS closes,
           h.cost > 0 AND h.failure_cost >= 10 AND coalesce(h.paused_until, '-infinity') <= now() AS opens
      FROM held h
), paused AS MATERIALIZED (
    SELECT j.*,
           CASE WHEN j.n_answered > 0 THEN 0
                WHEN j.opens THEN least(30000, greatest(1000, 2 * j.pause_ms))
                ELSE coalesce(j.pause_ms, 0) END AS new_pause_ms
      FROM judged j
), decided AS MATERIALIZED (
    SELECT p.*,
           greatest(CASE WHEN p.closes THEN '-infinity' ELSE p.paused_until END,
                    CASE WHEN p.opens THEN now() + p.new_pause_ms / $9::integer * interval '1 millisecond' END,
                    CASE WHEN p.throttle_ms > 0 THEN now() + p.throttle_ms * interval '1 millisecond' END,
                    '-infinity') AS new_paused_until
      FROM paused p
), told AS (
    INSERT INTO lane AS l (tenant_id, subscription_id, is_busy, next_at, max_in_flight, failure_cost, pause_ms, paused_until,
                           succeeded_at, since)
    SELECT d.tenant_id, d.subscription_id, coalesce(d.is_busy, false) OR d.n_entering > 0 OR d.new_paused_until > now(),
           greatest(now() + d.wait_ms * interval '1 millisecond', d.new_paused_until),
           CASE WHEN d.closes OR d.new_pause_ms > 0 THEN 1
                WHEN d.cost = 0 THEN least(1000, coalesce(d.max_in_flight, 8) + d.n_answered)
                WHEN d.n_answered = 0 THEN greatest(1, coalesce(d.max_in_flight, 8) / 2)
                ELSE coalesce(d.max_in_flight, 8) END,
           d.failure_cost, d.new_pause_ms, d.new_paused_until,
           CASE WHEN d.n_answered > 0 OR d.is_proven THEN now() ELSE d.succeeded_at END,
           CASE WHEN d.closes OR d.opens AND d.pause_ms IS NOT DISTINCT FROM 0 THEN now() ELSE coalesce(d.since, now()) END
      FROM decided d
     ORDER BY d.tenant_id, d.subscription_id
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET is_busy = EXCLUDED.is_busy, next_at = EXCLUDED.next_at, max_in_flight = EXCLUDED.max_in_flight,
           failure_cost = EXCLUDED.failure_cost, pause_ms = EXCLUDED.pause_ms, paused_until = EXCLUDED.paused_until,
           succeeded_at = EXCLUDED.succeeded_at, since = EXCLUDED.since, n_turns = l.n_turns % 2000000000 + 1,
           n_idle = 0 -- the looks for what is just being put into it begin anew: this one may come too soon
)
SELECT count(*) AS n_entered FROM entered;
