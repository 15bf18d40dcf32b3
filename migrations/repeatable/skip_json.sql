-- The public JSON form of a skip: why an event did not become a message for a subscription.
CREATE OR REPLACE FUNCTION skip_json(k skip, app_id uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('subscription_id', k.subscription_id, 'app_id', app_id, 'reason', k.reason)
$$;
