-- What is kept must be kept for longer than any schedule goes on: asked when the one or the other changes. The caller
-- holds the tenant. Changes are in tenant_change.sql, profile_change.sql and subscription_change.sql, the work in
-- retention_step.sql.

-- How long a schedule goes on at the most, jitter included, in seconds.
CREATE OR REPLACE FUNCTION schedule_length_s(schedule text, jitter_percent integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ceil(coalesce(sum(d.delay_s), 0) * (1 + coalesce($2, 0) / 100.0))::bigint FROM unnest(schedule_delays_s($1)) AS d (delay_s)
$$;

-- Why a schedule cannot be the tenant's, as a problem's errors; NULL when it can.
CREATE OR REPLACE FUNCTION schedule_fault_text(tenant_id uuid, schedule text, jitter_percent integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format('It goes on for longer than payloads are kept, which is %s days (retention_payload_days of the tenant).',
                  t.retention_payload_days)
      FROM tenant t
     WHERE t.tenant_id = $1 AND schedule_length_s($2, $3) >= t.retention_payload_days * 86400
$$;
CREATE OR REPLACE FUNCTION schedule_fault(tenant_id uuid, pointer text, schedule text, jitter_percent integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT fault($2, f.detail) FROM schedule_fault_text($1, $3, $4) AS f (detail) WHERE f.detail IS NOT NULL
$$;

-- The same of a subscription that is made (`old` is NULL) or changed.
CREATE OR REPLACE FUNCTION subscription_schedule_faults(tenant_id uuid, old subscription, given json, prefix text)
RETURNS TABLE (pointer text, detail text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    overrides json := overrides_merge(old.overrides, given -> 'overrides');
    used      profile;
BEGIN
    IF old.id IS NOT NULL AND num_nonnulls(given -> 'profile', given -> 'overrides') = 0 THEN
        RETURN;
    END IF;
    SELECT p.* INTO used
      FROM profile p
     WHERE p.tenant_id IN ($1, installation_id()) AND p.name = coalesce(given ->> 'profile', old.profile, 'standard')
     ORDER BY p.tenant_id DESC
     LIMIT 1;
    pointer := prefix || CASE WHEN given #> '{overrides,schedule}' IS NOT NULL THEN '/overrides/schedule'
                              WHEN given -> 'profile' IS NOT NULL OR old.id IS NULL THEN '/profile'
                              ELSE '/overrides' END;
    detail := schedule_fault_text($1, coalesce(overrides ->> 'schedule', used.schedule),
                                  coalesce((overrides ->> 'jitter_percent')::integer, used.jitter_percent));
    IF detail IS NOT NULL THEN
        RETURN NEXT;
    END IF;
END
$$;

-- `t` with the retention that `given` names; null is the default.
CREATE OR REPLACE FUNCTION retention_merge(t tenant, given json) RETURNS tenant LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    t.retention_payload_days := coalesce(json_patched(given, 'retention_payload_days', t.retention_payload_days::text)::integer, 30);
    t.retention_message_days := coalesce(json_patched(given, 'retention_message_days', t.retention_message_days::text)::integer, 90);
    t.retention_attempt_days := coalesce(json_patched(given, 'retention_attempt_days', t.retention_attempt_days::text)::integer, 90);
    t.retention_max_days := coalesce(json_patched(given, 'retention_max_days', t.retention_max_days::text)::integer, 400);
    RETURN t;
END
$$;

-- The longest schedule of the tenant's own profiles and of its subscriptions, in seconds.
CREATE OR REPLACE FUNCTION retention_longest_schedule_s(tenant_id uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(schedule_length_s(x.schedule, x.jitter_percent)), 0)
      FROM (SELECT p.schedule, p.jitter_percent FROM profile p WHERE p.tenant_id = $1
             UNION
            SELECT coalesce(s.overrides ->> 'schedule', u.schedule),
                   coalesce((s.overrides ->> 'jitter_percent')::integer, u.jitter_percent)
              FROM subscription s
             CROSS JOIN LATERAL (SELECT p.schedule, p.jitter_percent
                                   FROM profile p
                                  WHERE p.tenant_id IN ($1, installation_id()) AND p.name = s.profile
                                  ORDER BY p.tenant_id DESC
                                  LIMIT 1) u
             WHERE s.tenant_id = $1 AND s.state <> 'archived') x
$$;

-- What is wrong with the retention that a change of `before` makes, as a problem's errors; NULL when nothing is.
CREATE OR REPLACE FUNCTION retention_faults(before tenant, given json) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    after     tenant := retention_merge(before, given);
    longest_s bigint;
BEGIN
    IF after IS NOT DISTINCT FROM before THEN
        RETURN NULL;
    END IF;
    longest_s := retention_longest_schedule_s(before.tenant_id);
    RETURN (SELECT json_agg(json_build_object('pointer', f.pointer, 'detail', f.detail))::text
              FROM (VALUES (after.retention_payload_days * 86400 <= longest_s, '/retention_payload_days',
                            format('A schedule of the tenant goes on for %s days: payloads must be kept for longer.',
                                   round(longest_s / 86400.0, 1))),
                           (after.retention_attempt_days < after.retention_payload_days, '/retention_attempt_days',
                            'must not be less than retention_payload_days'),
                           (after.retention_message_days < after.retention_attempt_days, '/retention_message_days',
                            'must not be less than retention_attempt_days'),
                           (after.retention_message_days > after.retention_max_days, '/retention_message_days',
                            format('The most is %s days (retention_max_days).', after.retention_max_days)))
                   AS f (is_fault, pointer, detail)
             WHERE f.is_fault);
END
$$;
