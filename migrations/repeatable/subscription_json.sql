-- The public JSON form of a subscription. The secret and the password are left out on purpose; the
-- role that calls this may not even read them.
CREATE OR REPLACE FUNCTION subscription_json(s subscription) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', s.id, 'app_id', s.app_id, 'url', s.url, 'description', s.description,
               'event_types', s.event_types, 'profile', s.profile, 'timeout_ms', s.timeout_ms,
               'username', (SELECT b.username
                              FROM subscription_credentials b
                             WHERE b.tenant_id = s.tenant_id AND b.subscription_id = s.id),
               'state', s.state, 'state_reason', s.state_reason, 'state_changed_at', s.state_changed_at,
               'created_at', s.created_at, 'updated_at', s.updated_at)
$$;
