-- The states of a subscription, and what happens to its queue with them. The statements are in
-- api/resources/subscriptions.sql; `unsubscribed` and `disabled` are set by worker/record.sql.
-- Everyone who changes a state holds the subscription's row first, then its changes of the queue, then rows of
-- the queue, then messages: the order of worker/record.sql.

-- Writes the new state, begins with what follows from it for what waits, and writes the line in the audit log: with how
-- many messages were held, cancelled or released at once (`messages`). Has the workers stop when it is not active any more, and do
-- the rest.
CREATE OR REPLACE FUNCTION subscription_set_state(tenant_id uuid, subscription_id uuid, new_state text, reason text,
                                                  action text, detail json) RETURNS subscription
LANGUAGE plpgsql AS $$
DECLARE
    held      subscription;
    n_changed integer;
BEGIN
    UPDATE subscription s
       SET state = $3, state_reason = $4, state_changed_at = now(), updated_at = now()
     WHERE s.tenant_id = $1 AND s.id = $2
    RETURNING s.* INTO held;
    n_changed := queue_change_begin($1, $2, 'state', NULL, NULL, NULL, NULL, 1000);
    IF $3 <> 'active' THEN
        PERFORM delivery_stop($1, ARRAY[$2]);
    ELSE
        DELETE FROM subscription_health h WHERE h.tenant_id = $1 AND h.subscription_id = $2; -- it begins anew
        PERFORM pg_notify('hookline_due', '');
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, $5, $2::text, json_plus(coalesce($6, json_build_object('state', $3)), 'messages', to_json(n_changed)));
    RETURN held;
END
$$;

