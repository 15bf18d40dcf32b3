-- Statements on flows. $2 is the caller's partner: it sees those of its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: flow_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 body json, $4 derived json (flow_change.sql), $5 flow_id uuid, $6 token text
SELECT r.code, r.body, r.new_id AS key
  FROM flow_create($1::uuid, $2::text, $3::json, $4::json, $5::uuid, $6::text) r;

-- name: flow_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor: the last flow_id uuid or NULL,
-- $5 app_id uuid or NULL, $6 state text or NULL
-- A tenant has 1000 that are not archived: a page looks at list_reach() of the tenant's, or of one app's.
WITH seen AS MATERIALIZED (
    (SELECT f AS flow, f.id, row_number() OVER (ORDER BY f.id DESC) AS place
       FROM flow f
      WHERE f.tenant_id = $1::uuid AND $5::uuid IS NULL AND f.id < coalesce($4::uuid, uuid_max())
      ORDER BY f.id DESC
      LIMIT list_reach($3::integer, 1, num_nonnulls($2::text, $6::text) > 0))
     UNION ALL
    (SELECT f AS flow, f.id, row_number() OVER (ORDER BY f.id DESC) AS place
       FROM flow f
      WHERE f.tenant_id = $1::uuid AND f.app_id = $5::uuid AND f.id < coalesce($4::uuid, uuid_max())
      ORDER BY f.id DESC
      LIMIT list_reach($3::integer, 1, num_nonnulls($2::text, $6::text) > 0))
), page AS (
    SELECT v.flow, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($6::text IS NULL OR (v.flow).state = $6::text)
       AND ($2::text IS NULL
            OR EXISTS (SELECT FROM app a
                        WHERE a.tenant_id = $1::uuid AND a.id = (v.flow).app_id AND a.partner = $2::text))
     ORDER BY v.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(flow_json(p.flow) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT v.id FROM seen v
                   WHERE v.place = list_reach($3::integer, 1, num_nonnulls($2::text, $6::text) > 0)) END::text AS key
  FROM page p;

-- name: flow_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid
WITH found AS (
    SELECT f AS flow
      FROM flow f
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = f.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE f.tenant_id = $1::uuid AND f.id = $3::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT flow_json(f.flow)::text FROM found f) AS body;

-- name: flow_update
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid, $4 body json, $5 derived json, $6 if_match text or NULL
SELECT r.code, r.body FROM flow_update($1::uuid, $2::text, $3::uuid, $4::json, $5::json, $6::text) r;

-- name: flow_archive
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid
SELECT r.code, NULL::text AS body FROM flow_archive($1::uuid, $2::text, $3::uuid) AS r (code);

-- name: flow_start
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid
SELECT r.code, r.body FROM flow_set_state($1::uuid, $2::text, $3::uuid, 'running') r;

-- name: flow_stop
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid
SELECT r.code, r.body FROM flow_set_state($1::uuid, $2::text, $3::uuid, 'stopped') r;

-- name: flow_rotate_url
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid, $4 token text
SELECT r.code, r.body FROM flow_rotate_url($1::uuid, $2::text, $3::uuid, $4::text) r;

-- name: flow_presets
-- $1 tenant_id uuid, $2 the presets json
SELECT '' AS code, $2::text AS body FROM tenant t WHERE t.tenant_id = $1::uuid;
