-- What some worker does now and then: see worker/upkeep.c. Each returns one row: how much was done, a bigint.

-- name: partition_create
-- $1 weeks ahead integer. One row: how many partitions were made.
SELECT partition_create($1::integer)::bigint;

-- name: rate_bucket_sweep
-- Buckets that nobody has used for a day are full: a new row says the same. One row: how many there were.
WITH gone AS (
    DELETE FROM rate_bucket b WHERE b.refilled_at < now() - interval '1 day' RETURNING b.refilled_at
)
SELECT count(*) FROM gone;

-- name: idempotency_key_sweep
-- $1 how many integer. Keys of more than a day, which are free again: the oldest ones, and those of the same instant.
-- A range of the index by age, not a join, which a table that was empty a moment ago may turn round.
WITH gone AS (
    DELETE FROM idempotency_key k
     WHERE k.created_at < now() - interval '24 hours'
       AND k.created_at <= (SELECT max(old.created_at)
                              FROM (SELECT o.created_at FROM idempotency_key o
                                     WHERE o.created_at < now() - interval '24 hours'
                                     ORDER BY o.created_at
                                     LIMIT $1::integer) old)
    RETURNING k.id
)
SELECT count(*) FROM gone;

-- name: subscription_secret_sweep
-- $1 how many at most integer. Secrets that have not signed for an hour.
WITH gone AS (
    DELETE FROM subscription_secret k
     USING (SELECT o.tenant_id, o.subscription_id, o.id FROM subscription_secret o
             WHERE o.expires_at < now() - interval '1 hour'
             ORDER BY o.expires_at
             LIMIT $1::integer) old
     WHERE k.tenant_id = old.tenant_id AND k.subscription_id = old.subscription_id AND k.id = old.id
    RETURNING k.id
)
SELECT count(*) FROM gone;

-- name: lane_sweep
-- $1 how many at most integer. Lanes that nothing waits for, and what was known of their receivers.
WITH gone AS (
    DELETE FROM lane l
     WHERE l.ctid = ANY (ARRAY(SELECT o.ctid FROM lane o
                                WHERE o.next_at = 'infinity'
                                LIMIT $1::integer
                                  FOR UPDATE SKIP LOCKED))
    RETURNING l.subscription_id
)
SELECT count(*) FROM gone;

-- name: lane_mend
-- Messages in a lane that there is not, or that nobody will look at: there should be none. Walks from one subscription
-- to the next.
WITH RECURSIVE found AS (
    (SELECT q.tenant_id, q.subscription_id FROM queue q WHERE q.laned ORDER BY q.tenant_id, q.subscription_id LIMIT 1)
     UNION ALL
    SELECT n.tenant_id, n.subscription_id
      FROM found f
     CROSS JOIN LATERAL (SELECT q.tenant_id, q.subscription_id
                           FROM queue q
                          WHERE q.laned AND (q.tenant_id, q.subscription_id) > (f.tenant_id, f.subscription_id)
                          ORDER BY q.tenant_id, q.subscription_id
                          LIMIT 1) n
), mended AS (
    INSERT INTO lane AS l (tenant_id, subscription_id)
    SELECT f.tenant_id, f.subscription_id
      FROM found f
      LEFT JOIN LATERAL (SELECT x.next_at
                           FROM lane x
                          WHERE x.tenant_id = f.tenant_id AND x.subscription_id = f.subscription_id
                         OFFSET 0) x ON true
     WHERE x.next_at IS NULL OR x.next_at = 'infinity'
     ORDER BY f.tenant_id, f.subscription_id -- as all who wait for lanes
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE
       SET is_busy = true, next_at = excluded.next_at, n_turns = l.n_turns % 2000000000 + 1
     WHERE l.next_at = 'infinity'
    RETURNING l.subscription_id
)
SELECT count(*) FROM mended;

-- name: queue_change_step
-- $1 how many messages at most integer. One row: 1 when there was a change of what waits to go on with, else 0. See
-- migrations/repeatable/subscription_queue.sql.
SELECT queue_change_step($1::integer);

-- name: tenant_secret_sweep
-- $1 how many at most integer. The same for those of tenants.
WITH gone AS (
    DELETE FROM tenant_secret k
     USING (SELECT o.tenant_id, o.id FROM tenant_secret o
             WHERE o.expires_at < now() - interval '1 hour'
             ORDER BY o.expires_at
             LIMIT $1::integer) old
     WHERE k.tenant_id = old.tenant_id AND k.id = old.id
    RETURNING k.id
)
SELECT count(*) FROM gone;

-- name: backfill_sweep
-- $1 how many at most integer. Those that ended 30 days ago.
WITH gone AS (
    DELETE FROM backfill b
     USING (SELECT o.tenant_id, o.id FROM backfill o
             WHERE o.finished_at < now() - interval '30 days'
             ORDER BY o.finished_at
             LIMIT $1::integer) old
     WHERE b.tenant_id = old.tenant_id AND b.id = old.id
    RETURNING b.id
)
SELECT count(*) FROM gone;

-- name: replay_sweep
-- $1 how many at most integer. What those that ended 30 days ago were about, and those of which nothing is left.
WITH old AS MATERIALIZED (
    SELECT r.tenant_id, r.id FROM replay r WHERE r.finished_at < now() - interval '30 days' ORDER BY r.finished_at LIMIT 10
), forgotten AS (
    DELETE FROM replay_message i
     WHERE i.ctid = ANY (ARRAY(SELECT x.ctid
                                 FROM old o
                                CROSS JOIN LATERAL (SELECT y.ctid
                                                      FROM replay_message y
                                                     WHERE y.tenant_id = o.tenant_id AND y.replay_id = o.id
                                                     LIMIT $1::integer) x
                                LIMIT $1::integer))
    RETURNING i.message_id
), gone AS (
    DELETE FROM replay r
     USING old o
     WHERE r.tenant_id = o.tenant_id AND r.id = o.id
       AND NOT EXISTS (SELECT FROM replay_message y WHERE y.tenant_id = o.tenant_id AND y.replay_id = o.id)
    RETURNING r.id
)
SELECT (SELECT count(*) FROM forgotten) + (SELECT count(*) FROM gone);

-- name: health_check
-- $1 how many at most integer, $2 an hour in milliseconds bigint, $3 worker text. Subscriptions that have been failing.
SELECT health_check($1::integer, $2::bigint, $3::text);

-- name: connection_values_sweep
-- $1 how many at most integer, $2 an hour in milliseconds bigint. One row: at how many replaced versions it looked.
SELECT connection_values_sweep($1::integer, $2::bigint * interval '1 millisecond');

-- name: partition_drop_step
-- $1 how many event keys at most integer. A step of dropping the weeks that all tenants are done with: see
-- migrations/repeatable/partition_drop.sql.
SELECT partition_drop_step($1::integer);

-- name: retention_step
-- $1 how many events at most integer, $2 an hour in milliseconds bigint. A step for one tenant: see
-- migrations/repeatable/retention_step.sql.
SELECT retention_step($1::integer, $2::bigint * interval '1 millisecond');

-- name: tenant_hold_release
-- $1 how many messages integer. Tenants that a move held when it was killed. One row: how many it was about; there may be
-- more to do of them.
SELECT tenant_hold_release($1::integer);
