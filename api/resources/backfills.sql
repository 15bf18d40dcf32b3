-- Statements on backfills. $2 is the caller's partner: it sees those of its own apps' subscriptions only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: backfill_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json
SELECT r.code, r.body, r.new_id AS key FROM backfill_create($1::uuid, $2::text, $3::uuid, $4::json) r;

-- name: backfill_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL,
-- $5 subscription_id uuid or NULL, $6 state text or NULL
-- Newest first, by the subscription or through all of the tenant's; a page looks at list_reach() of them at most.
WITH seen AS MATERIALIZED (
    (SELECT b AS backfill, b.id, b.state, b.subscription_id, row_number() OVER (ORDER BY b.id DESC) AS place
       FROM backfill b
      WHERE b.tenant_id = $1::uuid AND $5::uuid IS NULL AND b.id < coalesce($4::uuid, uuid_max())
      ORDER BY b.id DESC
      LIMIT list_reach($3::integer, 1, num_nonnulls($2::text, $6::text) > 0))
     UNION ALL
    (SELECT b, b.id, b.state, b.subscription_id, row_number() OVER (ORDER BY b.id DESC)
       FROM backfill b
      WHERE b.tenant_id = $1::uuid AND b.subscription_id = $5::uuid AND b.id < coalesce($4::uuid, uuid_max())
      ORDER BY b.id DESC
      LIMIT list_reach($3::integer, 1, num_nonnulls($2::text, $6::text) > 0))
), page AS (
    SELECT v.backfill, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($6::text IS NULL OR v.state = $6::text)
       AND ($2::text IS NULL
            OR EXISTS (SELECT
                         FROM subscription s
                         JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND a.partner = $2::text
                        WHERE s.tenant_id = $1::uuid AND s.id = v.subscription_id))
     ORDER BY v.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(backfill_json(p.backfill) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT v.id FROM seen v
                   WHERE v.place = list_reach($3::integer, 1, num_nonnulls($2::text, $6::text) > 0)) END::text AS key
  FROM page p;

-- name: backfill_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 backfill_id uuid
WITH found AS (
    SELECT b AS backfill
      FROM backfill b
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = b.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE b.tenant_id = $1::uuid AND b.id = $3::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT backfill_json(f.backfill)::text FROM found f) AS body;

-- name: backfill_cancel
-- $1 tenant_id uuid, $2 partner text or NULL, $3 backfill_id uuid, $4 body json
SELECT r.code, r.body FROM backfill_cancel($1::uuid, $2::text, $3::uuid, $4::json) r;
