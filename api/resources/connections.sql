-- Statements on connections: companies connected to apps. Reading is limited to the caller's partner
-- ($2); changing is for tenant admins, who have none.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: connection_connect
-- $1 tenant_id uuid, $2 app_id uuid, $3 body json
SELECT r.code, r.body FROM connection_connect($1::uuid, $2::uuid, $3::json) r;

-- name: connection_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL,
-- $5 app_id uuid or NULL, $6 company's external_id text or NULL, $7 company_id uuid or NULL, $8 state text or NULL
-- Goes back by company, by each of up to 100 apps, or through all of the tenant's; looks at list_reach()
-- of each, and shows none that is older than the first way's end.
WITH asked AS MATERIALIZED (
    SELECT co.id
      FROM company co
     WHERE co.tenant_id = $1::uuid AND co.external_id = $6::text AND co.id = coalesce($7::uuid, co.id)
     UNION ALL
    SELECT $7::uuid WHERE $6::text IS NULL AND $7::uuid IS NOT NULL
), chosen AS MATERIALIZED (
    SELECT a.id
      FROM app a
     WHERE a.tenant_id = $1::uuid AND num_nonnulls($2::text, $5::uuid) > 0
       AND ($2::text IS NULL OR a.partner = $2::text) AND ($5::uuid IS NULL OR a.id = $5::uuid)
     LIMIT 101
), way AS MATERIALIZED (
    SELECT w.is_by_app,
           list_reach($3::integer, CASE WHEN w.is_by_app THEN w.n ELSE 1 END,
                      $8::text IS NOT NULL OR ($2::text IS NOT NULL AND NOT w.is_by_app)) AS reach
      FROM (SELECT count(*) AS n, num_nonnulls($2::text, $5::uuid) > 0 AND count(*) <= 100 AS is_by_app FROM chosen) w
), seen AS MATERIALIZED (
    (SELECT c AS connection, c.id, row_number() OVER (ORDER BY c.id DESC) AS place
       FROM connection c
      WHERE c.tenant_id = $1::uuid AND num_nonnulls($6::text, $7::uuid) = 0 AND NOT (SELECT w.is_by_app FROM way w)
        AND c.id < coalesce($4::uuid, uuid_max())
      ORDER BY c.id DESC
      LIMIT (SELECT w.reach FROM way w))
     UNION ALL
    SELECT x.connection, x.id, x.place
      FROM chosen h
     CROSS JOIN LATERAL (
            SELECT c AS connection, c.id, row_number() OVER (ORDER BY c.id DESC) AS place
              FROM connection c
             WHERE c.tenant_id = $1::uuid AND c.app_id = h.id AND num_nonnulls($6::text, $7::uuid) = 0
               AND (SELECT w.is_by_app FROM way w)
               AND c.id < coalesce($4::uuid, uuid_max())
             ORDER BY c.id DESC
             LIMIT (SELECT w.reach FROM way w)) x
     UNION ALL
    SELECT x.connection, x.id, 0
      FROM (SELECT c AS connection, c.id
              FROM connection c
             WHERE c.tenant_id = $1::uuid
               AND c.company_id = (SELECT k.id FROM asked k)
            OFFSET 0) x
     WHERE x.id < coalesce($4::uuid, uuid_max())
), reached AS MATERIALIZED (
    SELECT v.id FROM seen v, way w WHERE v.place = w.reach ORDER BY v.id DESC LIMIT 1
), page AS (
    SELECT v.connection, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE v.id >= coalesce((SELECT r.id FROM reached r), uuid_min())
       AND ($2::text IS NULL OR EXISTS (SELECT FROM app a
                                         WHERE a.tenant_id = $1::uuid AND a.id = (v.connection).app_id
                                           AND a.partner = $2::text))
       AND ($5::uuid IS NULL OR (v.connection).app_id = $5::uuid)
       AND ($8::text IS NULL OR (v.connection).state = $8::text)
     ORDER BY v.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(connection_json(p.connection) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text
           AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT r.id FROM reached r) END::text AS key
  FROM page p;

-- name: connection_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 connection_id uuid
WITH found AS (
    SELECT c AS connection
      FROM connection c
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = c.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE c.tenant_id = $1::uuid AND c.id = $3::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT connection_json(f.connection)::text FROM found f) AS body;

-- name: connection_value_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 connection_id uuid, $4 limit integer,
-- $5 cursor: the last version integer or NULL
WITH found AS (
    SELECT c.id
      FROM connection c
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = c.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE c.tenant_id = $1::uuid AND c.id = $3::uuid
), page AS (
    SELECT v AS connection_values, v.version, row_number() OVER (ORDER BY v.version DESC) AS n
      FROM connection_values v
     WHERE v.tenant_id = $1::uuid AND v.connection_id = (SELECT o.id FROM found o)
       AND v.version < coalesce($5::integer, 2147483647)
     ORDER BY v.version DESC
     LIMIT $4::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       coalesce(json_agg(connection_values_json(p.connection_values) ORDER BY p.n) FILTER (WHERE p.n <= $4::integer),
                '[]')::text AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(p.version ORDER BY p.n))[$4::integer]::text END AS key
  FROM page p;

-- name: connection_set_values
-- $1 tenant_id uuid, $2 connection_id uuid, $3 body json, $4 If-Match text or NULL
SELECT r.code, r.body FROM connection_set_values($1::uuid, $2::uuid, $3::json, $4::text) r;

-- name: connection_pause
-- $1 tenant_id uuid, $2 connection_id uuid
SELECT r.code, r.body FROM connection_set_paused($1::uuid, $2::uuid, true) r;

-- name: connection_resume
-- $1 tenant_id uuid, $2 connection_id uuid
SELECT r.code, r.body FROM connection_set_paused($1::uuid, $2::uuid, false) r;

-- name: connection_disconnect
-- $1 tenant_id uuid, $2 connection_id uuid, $3 queued text or NULL: keep (NULL too) or cancel
SELECT r.code, NULL::text AS body FROM connection_disconnect($1::uuid, $2::uuid, $3::text) AS r (code);
