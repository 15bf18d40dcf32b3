-- The public JSON forms of a flow. Its secrets are sealed: who has written them is told that they are there, not what they are.

-- The unguessable part of a flow's URL, as hk/flow_key.h writes it.
CREATE OR REPLACE FUNCTION flow_key(f flow) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(encode(uuid_send(f.tenant_id) || uuid_send(f.id)
                        || decode(translate(f.token, '-_', '+/') || '==', 'base64'), 'base64'), '+/', '-_');

-- Where its requests go. Whoever has it may send to a flow without a credential: support is not shown it.
CREATE OR REPLACE FUNCTION flow_url(f flow) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN -- plpgsql, because sees_masks() is created later
    RETURN CASE WHEN NOT sees_masks()
                THEN (SELECT rtrim(coalesce(t.base_url, ''), '/') FROM tenant t WHERE t.tenant_id = f.tenant_id)
                     || '/in/' || flow_key(f) END;
END
$$;

CREATE OR REPLACE FUNCTION flow_json(f flow) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', f.id, 'app_id', f.app_id, 'name', f.name, 'state', f.state, 'url', flow_url(f),
               'methods', f.methods, 'credential', f.credential, 'answer', f.answer, 'content_types', f.content_types,
               'max_body_bytes', f.max_body_bytes, 'rate_per_second', f.rate_per_second,
               'delivery', f.delivery, 'max_receives', f.max_receives, 'steps', f.steps, 'version', f.version,
               'secrets', (SELECT coalesce(json_agg(json_build_object('name', k.name, 'created_at', k.created_at,
                                                                      'expires_at', k.expires_at) ORDER BY k.name), '[]')
                             FROM flow_secret k
                            WHERE k.tenant_id = f.tenant_id AND k.flow_id = f.id AND (k.expires_at IS NULL OR k.expires_at > now())),
               'created_at', f.created_at, 'updated_at', f.updated_at)
$$;
