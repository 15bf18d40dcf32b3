-- The public JSON form of a tenant. A limit or quota that is null is the installation's default.
CREATE OR REPLACE FUNCTION tenant_json(t tenant) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', t.tenant_id, 'name', t.name, 'cell', t.cell, 'allow_http', t.allow_http,
                             'allowed_networks', coalesce(to_json(t.allowed_networks), '[]'),
                             'state', t.state, 'base_url', t.base_url, 'cool_off_s', t.cool_off_s,
                             'operational_app_id', t.operational_app_id,
                             'retention_payload_days', t.retention_payload_days,
                             'retention_message_days', t.retention_message_days,
                             'retention_attempt_days', t.retention_attempt_days,
                             'retention_max_days', t.retention_max_days,
                             'requests_per_second', t.requests_per_second, 'requests_burst', t.requests_burst,
                             'quotas', json_build_object('apps', t.quota_apps, 'companies', t.quota_companies,
                                                         'subscriptions', t.quota_subscriptions,
                                                         'events_per_day', t.quota_events_per_day),
                             'created_at', t.created_at, 'updated_at', t.updated_at)
$$;
