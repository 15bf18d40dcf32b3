-- Statements on the attempts of a message. $2 is the caller's partner: it sees those to its own apps.
-- Each statement returns one row (code text, body text[, key text]): see api/route.h.

-- name: attempt_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid, $4 limit integer,
-- $5 cursor: the last attempt_no integer or NULL
WITH found AS MATERIALIZED (
    SELECT m.id
      FROM message m
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE m.tenant_id = $1::uuid AND m.id = $3::uuid
), page AS (
    SELECT t AS attempt, t.attempt_no
      FROM attempt t
     WHERE t.tenant_id = $1::uuid AND t.message_id = $3::uuid AND t.attempt_no > coalesce($5::integer, 0)
       AND EXISTS (SELECT FROM found)
     ORDER BY t.attempt_no
     LIMIT $4::integer + 1
), numbered AS (
    SELECT p.attempt, p.attempt_no, row_number() OVER (ORDER BY p.attempt_no) AS n FROM page p
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       CASE WHEN EXISTS (SELECT FROM found)
            THEN coalesce(json_agg(attempt_json(d.attempt) ORDER BY d.n) FILTER (WHERE d.n <= $4::integer), '[]')::text
       END AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(d.attempt_no ORDER BY d.n))[$4::integer]::text END AS key
  FROM numbered d;

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
