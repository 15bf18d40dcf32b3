-- Jobs. Role: hookline_worker. Each statement is one step of one job, if any is due. One row: milliseconds until there
-- may be another step, a bigint. See migrations/repeatable/backfill_step.sql, replay_step.sql.

-- name: backfill_step
-- $1 worker text, $2 settle in milliseconds integer
SELECT backfill_step($2::integer, $1::text);

-- name: replay_step
-- $1 worker text
SELECT replay_step($1::text);
