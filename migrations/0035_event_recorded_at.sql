-- When an event was written down, as attempts say it (0029): the live tail shows messages in the order in which they
-- came. An event's id does not say it: it is made by the clock of an API process, before the event has waited for its batch.
-- Locks: ACCESS EXCLUSIVE on event and its partitions: an instant for the column (a constant default rewrites nothing),
-- then while the index is built, which reads the table once: some 5 s for 10 million events, during which publishing waits.

ALTER TABLE event ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now(); -- its transaction's
CREATE INDEX event_recorded ON event USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);
