-- What consumers of pull flows ask for: see migrations/repeatable/run_pull.sql.

-- name: flow_receive
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid, $4 body json. One row: code, body, how many runs are in it.
SELECT r.code, r.body, r.n FROM flow_receive($1::uuid, $2::text, $3::uuid, $4::json) r;

-- name: flow_ack
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid, $4 body json
SELECT r.code, r.body FROM flow_answer_receipts($1::uuid, $2::text, $3::uuid, $4::json, 'succeeded') r;

-- name: flow_nack
-- $1 tenant_id uuid, $2 partner text or NULL, $3 flow_id uuid, $4 body json
SELECT r.code, r.body FROM flow_answer_receipts($1::uuid, $2::text, $3::uuid, $4::json, 'nacked') r;

-- name: receive_ready
-- $1 tenant_id uuid[], $2 flow_id uuid[]. For all that wait in a thread. Role: hookline_ingest. A row for each flow that has
-- something: its id, how many, up to 20.
SELECT g.flow_id::text AS flow_id, r.n
  FROM (SELECT DISTINCT u.tenant_id, u.flow_id FROM unnest($1::uuid[], $2::uuid[]) AS u (tenant_id, flow_id)) g
 CROSS JOIN LATERAL (SELECT count(*) AS n
                       FROM (SELECT
                               FROM queue q
                              WHERE q.tenant_id = g.tenant_id AND q.subscription_id = g.flow_id AND q.pulled_until <= now()
                              LIMIT 20) w) r
 WHERE r.n > 0;
