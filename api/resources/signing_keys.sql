-- Statements on the installation's signing keys; $1 is the installation, whose keys operators have.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: signing_key_list
-- $1 tenant_id uuid, $2 limit integer, $3 cursor text or NULL. Ordered by kid, which means nothing.
WITH page AS (
    SELECT k AS signing_key, k.kid, row_number() OVER (ORDER BY k.kid) AS n
      FROM signing_key k
     WHERE k.tenant_id = $1::uuid AND k.kid > coalesce($3::text, '')
     ORDER BY k.kid
     LIMIT $2::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(signing_key_json(p.signing_key) ORDER BY p.n) FILTER (WHERE p.n <= $2::integer), '[]')::text AS body,
       CASE WHEN count(*) > $2::integer THEN (array_agg(p.kid ORDER BY p.n))[$2::integer] END AS key
  FROM page p;

-- name: signing_key_rotate
-- $1 tenant_id uuid, $2 body json, $3 pair json, $4 pair json
SELECT '' AS code, signing_keys_rotate($1::uuid, $2::json, $3::json, $4::json)::text AS body;
