-- A tenant can be archived: its keys are refused and what it had queued is cancelled.
-- Locks: ACCESS EXCLUSIVE on tenant. Time: one read of a small table.

ALTER TABLE tenant
    DROP CONSTRAINT tenant_state,
    ADD CONSTRAINT tenant_state CHECK (state IN ('active', 'suspended', 'archived'));
