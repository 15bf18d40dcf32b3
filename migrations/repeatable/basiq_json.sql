-- Nouns as Basiq's paths show them (BQ-01 to BQ-06): camelCase, and links in place of our lists' Link.

-- What links begin with: the tenant's own API, which leads these paths here; '' while it has none.
CREATE OR REPLACE FUNCTION basiq_base_url(tenant_id uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(rtrim(t.base_url, '/'), '') FROM tenant t WHERE t.tenant_id = $1
$$;

-- A subscription.
CREATE OR REPLACE FUNCTION basiq_webhook_json(s subscription) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'type', 'webhook', 'id', s.id, 'appId', s.app_id, 'description', s.description, 'url', s.url,
               'subscribedEvents', s.event_types, 'status', s.state, 'activeFrom', s.active_from,
               'createdTime', s.created_at,
               'links', json_build_object('self', basiq_base_url(s.tenant_id) || '/notifications/webhooks/' || s.id))
$$;

-- A message without its attempts.
CREATE OR REPLACE FUNCTION basiq_message_json(m message) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    base_url text := basiq_base_url(m.tenant_id);
BEGIN -- plpgsql, because message_status() is created after this file
    RETURN json_build_object(
        'type', 'message', 'id', m.id, 'webhookId', m.subscription_id,
        'eventTypeId', (SELECT e.event_type FROM event e WHERE e.tenant_id = m.tenant_id AND e.id = m.event_id),
        'eventId', m.event_id, 'status', message_status(m), 'createdTime', uuid_v7_time(m.id),
        'links', json_build_object(
            'self', base_url || '/notifications/webhooks/' || m.subscription_id || '/messages/' || m.id,
            'webhook', base_url || '/notifications/webhooks/' || m.subscription_id,
            'event', base_url || '/events/' || m.event_id));
END
$$;
