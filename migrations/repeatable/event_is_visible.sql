-- Whether an event has become, or would have become, a message for one of the given subscriptions: then
-- their partner may see it. A type that none of them selected is none of its business. plpgsql, because the bounds are created after this file.
CREATE OR REPLACE FUNCTION event_is_visible(tenant_id uuid, event_id uuid, subscription_ids uuid[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT
                     FROM message m
                    WHERE m.tenant_id = $1 AND m.id BETWEEN message_id_floor($2) AND message_id_ceiling($2)
                      AND m.event_id = $2 AND m.subscription_id = ANY ($3))
        OR EXISTS (SELECT
                     FROM skip k
                    WHERE k.tenant_id = $1 AND k.event_id = $2 AND k.subscription_id = ANY ($3)
                      AND k.reason <> 'type_not_selected');
END
$$;
