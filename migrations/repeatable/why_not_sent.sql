-- Why an event became no message of a subscription: what was written down when it was published (skip), else what can be
-- told of that time (created_at, the audit log), else how things stand today, and then it says so. The words are in
-- explanation_words.sql.

-- The terms of a filter that have to be true all of them, taken apart where "&&" stands outside of brackets and texts; a
-- filter with an "||" there is one term. The filter has been checked: lib/filter.c.
CREATE OR REPLACE FUNCTION filter_terms(filter text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    token text;
    depth integer := 0;
    term  text := '';
    terms text[] := '{}';
BEGIN
    FOREACH token IN ARRAY
        ARRAY(SELECT t.m[1] FROM regexp_matches($1, '("(?:[^"\\]|\\.)*"|&&|\|\||[][()]|[^][()"&|]+|.)', 'g') AS t (m))
    LOOP
        IF depth = 0 AND token = '||' THEN
            RETURN ARRAY[$1];
        ELSIF depth = 0 AND token = '&&' THEN
            terms := terms || btrim(term);
            term := '';
        ELSE
            depth := depth + CASE WHEN token IN ('(', '[') THEN 1 WHEN token IN (')', ']') THEN -1 ELSE 0 END;
            term := term || token;
        END IF;
    END LOOP;
    RETURN terms || btrim(term);
END
$$;

-- Those of them that are not true of the payload.
CREATE OR REPLACE FUNCTION filter_false_terms(filter text, document jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(t.term ORDER BY t.n)
      FROM unnest(filter_terms($1)) WITH ORDINALITY AS t (term, n)
     WHERE filter_skip_reason(t.term, $2) IS NOT NULL
$$;

-- The first change of a member of a subscription behind a moment, if there was one. Looks at the next 200 lines about it.
CREATE OR REPLACE FUNCTION subscription_member_changed_at(s subscription, member text, moment timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE STRICT AS $$
    SELECT min(l.at)
      FROM (SELECT x.at, x.action, x.detail
              FROM audit_log x
             WHERE x.tenant_id = s.tenant_id AND x.object_id = s.id::text AND x.id >= id_since($3) AND s.updated_at > $3
             ORDER BY x.id
             LIMIT 200) l
     WHERE l.action = 'subscription.changed'
       AND EXISTS (SELECT FROM json_array_elements_text(l.detail -> 'members') n (name) WHERE n.name = $2)
$$;

-- The values of a connection at a moment, when they are still there: a version that nothing carries is forgotten, and
-- then the one before it is not that of the time.
CREATE OR REPLACE FUNCTION connection_values_at(c connection, moment timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT l."values"
      FROM (SELECT v."values", v.version
              FROM connection_values v
             WHERE v.tenant_id = c.tenant_id AND v.connection_id = c.id AND v.created_at <= $2
             ORDER BY v.version DESC
             LIMIT 1) l
     WHERE l.version = c.values_version
        OR EXISTS (SELECT
                     FROM connection_values v
                    WHERE v.tenant_id = c.tenant_id AND v.connection_id = c.id AND v.version = l.version + 1)
$$;

-- Whether somebody has changed the app's custom fields behind a moment. Looks at the next 200 lines about the app; with
-- more, it may be.
CREATE OR REPLACE FUNCTION custom_fields_changed(tenant_id uuid, app_id uuid, moment timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT count(*) = 200 OR coalesce(bool_or(l.action LIKE 'custom\_field.%'), false)
      FROM (SELECT x.action
              FROM audit_log x
             WHERE x.tenant_id = $1 AND x.object_id = $2::text AND x.id >= id_since($3)
             ORDER BY x.id
             LIMIT 200) l
$$;

-- The required fields that a connection lacked, or lacks today when it cannot be told any more. One row; none without a
-- moment.
DROP FUNCTION IF EXISTS connection_missing(connection, timestamptz);
DROP FUNCTION IF EXISTS no_message_reason(event, subscription, connection, audit_log, text, timestamptz);
CREATE OR REPLACE FUNCTION connection_missing(c connection, moment timestamptz)
RETURNS TABLE (missing text[], is_of_then boolean) LANGUAGE sql STABLE STRICT ROWS 1 AS $$
    SELECT custom_values_missing(c.tenant_id, c.app_id, coalesce(o."values", v."values")::json), o."values" IS NOT NULL
      FROM connection_values v
     CROSS JOIN LATERAL (SELECT CASE WHEN NOT custom_fields_changed(c.tenant_id, c.app_id, $2)
                                     THEN connection_values_at(c, $2) END AS "values"
                         OFFSET 0) o
     WHERE v.tenant_id = c.tenant_id AND v.connection_id = c.id AND v.version = c.values_version
$$;

-- Why an operational event did not go to a subscription: it is told to those of its app (and of the tenant's operational
-- app) that select it by name, "*" means the tenant's own types, and never to the one that it tells of. NULL: its payload,
-- which says what it tells of, is gone.
CREATE OR REPLACE FUNCTION operational_reason(e event, s subscription) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN a.about = s.id::text THEN 'event_about_itself'
                WHEN NOT s.event_types && array_remove(event_type_patterns(e.event_type), '*') THEN 'type_not_selected'
                WHEN a.app_id <> s.app_id::text THEN 'event_of_another_app'
                WHEN a.app_id IS NOT NULL THEN 'type_not_selected' END -- today it is
      FROM (SELECT e.payload::json ->> 'subscription_id' AS about, e.payload::json ->> 'app_id' AS app_id) a
$$;

-- The reason as far as it is known of the time of the event; NULL: it is not. `skipped`: what was written down then; `c`:
-- the connection of the event's company, all NULL when there is none; `link`: what was done to it last before the event.
CREATE OR REPLACE FUNCTION reason_of_then(e event, s subscription, c connection, link text, skipped text,
                                          accepted_at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN $5 IS NOT NULL THEN $5
                WHEN s.created_at > $6 THEN 'subscription_created_later'
                WHEN s.state = 'archived' AND s.state_changed_at <= $6 THEN coalesce(s.state_reason, 'subscription_archived')
                WHEN e.company_id IS NULL THEN operational_reason(e, s)
                WHEN c.id IS NULL OR c.created_at > $6 THEN 'not_connected'
                WHEN $4 = 'connection.disconnected' OR c.state = 'disconnected' AND c.updated_at <= $6 THEN 'not_connected' END
$$;

-- The reason that there would be if the event came now.
CREATE OR REPLACE FUNCTION reason_of_now(e event, s subscription, c connection) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN s.state = 'archived' THEN coalesce(s.state_reason, 'subscription_archived')
                WHEN c.state = 'disconnected' THEN 'not_connected'
                WHEN NOT event_type_patterns(e.event_type) && s.event_types THEN 'type_not_selected'
                WHEN c.state <> 'active' THEN 'connection_' || c.state
                WHEN s.state NOT IN ('active', 'held') THEN 'subscription_' || s.state
                ELSE 'no_record' END
$$;

-- One row: the reason, whether all of it is of the time of the event, since when it was so, until when (connected, or
-- changed, later), what is missing, and the sentence. `document` is NULL for whoever must not learn what stands in the
-- payload. It becomes part of the statement that asks (a function that is called is planned anew by each row): "OFFSET
-- 0" has each step done once, and what is not needed is asked for with a NULL, which STRICT functions answer at once.
CREATE OR REPLACE FUNCTION why_not_sent(e event, s subscription, skipped text, document jsonb)
RETURNS TABLE (reason text, as_of text, explanation text, since timestamptz, until timestamptz, missing text[],
               false_terms text[])
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT r.reason, CASE WHEN d.is_of_then THEN 'event' ELSE 'now' END,
           explanation_sentence(
               '/' || CASE WHEN stop.detail ->> 'reason' = 'disabled_by_health' THEN 'disabled_by_health' ELSE r.reason END,
               '/skipped',
               jsonb_build_object(
                   'reason', r.reason, 'event_type', e.event_type,
                   'selected', CASE WHEN d.changed_at IS NULL THEN left(array_to_string(s.event_types, ', '), 300) END,
                   'selected_now', CASE WHEN d.changed_at IS NOT NULL THEN left(array_to_string(s.event_types, ', '), 300) END,
                   'filter', CASE WHEN d.changed_at IS NULL THEN s.filter END,
                   'filter_now', CASE WHEN d.changed_at IS NOT NULL THEN coalesce(s.filter, 'none') END,
                   'terms', array_to_string(d.false_terms, ' and '),
                   'missing', CASE WHEN m.is_of_then THEN nullif(array_to_string(m.missing, ', '), '') END,
                   'missing_now', CASE WHEN NOT m.is_of_then THEN coalesce(nullif(array_to_string(m.missing, ', '), ''), 'nothing') END,
                   'code', substring(stop.detail ->> 'reason' FROM '_by_(\d{3})$'),
                   'attempt_no', stop.detail ->> 'attempt_no', 'stop_message_id', stop.detail ->> 'message_id',
                   'since', explanation_time(d.since), 'until', explanation_time(d.until)))
           || CASE WHEN r.is_of_then THEN '' ELSE ' (This is how things stand today: of then nothing is kept.)' END,
           d.since, d.until, m.missing, d.false_terms
      FROM (SELECT uuid_v7_time(e.id) AS accepted_at OFFSET 0) t
      LEFT JOIN LATERAL (SELECT x.*
                           FROM connection x
                          WHERE x.tenant_id = e.tenant_id AND x.company_id = e.company_id AND x.app_id = s.app_id
                         OFFSET 0) c ON true
      LEFT JOIN LATERAL audit_before(e.tenant_id, CASE WHEN coalesce(skipped, 'connection_paused') = 'connection_paused' THEN c.id::text END,
                                     CASE WHEN skipped IS NULL THEN ARRAY['connection.connected', 'connection.disconnected']
                                          ELSE ARRAY['connection.paused'] END,
                                     t.accepted_at + interval '1 millisecond') link ON true -- ids are of a millisecond
     CROSS JOIN LATERAL (
            SELECT coalesce(x.of_then, reason_of_now(e, s, c::connection)) AS reason, x.of_then IS NOT NULL AS is_of_then
              FROM (SELECT reason_of_then(e, s, c::connection, link.action, skipped, t.accepted_at) AS of_then OFFSET 0) x
            OFFSET 0) r
      LEFT JOIN LATERAL audit_before(e.tenant_id,
                                     CASE WHEN r.reason LIKE 'subscription\_%'
                                           AND r.reason NOT IN ('subscription_created_later', 'subscription_archived') THEN s.id::text END,
                                     ARRAY['subscription.' || substr(r.reason, 14)],
                                     t.accepted_at + interval '2 seconds') stop ON true -- an event's id is older than its storing
      LEFT JOIN LATERAL connection_missing(c::connection, CASE WHEN r.reason = 'connection_incomplete' THEN t.accepted_at END) m ON true
     CROSS JOIN LATERAL (
            SELECT subscription_member_changed_at(
                       s, CASE WHEN s.updated_at <= t.accepted_at THEN NULL
                               WHEN r.reason = 'type_not_selected' THEN 'event_types'
                               WHEN r.reason = 'filter_false' THEN 'filter' END, t.accepted_at) AS changed_at
            OFFSET 0) x
     CROSS JOIN LATERAL (
            SELECT x.changed_at,
                   r.is_of_then AND x.changed_at IS NULL AND coalesce(m.is_of_then, true) AS is_of_then,
                   CASE WHEN r.reason = 'filter_false' AND x.changed_at IS NULL AND document IS NOT NULL
                        THEN filter_false_terms(s.filter, document) END AS false_terms,
                   CASE WHEN r.reason = 'subscription_created_later' THEN s.created_at
                        WHEN r.reason IN ('subscription_archived', 'app_archived') THEN s.state_changed_at
                        WHEN r.reason LIKE 'subscription\_%'
                        THEN coalesce(stop.at, CASE WHEN s.state_changed_at <= t.accepted_at THEN s.state_changed_at END)
                        WHEN r.reason IN ('connection_paused', 'not_connected') AND link.action <> 'connection.connected' THEN link.at
                        WHEN r.reason = 'not_connected' AND c.state = 'disconnected' THEN c.updated_at END AS since,
                   CASE WHEN r.reason = 'not_connected' AND c.created_at > t.accepted_at THEN c.created_at
                        ELSE x.changed_at END AS until
            OFFSET 0) d
$$;
