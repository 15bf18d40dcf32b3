-- Statements on messages. $2 is the caller's partner: it sees those to its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: message_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL,
-- $5 event_id uuid or NULL, $6 subscription_id uuid or NULL, $7 app_id uuid or NULL,
-- $8 company's external_id text or NULL, $9 status text or NULL, $10 event_type text or NULL,
-- $11 since timestamptz or NULL, $12 until timestamptz or NULL, $13 q json or NULL: the filter of a query
WITH asked AS MATERIALIZED (
    SELECT f.filter, f.errors
      FROM log_filter($1::uuid, $13::jsonb, $5::uuid, $6::uuid, $7::uuid, $8::text, $9::text, $10::text, $11::timestamptz,
                      $12::timestamptz) f
), found AS MATERIALIZED (
    SELECT s.message, (s.message).id AS id, s.reached_id, s.n
      FROM asked a
     CROSS JOIN LATERAL message_search($1::uuid, $2::text, a.filter, $4::uuid, $3::integer + 1, search_reach())
           WITH ORDINALITY AS s (message, reached_id, n)
     WHERE a.errors IS NULL
)
SELECT CASE WHEN (SELECT a.errors FROM asked a) IS NULL THEN '' ELSE 'invalid_parameter' END AS code,
       coalesce((SELECT a.errors FROM asked a),
                (SELECT coalesce(json_agg(message_json(f.message) ORDER BY f.n), '[]')::text
                   FROM found f
                  WHERE f.n <= $3::integer AND f.id IS NOT NULL)) AS body,
       CASE WHEN (SELECT count(f.id) FROM found f) > $3::integer
            THEN (SELECT f.id FROM found f WHERE f.n = $3::integer)
            ELSE (SELECT f.reached_id FROM found f WHERE f.id IS NULL) END::text AS key;

-- name: message_count
-- $1 tenant_id uuid, $2 partner text or NULL, $3 event_id uuid or NULL, $4 subscription_id uuid or NULL,
-- $5 app_id uuid or NULL, $6 company's external_id text or NULL, $7 status text or NULL, $8 event_type text or NULL,
-- $9 since timestamptz or NULL, $10 until timestamptz or NULL, $11 q json or NULL
-- As message_list. Counts to 10,000, and looks at count_reach() candidates; what is not exact is at least so many.
WITH asked AS MATERIALIZED (
    SELECT f.filter, f.errors
      FROM log_filter($1::uuid, $11::jsonb, $3::uuid, $4::uuid, $5::uuid, $6::text, $7::text, $8::text, $9::timestamptz,
                      $10::timestamptz) f
), counted AS MATERIALIZED (
    SELECT count((s.message).id) AS n, count(*) > count((s.message).id) AS is_cut
      FROM asked a
     CROSS JOIN LATERAL message_search($1::uuid, $2::text, a.filter, NULL, 10001, count_reach()) s
     WHERE a.errors IS NULL
)
SELECT CASE WHEN a.errors IS NULL THEN '' ELSE 'invalid_parameter' END AS code,
       coalesce(a.errors, json_build_object('count', least(c.n, 10000), 'is_exact', c.n <= 10000 AND NOT c.is_cut)::text) AS body
  FROM asked a, counted c;

-- name: message_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid
WITH found AS (
    SELECT m AS message
      FROM message m
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE m.tenant_id = $1::uuid AND m.id = $3::uuid
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT json_plus(json_plus(message_json(f.message), 'gives_up_at', to_json(w.gives_up_at)),
                         'explanation', to_json(w.explanation))::text
          FROM found f
         CROSS JOIN LATERAL why_message(f.message) w) AS body;

-- name: message_resend
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid, $4 body json
SELECT r.code, r.body FROM message_resend($1::uuid, $2::text, $3::uuid, $4::json) r;

-- name: message_retry
-- $1 tenant_id uuid, $2 partner text or NULL, $3 message_id uuid
SELECT r.code, r.body FROM message_retry($1::uuid, $2::text, $3::uuid) r;
