-- Statements on the attempts of a message. $2 is the caller's partner: it sees those to its own apps.
-- Each statement returns one row (code text, body text[, key text]): see api/route.h.

-- name: attempt_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid, $4 limit integer,
-- $5 cursor: the last attempt_no integer or NULL, $6 outcome text or NULL, $7 status_code integer or NULL
-- With a filter a page looks at list_reach() attempts at most.
WITH found AS MATERIALIZED (
    SELECT m.id
      FROM message m
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE m.tenant_id = $1::uuid AND m.id = $3::uuid
), way AS MATERIALIZED (
    SELECT list_reach($4::integer, 1, num_nonnulls($6::text, $7::integer) > 0) AS reach
), seen AS MATERIALIZED (
    SELECT t AS attempt, t.attempt_no, row_number() OVER (ORDER BY t.attempt_no) AS place
      FROM attempt t
     WHERE t.tenant_id = $1::uuid AND t.message_id = $3::uuid AND t.attempt_no > coalesce($5::integer, 0)
       AND EXISTS (SELECT FROM found)
     ORDER BY t.attempt_no
     LIMIT (SELECT w.reach FROM way w)
), page AS (
    SELECT v.attempt, v.attempt_no, row_number() OVER (ORDER BY v.attempt_no) AS n
      FROM seen v
     WHERE ($6::text IS NULL OR (v.attempt).outcome = $6::text)
       AND ($7::integer IS NULL OR (v.attempt).status_code = $7::integer)
     ORDER BY v.attempt_no
     LIMIT $4::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       CASE WHEN EXISTS (SELECT FROM found)
            THEN coalesce(json_agg(attempt_json(p.attempt) ORDER BY p.n) FILTER (WHERE p.n <= $4::integer), '[]')::text
       END AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(p.attempt_no ORDER BY p.n))[$4::integer]
            ELSE (SELECT v.attempt_no FROM seen v, way w WHERE v.place = w.reach)
       END::text AS key
  FROM page p;

-- name: attempt_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid, $4 attempt_no text
-- Compared as text: what is not a number is simply not there.
WITH found AS (
    SELECT t AS attempt
      FROM attempt t
      JOIN message m ON m.tenant_id = $1::uuid AND m.id = t.message_id
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE t.tenant_id = $1::uuid AND t.message_id = $3::uuid AND t.attempt_no::text = $4::text
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT attempt_json(f.attempt)::text FROM found f) AS body;
