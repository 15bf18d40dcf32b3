-- Statements on apps. $2 is the caller's partner: it sees its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: app_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 body json, $4 signing secrets json,
-- $5 what is wrong with the subscription's URL unless the tenant allows http, text or NULL
SELECT r.code, r.body, r.new_id AS key FROM app_create($1::uuid, $2::text, $3::json, $4::json, $5::text) r;

-- name: app_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL,
-- $5 partner asked for text or NULL, $6 the beginning of the name text or NULL, $7 state text or NULL
-- With a name or a state a page looks at list_reach() apps at most.
WITH seen AS MATERIALIZED (
    SELECT a AS app, a.id, row_number() OVER (ORDER BY a.id DESC) AS place
      FROM app a
     WHERE a.tenant_id = $1::uuid AND a.id < coalesce($4::uuid, uuid_max())
       AND ($2::text IS NULL OR a.partner = $2::text) AND ($5::text IS NULL OR a.partner = $5::text)
     ORDER BY a.id DESC
     LIMIT list_reach($3::integer, 1, num_nonnulls($6::text, $7::text) > 0)
), page AS (
    SELECT v.app, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($6::text IS NULL OR starts_with(lower((v.app).name), lower($6::text)))
       AND ($7::text IS NULL OR (v.app).state = $7::text)
     ORDER BY v.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(app_json(p.app) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT v.id FROM seen v
                   WHERE v.place = list_reach($3::integer, 1, num_nonnulls($6::text, $7::text) > 0))
       END::text AS key
  FROM page p;

-- name: app_companies
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 limit integer,
-- $5 cursor: the last connection_id uuid or NULL
-- In the order of the connections, newest first; a page looks at list_reach() of them at most.
WITH owner AS (
    SELECT a.id FROM app a
     WHERE a.tenant_id = $1::uuid AND a.id = $3::uuid AND ($2::text IS NULL OR a.partner = $2::text)
), seen AS MATERIALIZED (
    SELECT x.id, x.company_id, x.state, row_number() OVER (ORDER BY x.id DESC) AS place
      FROM connection x
     WHERE x.tenant_id = $1::uuid AND x.app_id = (SELECT o.id FROM owner o) AND x.id < coalesce($5::uuid, uuid_max())
     ORDER BY x.id DESC
     LIMIT list_reach($4::integer, 1, true)
), page AS (
    SELECT v.company_id, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE v.state <> 'disconnected'
     ORDER BY v.id DESC
     LIMIT $4::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM owner) THEN '' ELSE 'not_found' END AS code,
       coalesce(json_agg((SELECT company_json(c) FROM company c WHERE c.tenant_id = $1::uuid AND c.id = p.company_id)
                         ORDER BY p.n) FILTER (WHERE p.n <= $4::integer), '[]')::text AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(p.id ORDER BY p.n))[$4::integer]
            ELSE (SELECT v.id FROM seen v WHERE v.place = list_reach($4::integer, 1, true)) END::text AS key
  FROM page p;

-- name: app_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid
WITH found AS (
    SELECT a AS app FROM app a
     WHERE a.tenant_id = $1::uuid AND a.id = $3::uuid AND ($2::text IS NULL OR a.partner = $2::text)
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT app_json(f.app)::text FROM found f) AS body;

-- name: app_update
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid, $4 body json, $5 If-Match text or NULL
SELECT r.code, r.body FROM app_update($1::uuid, $2::text, $3::uuid, $4::json, $5::text) r;

-- name: app_archive
-- $1 tenant_id uuid, $2 partner text or NULL, $3 app_id uuid
SELECT r.code, NULL::text AS body FROM app_archive($1::uuid, $2::text, $3::uuid) AS r (code);
