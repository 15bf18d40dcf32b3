-- Statements on event types: the tenant's catalogue.
-- Each statement returns one row (code text, body text[, key text]): see api/route.h.

-- name: event_type_create
-- $1 tenant_id uuid, $2 body json
-- A JSON null for schema or sample stands for none.
WITH created AS (
    INSERT INTO event_type AS t (tenant_id, name, description, schema, sample, validation, enrichable)
    SELECT $1::uuid, b.name, coalesce(b.description, ''),
           CASE WHEN json_typeof($2::json -> 'schema') <> 'null' THEN $2::json -> 'schema' END,
           CASE WHEN json_typeof($2::json -> 'sample') <> 'null' THEN $2::json -> 'sample' END,
           coalesce(b.validation, 'off'), coalesce(b.enrichable, false)
      FROM json_to_record($2::json) AS b (name text, description text, validation text, enrichable boolean)
        ON CONFLICT (tenant_id, name) DO NOTHING
    RETURNING t AS event_type
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'event_type.created', (c.event_type).name,
           json_build_object('validation', (c.event_type).validation, 'enrichable', (c.event_type).enrichable)
      FROM created c
)
SELECT CASE WHEN EXISTS (SELECT FROM created) THEN '' ELSE 'conflict' END AS code,
       coalesce((SELECT event_type_json(c.event_type)::text FROM created c),
                fault('/name', 'There is an event type of this name already.')) AS body,
       (SELECT (c.event_type).name FROM created c) AS key;

-- name: event_type_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor: the last name text or NULL
WITH page AS (
    SELECT t AS event_type, t.name, row_number() OVER (ORDER BY t.name) AS n
      FROM event_type t
     WHERE t.tenant_id = $1::uuid AND t.name > coalesce($3::text, '')
     ORDER BY t.name
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(event_type_json(p.event_type) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text
           AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.name ORDER BY p.n))[$2::integer] END AS key
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
-- Another schema is another version.
WITH given AS (
    SELECT $3::json -> 'schema' IS NOT NULL AS has_schema, $3::json -> 'sample' IS NOT NULL AS has_sample,
           CASE WHEN json_typeof($3::json -> 'schema') <> 'null' THEN $3::json -> 'schema' END AS schema,
           CASE WHEN json_typeof($3::json -> 'sample') <> 'null' THEN $3::json -> 'sample' END AS sample,
           b.description, b.validation, b.enrichable, b.state
      FROM json_to_record($3::json) AS b (description text, validation text, enrichable boolean, state text)
), found AS (
    SELECT FROM event_type t WHERE t.tenant_id = $1::uuid AND t.name = $2::text
), changed AS (
    UPDATE event_type t
       SET description = coalesce(g.description, t.description),
           validation = coalesce(g.validation, t.validation),
           enrichable = coalesce(g.enrichable, t.enrichable),
           state = coalesce(g.state, t.state),
           schema = CASE WHEN g.has_schema THEN g.schema ELSE t.schema END,
           sample = CASE WHEN g.has_sample THEN g.sample ELSE t.sample END,
           version = t.version + (g.has_schema AND g.schema::text IS DISTINCT FROM t.schema::text)::integer,
           updated_at = now()
      FROM given g
     WHERE t.tenant_id = $1::uuid AND t.name = $2::text AND etag_matches($4::text, event_type_json(t))
    RETURNING t AS event_type
), audited AS (
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1::uuid, 'event_type.changed', (c.event_type).name, $3::json FROM changed c
)
SELECT CASE WHEN EXISTS (SELECT FROM changed) THEN ''
            WHEN EXISTS (SELECT FROM found) THEN 'precondition_failed'
            ELSE 'not_found' END AS code,
       (SELECT event_type_json(c.event_type)::text FROM changed c) AS body;
