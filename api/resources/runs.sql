-- Statements on runs. $2 is the caller's partner: it sees those of its own apps' flows only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: run_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid, $4 limit integer, $5 cursor: the last run_id uuid or NULL,
-- $6 status text or NULL, $7 since timestamptz or NULL
WITH owner AS (
    SELECT f.id
      FROM flow f
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = f.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE f.tenant_id = $1::uuid AND f.id = $3::uuid
), seen AS MATERIALIZED (
    SELECT m AS message, m.id, row_number() OVER (ORDER BY m.id DESC) AS place
      FROM message m
     WHERE m.tenant_id = $1::uuid AND m.subscription_id = (SELECT o.id FROM owner o) AND m.id < coalesce($5::uuid, uuid_max())
       AND m.id >= id_since($7::timestamptz)
     ORDER BY m.id DESC
     LIMIT list_reach($4::integer, 1, $6::text IS NOT NULL)
), page AS (
    SELECT v.message, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE $6::text IS NULL OR message_status(v.message) = $6::text
     ORDER BY v.id DESC
     LIMIT $4::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM owner) THEN '' ELSE 'not_found' END AS code,
       coalesce(json_agg(run_json(p.message) ORDER BY p.n) FILTER (WHERE p.n <= $4::integer), '[]')::text AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(p.id ORDER BY p.n))[$4::integer]
            ELSE (SELECT v.id FROM seen v WHERE v.place = list_reach($4::integer, 1, $6::text IS NOT NULL)) END::text AS key
  FROM page p;

-- name: run_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 run_id uuid
WITH found AS (
    SELECT m AS message
      FROM message m
      JOIN flow f ON f.tenant_id = $1::uuid AND f.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = f.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE m.tenant_id = $1::uuid AND m.id = $3::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT json_plus(run_json(f.message), 'steps', run_steps_json(f.message))::text FROM found f) AS body;

-- name: run_cancel
-- $1 tenant_id uuid, $2 partner text or NULL, $3 run_id uuid
SELECT r.code, r.body FROM run_cancel($1::uuid, $2::text, $3::uuid) r;

-- name: run_rerun
-- $1 tenant_id uuid, $2 partner text or NULL, $3 run_id uuid, $4 body json
SELECT r.code, r.body FROM run_rerun($1::uuid, $2::text, $3::uuid, $4::json) r;

-- name: event_body
-- $1 tenant_id uuid, $2 partner text or NULL, $3 event_id uuid
-- One row: code, NULL or the problem's errors, the body's bytes in base64, its content type. Who sees masks where the tenant has
-- some gets none: there is no masking bytes.
WITH found AS (
    SELECT e.event_type, e.payload, e.body, e.request, e.payload_state
      FROM event e
     WHERE e.tenant_id = $1::uuid AND e.id = $3::uuid
       AND ($2::text IS NULL
            OR EXISTS (SELECT
                         FROM message m
                         JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
                         JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND a.partner = $2::text
                        WHERE m.tenant_id = $1::uuid AND m.event_id = e.id
                          AND m.id BETWEEN message_id_floor($3::uuid) AND message_id_ceiling($3::uuid)))
)
SELECT CASE WHEN f.payload IS NULL THEN 'not_found' WHEN f.payload_state IS NOT NULL THEN 'payload_gone'
            WHEN sees_masks() AND mask_paths($1::uuid, f.event_type, $3::uuid) <> '{}' THEN 'forbidden' ELSE '' END AS code,
       CASE WHEN f.payload_state IS NOT NULL THEN payload_fault($1::uuid, $3::uuid) END AS body,
       encode(coalesce(f.body, convert_to(f.payload, 'UTF8')), 'base64') AS bytes, CASE WHEN f.request IS NULL THEN 'application/json' ELSE f.request ->> 'content_type' END AS content_type
  FROM (SELECT) one
  LEFT JOIN found f ON true;
