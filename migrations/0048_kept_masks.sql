-- What was sensitive when it was stored stays masked: docs/adr/0035-masking.md.
-- Locks: event_type and connection_values ACCESS EXCLUSIVE for milliseconds, no row is written. Time: instant.

ALTER TABLE event_type ADD COLUMN past_sensitive_paths jsonb; -- {"$.person.iban": until when it was sensitive}; NULL: none
ALTER TABLE connection_values ADD COLUMN masked_keys text[]; -- whose field was sensitive, and is not, or is gone; NULL: none
GRANT UPDATE (masked_keys) ON connection_values TO hookline_api;