-- Why a subscription of that URL (NULL: judged elsewhere) may not become active, as a problem's errors; NULL when it
-- may. A key is believed for some seconds after its tenant has been stopped, and what has an http:// URL that is not
-- allowed any more, tenant_update() has paused. Ask behind tenant_share().
CREATE OR REPLACE FUNCTION subscription_activity_fault(tenant_id uuid, url text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN t.state <> 'active' THEN fault('', format('The tenant is %s.', t.state))
                WHEN NOT t.allow_http AND $2 ILIKE 'http:%'
                THEN fault('/url', 'The tenant does not allow http:// any more.') END
      FROM tenant t
     WHERE t.tenant_id = $1
$$;

-- Stops sending. What waits is held; what is in flight ends on its own, and is held should it have to
-- wait again. New events: `paused` skips them, `held` makes messages of them that wait as well.
CREATE OR REPLACE FUNCTION subscription_stop(tenant_id uuid, partner text, subscription_id uuid, new_state text,
                                             OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held subscription;
BEGIN
    held := subscription_lock($1, $2, $3);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.state NOT IN ('active', 'paused', 'held') THEN
        code := 'conflict';
        body := fault('', format('The subscription is %s.', held.state));
        RETURN;
    END IF;

    IF held.state <> $4 THEN
        held := subscription_set_state($1, $3, $4, NULL, 'subscription.' || $4, NULL);
    END IF;
    code := '';
    body := subscription_json(held)::text;
END
$$;
DROP FUNCTION IF EXISTS subscription_pause(uuid, text, uuid);

-- Ends the rest of an active subscription, which the caller holds: it is sent to now. `why`: "resume", "test". Returns
-- whether there was one.
CREATE OR REPLACE FUNCTION subscription_end_rest(s subscription, why text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT subscription_lift_rest(s, true) THEN
        RETURN false;
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES (s.tenant_id, 'subscription.rest_ended', s.id::text, json_build_object('by', why));
    RETURN true;
END
$$;

-- Sends again, in the order in which the events were published; not before the end of the cool-off. Of an active one it
-- ends the rest that its receiver asked for.
CREATE OR REPLACE FUNCTION subscription_resume(tenant_id uuid, partner text, subscription_id uuid,
                                               OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held subscription;
BEGIN
    PERFORM tenant_share($1);
    held := subscription_lock($1, $2, $3);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.state NOT IN ('active', 'paused', 'held') THEN
        code := 'conflict';
        body := fault('', format('The subscription is %s.', held.state));
        RETURN;
    END IF;

    body := coalesce(subscription_activity_fault($1, held.url), subscription_verification_fault(held));
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;

    IF held.state = 'active' THEN
        PERFORM subscription_end_rest(held, 'resume');
    ELSE
        held := subscription_set_state($1, $3, 'active', NULL, 'subscription.resumed', NULL);
        PERFORM lane_lift($1, $3); -- last, as whoever locks lanes does
    END IF;
    code := '';
    body := subscription_json(held)::text;
END
$$;

-- After a test that went well. `body`: whether that has ended a rest.
CREATE OR REPLACE FUNCTION subscription_test_passed(tenant_id uuid, partner text, subscription_id uuid,
                                                    OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held subscription := subscription_lock($1, $2, $3);
BEGIN
    code := '';
    body := 'false';
    IF held.state = 'active' THEN
        body := subscription_end_rest(held, 'test')::text;
    END IF;
END
$$;

-- Makes a subscription that a 401 or a 410 has stopped active again; on request with the messages
-- that were cancelled by that stop (BC-22), each from the start of its schedule, in steps; those of companies
-- that are not connected any more, or paused, stay cancelled. Without them it has to wait until all are cancelled. What was
-- published meanwhile was missed: the answer
-- says how much that is, and on request a backfill makes messages of it, from what the stop was, or `since`.
CREATE OR REPLACE FUNCTION subscription_revive(tenant_id uuid, partner text, subscription_id uuid, given json,
                                               OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held      subscription;
    was       subscription;
    rest      queue_change;
    is_with   boolean := coalesce(($4 ->> 'messages')::boolean, false);
    n_revived integer := 0;
    since     timestamptz;
    missed    json;
    made      backfill;
BEGIN
    PERFORM tenant_share($1);
    held := subscription_lock($1, $2, $3);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.state NOT IN ('unsubscribed', 'disabled') THEN
        code := 'conflict';
        body := fault('', format('The subscription is %s.', held.state));
        RETURN;
    END IF;

    body := coalesce(subscription_activity_fault($1, held.url), subscription_verification_fault(held),
                     CASE WHEN NOT is_with AND queue_change_hurry($1, $3, 'state')
                          THEN fault('/messages', 'What waited is still being cancelled: ask again in a moment.') END);
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;

    since := missed_since(held, ($4 ->> 'since')::timestamptz);
    missed := missed_json(held, since);
    IF coalesce(($4 ->> 'missed')::boolean, false) THEN
        made := backfill_start($1, $3, 'revived', since, NULL, NULL, NULL, false);
        IF made.id IS NULL THEN
            code := 'conflict';
            body := backfill_cap_fault('/missed');
            RETURN;
        END IF;
    END IF;
    was := held;
    held := subscription_set_state($1, $3, 'active', NULL, 'subscription.revived',
                                   json_build_object('with_messages', is_with, 'backfill_id', made.id));
    -- A revival that another stop has interrupted goes on with this one, or ends.
    DELETE FROM queue_change c
     WHERE c.tenant_id = $1 AND c.subscription_id = $3 AND c.kind = 'revive'
    RETURNING c.* INTO rest;
    IF is_with THEN
        n_revived := queue_change_begin($1, $3, 'revive', NULL, concat_ws(' ', was.state_reason, rest.reason),
                                        least(was.state_changed_at, rest.as_of),
                                        least(was.cancelled_from, rest.from_id), 1000);
    END IF;
    PERFORM lane_lift($1, $3);
    code := '';
    body := json_plus(json_plus(json_plus(subscription_json(held), 'revived_messages', to_json(n_revived)),
                                'missed', missed),
                      'backfill', CASE WHEN made.id IS NOT NULL THEN backfill_json(made) END)::text;
END
$$;

CREATE OR REPLACE FUNCTION subscription_archive(tenant_id uuid, partner text, subscription_id uuid, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    held subscription;
BEGIN
    held := subscription_lock($1, $2, $3);
    IF held.id IS NULL OR held.state = 'archived' THEN
        code := 'not_found';
        RETURN;
    END IF;
    PERFORM subscription_set_state($1, $3, 'archived', 'subscription_archived', 'subscription.archived', NULL);
    PERFORM quota_give($1, 'subscriptions', 1);
    code := '';
END
$$;
