-- A message that is sent again is a message of its own: docs/adr/0029-sent-again.md.
-- Locks: ACCESS EXCLUSIVE on message (and its partitions) for an instant: columns without a value. Time: instant.

ALTER TABLE message
    ADD COLUMN resend_of  uuid, -- the message that this one is sent again; NULL: none, as nearly all
    ADD COLUMN webhook_id uuid, -- whose webhook-id it carries: of the first of which it is a repetition; NULL: its own
    ADD COLUMN replay_id  uuid; -- the job that made it

GRANT INSERT ON message TO hookline_api; -- its policy binds it to the tenant
