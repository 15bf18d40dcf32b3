-- Statements on the audit log.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: audit_log_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor uuid or NULL, $4 action text or NULL, $5 object_id text or NULL,
-- $6 actor text or NULL, $7 since timestamptz or NULL, $8 until timestamptz or NULL
-- With more than one of action, object and actor a page looks at list_reach() lines at most.
WITH seen AS MATERIALIZED (
    SELECT w.line, (w.line).id, w.place
      FROM audit_walk($1::uuid, list_reach($2::integer, 1, num_nonnulls($4::text, $5::text, $6::text) > 1)::integer, $3::uuid, $4::text, $5::text, $6::text,
                      $7::timestamptz, $8::timestamptz) w
), page AS MATERIALIZED (
    SELECT v.line, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($6::text IS NULL OR (v.line).actor = $6::text) AND ($4::text IS NULL OR (v.line).action = $4::text)
     ORDER BY v.id DESC
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(audit_json(p.line) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]
            ELSE (SELECT v.id FROM seen v WHERE v.place = list_reach($2::integer, 1, num_nonnulls($4::text, $5::text, $6::text) > 1)) END::text AS key
  FROM page p;

-- name: audit_log_list_of
-- $1 tenant_id uuid (acted for), $2 to $8 as above, $9 tenant_id uuid (asked for)
WITH seen AS MATERIALIZED (
    SELECT w.line, (w.line).id, w.place
      FROM audit_walk($1::uuid, list_reach($2::integer, 1, num_nonnulls($4::text, $5::text, $6::text) > 1)::integer, $3::uuid, $4::text, $5::text, $6::text,
                      $7::timestamptz, $8::timestamptz) w
), page AS MATERIALIZED (
    SELECT v.line, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($6::text IS NULL OR (v.line).actor = $6::text) AND ($4::text IS NULL OR (v.line).action = $4::text)
     ORDER BY v.id DESC
     LIMIT $2::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM tenant t WHERE t.tenant_id = $1::uuid AND t.tenant_id = $9::uuid)
            THEN '' ELSE 'not_found' END AS code,
       CASE WHEN EXISTS (SELECT FROM tenant t WHERE t.tenant_id = $1::uuid AND t.tenant_id = $9::uuid)
            THEN coalesce(json_agg(audit_json(p.line) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text
        END AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.id ORDER BY p.n))[$2::integer]
            ELSE (SELECT v.id FROM seen v WHERE v.place = list_reach($2::integer, 1, num_nonnulls($4::text, $5::text, $6::text) > 1)) END::text AS key
  FROM page p;

-- name: audit_log_export
-- $1 tenant_id uuid, $2 cursor uuid or NULL, $3 action text or NULL, $4 object_id text or NULL, $5 actor text or NULL,
-- $6 since timestamptz or NULL, $7 until timestamptz or NULL, $8 format text or NULL
-- A page of an export: its lines as text. See api/http/export.h.
WITH seen AS MATERIALIZED (
    SELECT w.line, (w.line).id, w.place
      FROM audit_walk($1::uuid, list_reach(500, 1, num_nonnulls($3::text, $4::text, $5::text) > 1)::integer, $2::uuid, $3::text, $4::text, $5::text,
                      $6::timestamptz, $7::timestamptz) w
), page AS MATERIALIZED (
    SELECT v.line, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE ($5::text IS NULL OR (v.line).actor = $5::text) AND ($3::text IS NULL OR (v.line).action = $3::text)
     ORDER BY v.id DESC
     LIMIT 500 + 1
)
SELECT '' AS code,
       CASE WHEN $2::uuid IS NULL AND $8::text = 'csv'
            THEN csv_line('id', 'at', 'actor', 'action', 'object_id', 'request_id', 'detail') ELSE '' END
       || coalesce(string_agg(CASE WHEN $8::text = 'csv'
                                   THEN csv_line((p.line).id::text, to_json((p.line).at) #>> '{}', (p.line).actor, (p.line).action,
                                                 (p.line).object_id, (p.line).request_id, (p.line).detail::text)
                                   ELSE ndjson_line(audit_json(p.line)) END, '' ORDER BY p.n)
                   FILTER (WHERE p.n <= 500), '') AS body,
       CASE WHEN count(*) > 500 THEN (array_agg(p.id ORDER BY p.n))[500]
            ELSE (SELECT v.id FROM seen v WHERE v.place = list_reach(500, 1, num_nonnulls($3::text, $4::text, $5::text) > 1)) END::text AS key
  FROM page p;
