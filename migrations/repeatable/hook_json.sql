-- A subscription of profile basekit to one event type, as REST hooks show it.
CREATE OR REPLACE FUNCTION hook_json(s subscription) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', s.id, 'app_id', s.app_id, 'target_url', s.url, 'event', s.event_types[1],
                             'state', s.state, 'created_at', s.created_at)
$$;
