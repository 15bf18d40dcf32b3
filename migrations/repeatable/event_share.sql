-- Holds events until the transaction ends: a message of theirs may be put into the queue, because nobody forgets
-- them or their payloads meanwhile. Whoever queues messages of events of the past begins with this. In one order.
-- Returns those that have their payload.
CREATE OR REPLACE FUNCTION event_share(tenant_id uuid, event_ids uuid[]) RETURNS uuid[] LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('hookline.past.' || current_schema())); -- see partition_detach()
    RETURN (SELECT coalesce(array_agg(h.id) FILTER (WHERE h.payload_state IS NULL), '{}')
              FROM (SELECT e.id, e.payload_state
                      FROM event e
                     WHERE e.tenant_id = $1 AND e.id = ANY ($2)
                     ORDER BY e.id
                       FOR SHARE) h);
END
$$;

-- Why an event cannot be sent again, as a problem's errors; NULL when it can.
CREATE OR REPLACE FUNCTION payload_fault(tenant_id uuid, event_id uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    gone event;
BEGIN
    SELECT e.* INTO gone FROM event e WHERE e.tenant_id = $1 AND e.id = $2;
    RETURN CASE WHEN gone.id IS NULL THEN fault('', 'The event has expired.')
                WHEN gone.payload_state IS NOT NULL
                THEN fault('', format('The event''s payload was %s at %s.',
                                      CASE gone.payload_state WHEN 'expired' THEN 'forgotten' ELSE gone.payload_state END,
                                      to_char(gone.payload_gone_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))) END;
END
$$;
