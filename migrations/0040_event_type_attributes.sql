-- Attributes of payloads that an event type declares, so that the log can be searched for them by name. Nothing of them
-- is stored with an event: publishing costs what it did, and a payload that is forgotten takes them along.
-- Locks: ACCESS EXCLUSIVE on event_type for an instant, no rewrite. Time: instant.

ALTER TABLE event_type ADD COLUMN attributes jsonb; -- {"order_id": "$.order.id"}; NULL: none
ALTER TYPE log_terms ADD ATTRIBUTE declaring_types text[]; -- those that have all attribute_names; NULL: none is asked for
