-- Statements on event types: the tenant's catalogue.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: event_type_create
-- $1 tenant_id uuid, $2 body json
SELECT r.code, r.body, r.new_name AS key FROM event_type_create($1::uuid, $2::json) r;

-- name: event_type_import
-- $1 tenant_id uuid, $2 body json
SELECT r.code, r.body
  FROM event_type_import($1::uuid, $2::json -> 'event_types', ($2::json ->> 'dry_run')::boolean) r;

-- name: event_type_import_openapi
-- $1 tenant_id uuid, $2 a list of event types json, $3 dry_run text or NULL: true or false (NULL too)
SELECT r.code, r.body FROM event_type_import($1::uuid, $2::json, $3::text::boolean) r;

-- name: event_type_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor: the last name text or NULL,
-- $4 the beginning of the name text or NULL, $5 state text or NULL
-- The names that begin with $4 are a range; with a state a page looks at list_reach() types at most.
WITH seen AS MATERIALIZED (
    SELECT t AS event_type, t.name, row_number() OVER (ORDER BY t.name) AS place
      FROM event_type t
     WHERE t.tenant_id = $1::uuid AND t.name > coalesce($3::text, '') AND t.name >= coalesce($4::text, '')
     ORDER BY t.name
     LIMIT list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0)
), page AS (
    SELECT v.event_type, v.name, row_number() OVER (ORDER BY v.name) AS n
      FROM seen v
     WHERE ($4::text IS NULL OR starts_with(v.name, $4::text))
       AND ($5::text IS NULL OR (v.event_type).state = $5::text)
     ORDER BY v.name
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(event_type_json(p.event_type) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text
           AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.name ORDER BY p.n))[$2::integer]
            ELSE (SELECT v.name FROM seen v
                   WHERE v.place = list_reach($2::integer, 1, num_nonnulls($4::text, $5::text) > 0))
       END AS key
  FROM page p;

-- name: event_type_get
-- $1 tenant_id uuid, $2 name text
WITH found AS (
    SELECT t AS event_type FROM event_type t WHERE t.tenant_id = $1::uuid AND t.name = $2::text
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT event_type_json(f.event_type)::text FROM found f) AS body;

-- name: event_type_update
-- $1 tenant_id uuid, $2 name text, $3 body json, $4 If-Match text or NULL
SELECT r.code, r.body FROM event_type_update($1::uuid, $2::text, $3::json, $4::text) r;

-- name: event_type_version_list
-- $1 tenant_id uuid, $2 name text, $3 limit integer, $4 cursor: the last version integer or NULL
WITH page AS (
    SELECT v AS event_type_version, v.version, row_number() OVER (ORDER BY v.version DESC) AS n
      FROM event_type_version v
     WHERE v.tenant_id = $1::uuid AND v.name = $2::text AND v.version < coalesce($4::integer, 2147483647)
     ORDER BY v.version DESC
     LIMIT $3::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM event_type t WHERE t.tenant_id = $1::uuid AND t.name = $2::text) THEN ''
            ELSE 'not_found' END AS code,
       coalesce(json_agg(event_type_version_json(p.event_type_version) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer),
                '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.version ORDER BY p.n))[$3::integer]::text END AS key
  FROM page p;

-- name: event_type_version_get
-- $1 tenant_id uuid, $2 name text, $3 version text
-- Compared as text: what is not a number is simply not there.
WITH found AS (
    SELECT v AS event_type_version
      FROM event_type_version v
     WHERE v.tenant_id = $1::uuid AND v.name = $2::text AND v.version::text = $3::text
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT event_type_version_json(f.event_type_version)::text FROM found f) AS body;
