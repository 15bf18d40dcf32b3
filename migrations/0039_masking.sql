-- What support sees masked: see docs/adr/0035-masking.md.
-- Locks: event_type and custom_field ACCESS EXCLUSIVE for milliseconds, no row is written. Time: instant.

ALTER TABLE event_type ADD COLUMN sensitive_paths text[] NOT NULL DEFAULT '{}'; -- "$.person.iban", "$.lines[*].note"
ALTER TABLE custom_field ADD COLUMN is_sensitive boolean NOT NULL DEFAULT false;
