-- Cancels messages that wait while their subscription goes on: those of one connection or backfill, or all of a
-- tenant's, in steps. From the answer on they are not sent and are shown as cancelled (message_ending.sql). Nothing of
-- the kind is made meanwhile: who wants to connect or to restore is told to wait (queue_is_cancelling()).
DROP FUNCTION IF EXISTS queue_cancel(uuid, uuid[], uuid, text);
DROP FUNCTION IF EXISTS queue_cancel_waiting(uuid, uuid[], uuid, text);

-- `target_id` NULL: all. Looks at `most` messages at once and leaves the rest to the workers. Returns how many were
-- cancelled.
CREATE OR REPLACE FUNCTION queue_cancel(tenant_id uuid, subscription_ids uuid[], target_id uuid, reason text, most integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    id          uuid;
    n_cancelled integer := 0;
BEGIN
    FOREACH id IN ARRAY $2 LOOP
        n_cancelled := n_cancelled + queue_change_begin($1, id, 'cancel', $3, $4, NULL, NULL, $5 / cardinality($2));
    END LOOP;
    PERFORM delivery_stop($1, $2); -- what is of others is claimed again
    RETURN n_cancelled;
END
$$;

-- Whether that is still under way; `target_id` NULL: of all.
CREATE OR REPLACE FUNCTION queue_is_cancelling(tenant_id uuid, target_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT
                     FROM queue_change c
                    WHERE c.tenant_id = $1 AND c.target_id = coalesce($2, uuid_min()) AND c.kind = 'cancel')
$$;
