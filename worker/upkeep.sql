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

-- name: health_check
-- $1 how many at most integer, $2 an hour in milliseconds bigint, $3 worker text. Subscriptions that have been failing.
SELECT health_check($1::integer, $2::bigint, $3::text);

-- name: connection_values_sweep
-- $1 how many at most integer, $2 an hour in milliseconds bigint. One row: at how many replaced versions it looked.
SELECT connection_values_sweep($1::integer, $2::bigint * interval '1 millisecond');
