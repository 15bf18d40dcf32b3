-- A company can be archived: it is there, with its log, and no event is taken for it any more.
-- Locks: ACCESS EXCLUSIVE on company. Time: instant for the column (a constant default rewrites
-- nothing); the constraint reads the table once, some 3 s with 10 million companies.

ALTER TABLE company
    ADD COLUMN state text NOT NULL DEFAULT 'active'
        CONSTRAINT company_state CHECK (state IN ('active', 'archived'));
