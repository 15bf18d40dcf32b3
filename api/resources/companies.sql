-- Statements on companies.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: company_create
-- $1 tenant_id uuid, $2 body json
WITH created AS (
    INSERT INTO company AS c (tenant_id, external_id, name)
    SELECT $1::uuid, b.external_id, b.name FROM json_to_record($2::json) AS b (external_id text, name text)
        ON CONFLICT (tenant_id, external_id) DO NOTHING
    RETURNING c AS company
), counted AS MATERIALIZED (
    SELECT quota_take($1::uuid, 'companies', 1) FROM created
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'company.created', (c.company).id::text,
           json_build_object('external_id', (c.company).external_id, 'name', (c.company).name)
      FROM created c
)
SELECT CASE WHEN (SELECT count(*) FROM counted) > 0 THEN '' ELSE 'conflict' END AS code,
       coalesce((SELECT company_json(c.company)::text FROM created c),
                fault('/external_id', 'There is a company with this external id already.')) AS body,
       (SELECT (c.company).id::text FROM created c) AS key;

-- name: company_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL, $4 external_id text or NULL,
-- $5 the beginning of the name text or NULL, $6 state text or NULL
-- With a name or a state a page looks at list_reach() companies at most.
WITH seen AS MATERIALIZED (
    SELECT c AS company, c.id, row_number() OVER (ORDER BY c.id DESC) AS place
      FROM company c
     WHERE c.tenant_id = $1::uuid AND c.id < coalesce($3::uuid, uuid_max())
       AND ($4::text IS NULL OR c.id = (SELECT o.id FROM company o
                                         WHERE o.tenant_id = $1::uuid AND o.external_id = $4::text))
     ORDER BY c.id DESC
     LIMIT list_reach($2::integer, 1, num_nonnulls($5::text, $6::text) > 0)
), page AS (
    SELECT v.company, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($5::text IS NULL OR starts_with(lower((v.company).name), lower($5::text)))
       AND ($6::text IS NULL OR (v.company).state = $6::text)
     ORDER BY v.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(company_json(p.company) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]
            ELSE (SELECT v.id FROM seen v
                   WHERE v.place = list_reach($2::integer, 1, num_nonnulls($5::text, $6::text) > 0))
       END::text AS key
  FROM page p;

-- name: company_get
-- $1 tenant_id uuid, $2 company_id uuid
WITH found AS (
    SELECT c AS company FROM company c WHERE c.tenant_id = $1::uuid AND c.id = $2::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT company_json(f.company)::text FROM found f) AS body;

-- name: company_get_by_external_id
-- $1 tenant_id uuid, $2 external_id text
WITH found AS (
    SELECT c AS company FROM company c WHERE c.tenant_id = $1::uuid AND c.external_id = $2::text
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT company_json(f.company)::text FROM found f) AS body;

-- name: company_put
-- $1 tenant_id uuid, $2 external_id text, $3 body json, $4 If-Match text or NULL
SELECT r.code, r.body, r.new_id AS key FROM company_put($1::uuid, $2::text, $3::json, $4::text) r;

-- name: company_import
-- $1 tenant_id uuid, $2 body json
SELECT r.code, r.body FROM company_import($1::uuid, $2::json) r;

-- name: company_update
-- $1 tenant_id uuid, $2 company_id uuid, $3 body json, $4 If-Match text or NULL
SELECT r.code, r.body FROM company_update($1::uuid, $2::uuid, $3::json, $4::text) r;

-- name: company_archive
-- $1 tenant_id uuid, $2 company_id uuid, $3 queued text or NULL: keep (NULL too) or cancel
SELECT r.code, NULL::text AS body FROM company_archive($1::uuid, $2::uuid, $3::text) AS r (code);
