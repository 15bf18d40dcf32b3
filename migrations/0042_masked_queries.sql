-- A query about payloads that is asked by who sees masks is asked of the masks: docs/adr/0035-masking.md.
-- Locks: none that anybody waits for. Time: instant.

ALTER TYPE log_terms ADD ATTRIBUTE is_masked boolean; -- path and attributes are asked of payloads with masks
