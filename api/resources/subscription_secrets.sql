-- Statements on the signing secrets of a subscription; no value is ever read here.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: subscription_secret_create
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 body json, $5 secrets json
-- The key is the place below the subscriptions.
SELECT r.code, r.body, r.new_key AS key
  FROM subscription_secret_create($1::uuid, $2::text, $3::uuid, $4::json, $5::json) r;

-- name: subscription_secret_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 limit integer, $5 cursor uuid or NULL
WITH owner AS (
    SELECT s.id
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery'
), page AS (
    SELECT k.id, k.public_key, k.created_at, k.expires_at, row_number() OVER (ORDER BY k.id DESC) AS n
      FROM owner o
      JOIN subscription_secret k ON k.tenant_id = $1::uuid AND k.subscription_id = o.id
                                AND k.id < coalesce($5::uuid, uuid_max())
                                AND (k.expires_at IS NULL OR k.expires_at > now())
     ORDER BY k.id DESC
     LIMIT $4::integer + 1
)
SELECT CASE WHEN EXISTS (SELECT FROM owner) THEN '' ELSE 'not_found' END AS code,
       coalesce(json_agg(subscription_secret_json(p.id, p.public_key, p.created_at, p.expires_at) ORDER BY p.n)
                FILTER (WHERE p.n <= $4::integer), '[]')::text AS body,
       CASE WHEN count(*) > $4::integer THEN (array_agg(p.id ORDER BY p.n))[$4::integer]::text END AS key
  FROM page p;

-- name: subscription_secret_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 secret_id uuid
WITH found AS (
    SELECT k.id, k.public_key, k.created_at, k.expires_at
      FROM subscription s
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
      JOIN subscription_secret k ON k.tenant_id = $1::uuid AND k.subscription_id = s.id AND k.id = $4::uuid
                                AND (k.expires_at IS NULL OR k.expires_at > now())
     WHERE s.tenant_id = $1::uuid AND s.id = $3::uuid AND s.kind = 'delivery'
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT subscription_secret_json(f.id, f.public_key, f.created_at, f.expires_at)::text FROM found f) AS body;

-- name: subscription_secret_delete
-- $1 tenant_id uuid, $2 partner text or NULL, $3 subscription_id uuid, $4 secret_id uuid
SELECT r.code, r.body FROM subscription_secret_delete($1::uuid, $2::text, $3::uuid, $4::uuid) r;
