-- The public JSON form of an event, without its payload: GET of one adds that.
CREATE OR REPLACE FUNCTION event_json(e event) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', e.id, 'event_type', e.event_type,
                             'company', (SELECT c.external_id
                                           FROM company c
                                          WHERE c.tenant_id = e.tenant_id AND c.id = e.company_id),
                             'external_id', e.external_id, 'occurred_at', e.occurred_at,
                             'accepted_at', uuid_v7_time(e.id), 'payload_state', coalesce(e.payload_state, 'stored'),
                             'payload_gone_at', e.payload_gone_at)
$$;
