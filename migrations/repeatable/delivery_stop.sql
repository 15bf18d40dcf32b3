-- Tells the workers that something was stopped, when the transaction commits: an attempt of theirs that has not
-- begun to be sent (a slow name server, a connection that is not accepted) is given back then, and
-- worker/record.sql holds or cancels it, or it is claimed again as things are now. So a change of state holds one
-- second after it was answered, however slow a receiver is. What is said is short, whatever is stopped: a
-- tenant's id alone means all of its subscriptions.
CREATE OR REPLACE FUNCTION delivery_stop(tenant_id uuid, subscription_ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality($2) > 50 THEN
        PERFORM pg_notify('hookline_stopped', $1::text);
    ELSE
        PERFORM pg_notify('hookline_stopped', $1 || ' ' || s.id) FROM unnest($2) AS s (id);
    END IF;
END
$$;
