-- What a subscription missed while it was not active: skips for a reason of its own. Those that became messages after
-- all (job_make()) are none any more.

-- How many since then, exact up to 10,000. The reasons are those of the index skip_missed.
CREATE OR REPLACE FUNCTION missed_json(s subscription, since timestamptz) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('since', $2, 'events', least(count(*), 10000), 'is_exact', count(*) <= 10000)
      FROM (SELECT
              FROM skip k
             WHERE k.tenant_id = s.tenant_id AND k.subscription_id = s.id AND k.event_id >= uuid_v7_floor($2)
               AND k.reason IN ('subscription_pending', 'subscription_paused', 'subscription_unsubscribed',
                                'subscription_disabled')
             LIMIT 10001) x
$$;

-- Since when is meant when nobody says: since it is stopped, or as far back as can be had again.
CREATE OR REPLACE FUNCTION missed_since(s subscription, asked timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(coalesce($2, CASE WHEN s.state NOT IN ('active', 'held') THEN s.state_changed_at END, '-infinity'),
                    now() - interval '30 days', s.created_at)
$$;
