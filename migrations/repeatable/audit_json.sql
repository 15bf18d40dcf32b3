-- The public JSON form of a line of the audit log.
CREATE OR REPLACE FUNCTION audit_json(a audit_log) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'action', a.action, 'object_id', a.object_id,
                             'request_id', a.request_id, 'detail', a.detail)
$$;
