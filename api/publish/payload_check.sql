-- What publishing has to know of event types before it takes their payloads.

-- name: payload_rules
-- For many requests at once, of any tenants (api/batcher.h). Role: hookline_ingest.
-- $1 tenant_id uuid[], $2 event type's name text[], $3 boolean, of no meaning here.
-- One row per pair, in order: validation, NULL when it is no event type; schema, NULL when it is not needed; whether the tenant
-- is in another cell.
SELECT t.validation, t.schema,
       ((SELECT EXISTS (SELECT FROM tenant_away))
        AND EXISTS (SELECT FROM tenant_away a WHERE a.tenant_id = g.tenant_id))::integer AS is_away
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS g (tenant_id, name, n)
  LEFT JOIN LATERAL (SELECT x.validation, CASE WHEN x.validation <> 'off' THEN x.schema END AS schema
                       FROM event_type x
                      WHERE x.tenant_id = g.tenant_id AND x.name = g.name
                     OFFSET 0) t ON true
 WHERE $3::boolean IS NOT NULL
 ORDER BY g.n;

-- name: payload_rule
-- $1 tenant_id uuid, $2 name text. One row or none: the schema or NULL.
SELECT t.schema FROM event_type t WHERE t.tenant_id = $1::uuid AND t.name = $2::text;
