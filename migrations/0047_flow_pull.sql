-- What a consumer of a pull flow may receive is found by when it may be received: see docs/adr/0039-flows.md.
-- Locks: SHARE on queue, which stops publishing and sending, while all rows are read once: about 1 s for each 10 million
-- that wait. The index holds rows of pull flows only.

CREATE INDEX queue_pull ON queue (tenant_id, subscription_id, pulled_until, message_id) WHERE pulled_until IS NOT NULL;
COMMENT ON COLUMN queue.pulled_until IS 'of a pull flow: when it may be received; until then it is a consumer''s';
