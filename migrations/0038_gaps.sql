-- The gap report asks whether a message that failed was sent again since, and arrived (docs/adr/0029-sent-again.md).
-- Locks: SHARE on message while the index is built, which reads the table once: some 10 s for each 10 million rows, during
-- which publishing and verdicts wait and nothing is lost. It holds what was sent again only. Time: that.

CREATE INDEX message_repeated ON message (tenant_id, event_id, subscription_id) WHERE resend_of IS NOT NULL;
