-- What is stored of event types that are about to be changed.

-- name: event_type_stored
-- $1 tenant_id uuid, $2 names: a JSON array of text. One row for each that is there: name,
-- validation as a JSON string, schema or NULL, sample or NULL.
SELECT t.name, to_json(t.validation), t.schema, t.sample
  FROM json_array_elements_text($2::json) AS given (name)
 CROSS JOIN LATERAL (SELECT x.name, x.validation, x.schema, x.sample
                       FROM event_type x
                      WHERE x.tenant_id = $1::uuid AND x.name = given.name
                     OFFSET 0) t;
