-- What a worker does in steps waits when a step fails, longer each time, so that it does not keep others waiting: job_postpone().
-- Locks: backfill, replay, queue_change and retention ACCESS EXCLUSIVE for milliseconds, no row is written. Time: instant.

ALTER TABLE backfill     ADD COLUMN n_failed_steps integer NOT NULL DEFAULT 0; -- in a row, up to now
ALTER TABLE replay       ADD COLUMN n_failed_steps integer NOT NULL DEFAULT 0;
ALTER TABLE queue_change ADD COLUMN n_failed_steps integer NOT NULL DEFAULT 0;
ALTER TABLE retention    ADD COLUMN n_failed_steps integer NOT NULL DEFAULT 0;
