-- The newest subscriptions before `cursor` for a list that is limited to a partner or an app, or to none: by
-- each of up to 100 apps, or through all of the tenant's, list_reach() rows of each way. `end_id` is
-- where the way that ended first ends, NULL when all have come to their end: no row is older than that.
CREATE OR REPLACE FUNCTION subscription_walk(tenant_id uuid, partner text, app_id uuid, page_limit integer, cursor uuid,
                                             is_filtered boolean)
RETURNS TABLE (subscription subscription, id uuid, end_id uuid) LANGUAGE sql STABLE AS $$
    WITH chosen AS MATERIALIZED (
        SELECT a.id
          FROM app a
         WHERE a.tenant_id = $1 AND num_nonnulls($2, $3) > 0
           AND ($2 IS NULL OR a.partner = $2) AND ($3 IS NULL OR a.id = $3)
         LIMIT 101
    ), way AS MATERIALIZED (
        SELECT w.is_by_app,
               list_reach($4, CASE WHEN w.is_by_app THEN w.n ELSE 1 END,
                          $6 OR ($2 IS NOT NULL AND NOT w.is_by_app)) AS reach
          FROM (SELECT count(*) AS n, num_nonnulls($2, $3) > 0 AND count(*) <= 100 AS is_by_app FROM chosen) w
    ), seen AS MATERIALIZED (
        (SELECT s AS subscription, s.id, row_number() OVER (ORDER BY s.id DESC) AS place
           FROM subscription s
          WHERE s.tenant_id = $1 AND s.kind = 'delivery' AND NOT (SELECT w.is_by_app FROM way w) AND s.id < coalesce($5, uuid_max())
          ORDER BY s.id DESC
          LIMIT (SELECT w.reach FROM way w))
         UNION ALL
        SELECT x.subscription, x.id, x.place
          FROM chosen h
         CROSS JOIN LATERAL (
                SELECT s AS subscription, s.id, row_number() OVER (ORDER BY s.id DESC) AS place
                  FROM subscription s
                 WHERE s.tenant_id = $1 AND s.app_id = h.id AND s.kind = 'delivery' AND (SELECT w.is_by_app FROM way w)
                   AND s.id < coalesce($5, uuid_max())
                 ORDER BY s.id DESC
                 LIMIT (SELECT w.reach FROM way w)) x
    ), reached AS MATERIALIZED (
        SELECT v.id FROM seen v, way w WHERE v.place = w.reach ORDER BY v.id DESC LIMIT 1
    )
    SELECT v.subscription, v.id, (SELECT r.id FROM reached r)
      FROM seen v
     WHERE v.id >= coalesce((SELECT r.id FROM reached r), uuid_min())
       AND ($3 IS NULL OR (v.subscription).app_id = $3)
       AND ($2 IS NULL OR EXISTS (SELECT FROM app a
                                   WHERE a.tenant_id = $1 AND a.id = (v.subscription).app_id AND a.partner = $2))
     ORDER BY v.id DESC
$$;
