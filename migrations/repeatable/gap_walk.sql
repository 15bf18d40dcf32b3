-- What never arrived: pairs of an event and a subscription, each under the id of the message that it is or would have
-- become (message_id()), newest first. From three sources, none of which is read further than `reach` rows a page:
-- messages with a reason (failed, cancelled, held), what waits in the queue, and skips. `end_id`: pairs below it have
-- not been looked at; NULL: there are none. The last row is of no pair and says end_id only.
--
-- A message that waits says so as everybody is told (message_standing()): what a worker has not got to yet is `held` or
-- `cancelled` already, and `pending` says what for: its first attempt (waiting), or another one (retrying).
--
-- Not a gap is what a subscription does not want, unless that is asked for by `reason` (type_not_selected, filter_false);
-- what was skipped and became a message later, which is asked instead; what failed and arrived when it was sent again.

CREATE OR REPLACE FUNCTION skip_is_unwanted(reason text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT $1 IN ('type_not_selected', 'filter_false')
$$;

CREATE OR REPLACE FUNCTION gap_walk(tenant_id uuid, partner text, of_app_id uuid, of_subscription_id uuid, with_reason text, since timestamptz,
                                    until timestamptz, before_id uuid, reach integer)
RETURNS TABLE (pair_id uuid, event_id uuid, subscription_id uuid, app_id uuid, state text, reason text, end_id uuid)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    low_id  constant uuid := id_since($6);
    high_id constant uuid := least(coalesce($8, uuid_max()), id_until($7));
BEGIN
    RETURN QUERY
    WITH RECURSIVE asked AS MATERIALIZED (
        -- When the question is of some subscriptions only: those.
        SELECT s.id AS subscription_id
          FROM app a
          JOIN subscription s ON s.tenant_id = $1 AND s.app_id = a.id
         WHERE num_nonnulls($2, $3, $4) > 0 AND a.tenant_id = $1 AND ($2 IS NULL OR a.partner = $2)
           AND ($3 IS NULL OR a.id = $3) AND ($4 IS NULL OR s.id = $4)
           AND ($4 IS NULL OR a.id = (SELECT x.app_id FROM subscription x WHERE x.tenant_id = $1 AND x.id = $4))
    ), waiting AS (
        (SELECT q.subscription_id
           FROM queue q
          WHERE q.tenant_id = $1 AND num_nonnulls($2, $3, $4) = 0
          ORDER BY q.subscription_id
          LIMIT 1)
         UNION ALL
        SELECT n.subscription_id
          FROM waiting w
         CROSS JOIN LATERAL (SELECT q.subscription_id
                               FROM queue q
                              WHERE q.tenant_id = $1 AND q.subscription_id > w.subscription_id
                              ORDER BY q.subscription_id
                              LIMIT 1) n
    ), way AS MATERIALIZED (
        SELECT w.subscription_id, greatest(10, $9 / count(*) OVER ()) AS reach
          FROM (TABLE waiting
                 UNION ALL
                SELECT a.subscription_id
                  FROM asked a
                 WHERE EXISTS (SELECT FROM queue q WHERE q.tenant_id = $1 AND q.subscription_id = a.subscription_id)) w
    ), queued AS MATERIALIZED (
        SELECT w.subscription_id, w.reach, x.message_id, x.place
          FROM way w
         CROSS JOIN LATERAL (SELECT q.message_id, row_number() OVER (ORDER BY q.message_id DESC) AS place
                               FROM queue q
                              WHERE q.tenant_id = $1 AND q.subscription_id = w.subscription_id
                                AND q.message_id < high_id AND q.message_id >= low_id
                              ORDER BY q.message_id DESC
                              LIMIT w.reach) x
    ), ended AS MATERIALIZED (
        SELECT m, m.id, m.event_id, m.subscription_id, m.resend_of, row_number() OVER (ORDER BY m.id DESC) AS place
          FROM message m
         WHERE m.tenant_id = $1 AND m.status_reason IS NOT NULL AND m.id < high_id AND m.id >= low_id
         ORDER BY m.id DESC
         LIMIT $9
    ), passed AS MATERIALIZED (
        SELECT k.event_id, k.subscription_id, k.reason, row_number() OVER (ORDER BY k.event_id DESC) AS place
          FROM skip k
         WHERE k.tenant_id = $1 AND k.event_id <= message_id_ceiling(high_id) AND k.event_id >= low_id
         ORDER BY k.event_id DESC
         LIMIT $9
    ), skipped AS MATERIALIZED (
        -- All of the last event, so that the order within it does not matter.
        SELECT p.event_id, p.subscription_id, p.reason
          FROM passed p
         UNION
        SELECT k.event_id, k.subscription_id, k.reason
          FROM (SELECT p.event_id FROM passed p WHERE p.place = $9) l
         CROSS JOIN LATERAL (SELECT x.event_id, x.subscription_id, x.reason
                               FROM skip x
                              WHERE x.tenant_id = $1 AND x.event_id BETWEEN message_id_floor(l.event_id) AND message_id_ceiling(l.event_id)
                             OFFSET 0) k
    ), reached AS MATERIALIZED (
        SELECT max(e.id::text)::uuid AS id
          FROM (SELECT q.message_id AS id FROM queued q WHERE q.place = q.reach
                 UNION ALL
                SELECT e.id FROM ended e WHERE e.place = $9
                 UNION ALL
                SELECT message_id_floor(p.event_id) FROM passed p WHERE p.place = $9) e
    ), found AS (
        SELECT e.id AS pair_id, e.event_id, e.subscription_id, x.status AS state, x.reason
          FROM ended e
         CROSS JOIN LATERAL message_standing(e.m) x
         WHERE e.resend_of IS NULL
         UNION ALL
        SELECT q.message_id, m.event_id, q.subscription_id, m.status, m.reason
          FROM queued q
         CROSS JOIN LATERAL (SELECT x.event_id, s.status,
                                    CASE WHEN s.status <> 'pending' THEN s.reason WHEN s.attempts > 0 THEN 'retrying' ELSE 'waiting' END AS reason
                               FROM message x
                              CROSS JOIN LATERAL message_standing(x) s
                              WHERE x.tenant_id = $1 AND x.id = q.message_id AND x.status_reason IS NULL AND x.resend_of IS NULL
                             OFFSET 0) m
         UNION ALL
        SELECT message_id(s.event_id, s.subscription_id), s.event_id, s.subscription_id, 'skipped', s.reason
          FROM skipped s
         WHERE CASE WHEN $5 IS NULL THEN NOT skip_is_unwanted(s.reason) ELSE s.reason = $5 END
    )
    SELECT f.pair_id, f.event_id, f.subscription_id, a.id, f.state, f.reason, r.id
      FROM found f
     CROSS JOIN reached r
     CROSS JOIN LATERAL (SELECT y.id
                           FROM subscription x
                           JOIN app y ON y.tenant_id = $1 AND y.id = x.app_id
                          WHERE x.tenant_id = $1 AND x.id = f.subscription_id
                            AND ($2 IS NULL OR y.partner = $2) AND ($3 IS NULL OR y.id = $3)
                         OFFSET 0) a
     WHERE f.pair_id < high_id AND (r.id IS NULL OR f.pair_id >= r.id)
       AND ($4 IS NULL OR f.subscription_id = $4)
       AND ($5 IS NULL OR $5 IN (f.state, f.reason))
       AND NOT EXISTS (SELECT
                         FROM message m
                        WHERE m.tenant_id = $1 AND m.event_id = f.event_id AND m.subscription_id = f.subscription_id
                          AND m.resend_of IS NOT NULL AND m.status = 'succeeded'
                          AND m.id BETWEEN message_id_floor(f.event_id) AND message_id_ceiling(f.event_id))
       AND NOT (f.state = 'skipped'
                AND EXISTS (SELECT
                              FROM message m
                             WHERE m.tenant_id = $1 AND m.id = f.pair_id AND m.subscription_id = f.subscription_id))
     UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, r.id FROM reached r;
END
$$;

-- The public JSON form of a gap.
CREATE OR REPLACE FUNCTION gap_json(tenant_id uuid, pair_id uuid, event_id uuid, subscription_id uuid, app_id uuid, state text, reason text)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('event_id', $3, 'event_type', e.event_type, 'company', c.external_id, 'accepted_at', uuid_v7_time($3),
                             'app_id', $5, 'subscription_id', $4, 'message_id', CASE WHEN $6 <> 'skipped' THEN $2 END,
                             'state', $6, 'reason', $7)
      FROM (SELECT $3 AS id) i
      LEFT JOIN event e ON e.tenant_id = $1 AND e.id = i.id
      LEFT JOIN company c ON c.tenant_id = $1 AND c.id = e.company_id
$$;
