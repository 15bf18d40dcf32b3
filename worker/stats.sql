-- Roll-ups. Role: hookline_worker. See migrations/repeatable/stat_step.sql.

-- name: stat_step
-- $1 settle in milliseconds integer, $2 for how long at most, about, in milliseconds integer, $3 pause in milliseconds
-- integer, $4 for how many days minutes, hours and days are kept integer[]
-- One row: milliseconds until the next step is due, a bigint.
SELECT stat_step($1::integer, $2::integer, $3::integer, $4::integer[]);
