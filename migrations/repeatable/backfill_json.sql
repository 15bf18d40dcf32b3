-- The public JSON form of a backfill. `events_found` is not known before the counting is done.
CREATE OR REPLACE FUNCTION backfill_json(b backfill) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', b.id, 'app_id', s.app_id, 'subscription_id', b.subscription_id, 'reason', b.reason,
               'since', b.since, 'event_types', to_json(b.event_types), 'companies', cardinality(b.company_ids),
               'max_events', b.max_events, 'state', b.state, 'state_reason',
               CASE WHEN b.n_failed_steps > 0 AND b.finished_at IS NULL THEN 'step_failed' ELSE b.state_reason END,
               'events_looked_at', b.n_looked_at, 'events_found', CASE WHEN b.state <> 'counting' THEN b.n_found END,
               'messages', b.n_made, 'events_filtered', b.n_filtered,
               'created_at', b.created_at, 'finished_at', b.finished_at)
      FROM subscription s
     WHERE s.tenant_id = b.tenant_id AND s.id = b.subscription_id
$$;
