-- When an attempt was written down: what is read once, in the order in which it came (roll-ups, the live tail), goes by
-- it. Rows of before have the moment of this migration. BRIN, not a b-tree: a successful delivery pays next to nothing.
-- Locks: ACCESS EXCLUSIVE on attempt and its partitions: an instant for the column (a constant default rewrites nothing),
-- then while the index is built, which reads the table once: some 10 s for 10 million attempts, during which verdicts
-- wait and nothing is lost.

ALTER TABLE attempt ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now(); -- its transaction's
CREATE INDEX attempt_recorded ON attempt USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);
