-- A lane says who asked for its rest, until when and why, and when somebody put an end to it (docs/adr/0022-lanes.md):
-- what was sent before that tells nothing of the receiver of today.
-- Locks: ACCESS EXCLUSIVE on lane, for an instant: columns without a default. Time: instant.

ALTER TABLE lane
    ADD COLUMN asked_at     timestamptz, -- when the receiver asked for rest; NULL: it has not
    ADD COLUMN asked_until  timestamptz, -- until when it rests therefore
    ADD COLUMN asked_status integer,     -- the status that asked
    ADD COLUMN lifted_at    timestamptz; -- the lane began anew: a resume, another URL, a successful test

GRANT INSERT (is_busy, next_at, lifted_at),
      UPDATE (failure_cost, pause_ms, paused_until, since, asked_at, asked_until, asked_status, lifted_at) ON lane TO hookline_api;
