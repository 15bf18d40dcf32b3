-- Profiles: how a subscription is spoken to. A name means the tenant's own profile, else the shipped one.

CREATE OR REPLACE FUNCTION profile_json(p profile) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'name', p.name, 'is_shipped', p.tenant_id = installation_id(), 'base', p.base,
               'envelope', p.envelope, 'signature', p.signature, 'secret_of', p.secret_of, 'starts', p.starts,
               'verification', p.verification,
               'responses', responses_json(p.responses), 'timeout_ms', p.timeout_ms, 'schedule', p.schedule,
               'attempts_after_s', a.attempts_s, 'gives_up_after_s', a.attempts_s[cardinality(a.attempts_s)],
               'jitter_percent', p.jitter_percent,
               'retry_after_cap_ms', p.retry_after_cap_ms,
               'failing_after_h', p.failing_after_h, 'disable_after_h', p.disable_after_h,
               'created_at', p.created_at, 'updated_at', p.updated_at)
      FROM (SELECT schedule_attempts_s(p.schedule) AS attempts_s) a
$$;

-- The profile of a name; all NULL when there is none. The tenant's own is held until the transaction
-- ends, so that nobody deletes it while a subscription is being pointed at it.
CREATE OR REPLACE FUNCTION profile_share(tenant_id uuid, name text) RETURNS profile
LANGUAGE plpgsql AS $$
DECLARE
    found profile;
BEGIN
    SELECT p.* INTO found FROM profile p WHERE p.tenant_id = $1 AND p.name = $2 FOR SHARE;
    IF found.name IS NULL THEN
        SELECT p.* INTO found FROM profile p WHERE p.tenant_id = installation_id() AND p.name = $2;
    END IF;
    RETURN found;
END
$$;
