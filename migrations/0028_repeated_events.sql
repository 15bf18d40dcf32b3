-- How often a producer has published an event again under its own id, and when last: what support is asked about.
-- Locks: ACCESS EXCLUSIVE on event_key for an instant: nothing is rewritten. Time: instant.

ALTER TABLE event_key
    ADD COLUMN n_repeats   integer, -- NULL: never, as nearly always
    ADD COLUMN repeated_at timestamptz;
