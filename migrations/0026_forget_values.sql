-- Versions of custom values that no message carries any more can be found and forgotten: whoever changes a
-- value again and again would else fill the table.
-- Locks: ACCESS EXCLUSIVE on connection_values for milliseconds, SHARE while the index is built. Time: one read of the
-- table.

ALTER TABLE connection_values
    ADD COLUMN is_pinned boolean NOT NULL DEFAULT false, -- a message of before it carries it: by a resend, by a backfill
    ADD COLUMN has_swept boolean NOT NULL DEFAULT false; -- the version before it was looked at
CREATE INDEX connection_values_unswept ON connection_values (created_at) WHERE version > 1 AND NOT has_swept;
GRANT UPDATE (is_pinned) ON connection_values TO hookline_api;
GRANT UPDATE (is_pinned, has_swept), DELETE ON connection_values TO hookline_worker;
