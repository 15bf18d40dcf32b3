-- Statements on the attempts of a message. $2 is the caller's partner: it sees those to its own apps.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

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

-- name: attempt_diff
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid, $4 from: attempt_no text or NULL: the one before, if
-- there is one, $5 to: attempt_no text or NULL: the last one
WITH found AS MATERIALIZED (
    SELECT m.id
      FROM message m
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE m.tenant_id = $1::uuid AND m.id = $3::uuid
), second AS MATERIALIZED (
    SELECT t AS attempt, t.attempt_no
      FROM attempt t
     WHERE t.tenant_id = $1::uuid AND t.message_id = (SELECT f.id FROM found f)
       AND ($5::text IS NULL OR t.attempt_no::text = $5::text)
     ORDER BY t.attempt_no DESC
     LIMIT 1
), first AS MATERIALIZED (
    SELECT t AS attempt
      FROM attempt t
     WHERE t.tenant_id = $1::uuid AND t.message_id = (SELECT f.id FROM found f)
       AND CASE WHEN $4::text IS NULL THEN t.attempt_no >= (SELECT x.attempt_no - 1 FROM second x)
                ELSE t.attempt_no::text = $4::text END
     ORDER BY t.attempt_no
     LIMIT 1
)
SELECT CASE WHEN EXISTS (SELECT FROM first) AND EXISTS (SELECT FROM second) THEN '' ELSE 'not_found' END AS code,
       (SELECT attempt_diff_json(a.attempt, b.attempt)::text FROM first a, second b) AS body;

-- name: attempt_search
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor text or NULL: see attempt_search(),
-- $5 q json or NULL: the filter of a query
WITH asked AS MATERIALIZED (
    SELECT coalesce($5::jsonb, '{}') AS filter, log_masked_fault($1::uuid, $5::jsonb) AS errors
), found AS MATERIALIZED (
    SELECT s.message, s.attempt, s.position, s.n
      FROM asked a
     CROSS JOIN LATERAL attempt_search($1::uuid, $2::text, a.filter, $4::text, $3::integer + 1, search_reach())
           WITH ORDINALITY AS s (message, attempt, position, n)
     WHERE a.errors IS NULL
)
SELECT CASE WHEN (SELECT a.errors FROM asked a) IS NULL THEN '' ELSE 'invalid_parameter' END AS code,
       coalesce((SELECT a.errors FROM asked a),
                (SELECT coalesce(json_agg(attempt_line_json(message_json(f.message), f.attempt) ORDER BY f.n), '[]')::text
                   FROM found f
                  WHERE f.n <= $3::integer AND (f.attempt).message_id IS NOT NULL)) AS body,
       CASE WHEN (SELECT count((f.attempt).message_id) FROM found f) > $3::integer
            THEN (SELECT f.position FROM found f WHERE f.n = $3::integer)
            ELSE (SELECT f.position FROM found f WHERE (f.attempt).message_id IS NULL) END AS key;
