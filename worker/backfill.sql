-- Backfills. Role: hookline_worker. See migrations/repeatable/backfill_step.sql.

-- name: backfill_step
-- $1 settle in milliseconds integer, $2 worker text
-- One step of one backfill, if any is due. One row: milliseconds until there may be another step, a bigint.
SELECT backfill_step($1::integer, $2::text);
