-- What publishing has to know of event types before it takes their payloads.

-- name: payload_rules
-- $1 tenant_id uuid, $2 names: a JSON array of text. One row for each that is an event type: name,
-- validation, schema or NULL when it is not needed.
SELECT t.name, t.validation, CASE WHEN t.validation <> 'off' THEN t.schema END AS schema
  FROM json_array_elements_text($2::json) AS given (name)
 CROSS JOIN LATERAL (SELECT x.name, x.validation, x.schema
                       FROM event_type x
                      WHERE x.tenant_id = $1::uuid AND x.name = given.name
                     OFFSET 0) t;

-- name: payload_rule
-- $1 tenant_id uuid, $2 name text. One row or none: the schema or NULL.
SELECT t.schema FROM event_type t WHERE t.tenant_id = $1::uuid AND t.name = $2::text;
