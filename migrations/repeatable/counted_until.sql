-- What was accepted or recorded before this time is in the roll-ups, which outlive it: whoever forgets what lies in the log
-- asks first. -infinity: not even what was there before the roll-ups were. A minute ago when nothing is amiss.
CREATE OR REPLACE FUNCTION stat_counted_until() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p.history_tenant IS NULL THEN least(p.attempts_to, p.events_to) ELSE '-infinity' END
      FROM stat_progress p
     WHERE p.tenant_id = installation_id()
$$;
