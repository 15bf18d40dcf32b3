-- A hold whose move was killed ends by itself, unless the move may have flipped: tenant_hold_release(). See
-- docs/adr/0041-moving-a-tenant.md. What is under way now may have, as may a move by an older program.
-- Locks: ACCESS EXCLUSIVE on tenant_move, which has hardly a row. Time: instant.
ALTER TABLE tenant_move ADD COLUMN flips_at timestamptz DEFAULT now(); -- since then it may have; NULL: it has not
