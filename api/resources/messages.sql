-- Statements on messages. $2 is the caller's partner: it sees those to its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/route.h.

-- name: message_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL,
-- $5 event_id uuid or NULL, $6 subscription_id uuid or NULL, $7 app_id uuid or NULL,
-- $8 company's external_id text or NULL, $9 status text or NULL, $10 event_type text or NULL,
-- $11 since timestamptz or NULL, $12 until timestamptz or NULL
-- Goes back by each of up to 100 subscriptions when the list is limited to some, else through all of the
-- tenant's messages; looks at list_reach() of each way, and shows none that is older than the end of the way
-- that ended first: what is older there has not been looked at.
WITH of_company AS MATERIALIZED (
    SELECT array_agg(c.id) AS connection_ids, array_agg(c.app_id) AS app_ids
      FROM connection c
     WHERE c.tenant_id = $1::uuid
       AND c.company_id = (SELECT co.id FROM company co WHERE co.tenant_id = $1::uuid AND co.external_id = $8::text)
), chosen AS MATERIALIZED (
    SELECT s.id
      FROM app a
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.app_id = a.id
     WHERE a.tenant_id = $1::uuid AND num_nonnulls($2::text, $6::uuid, $7::uuid, $8::text) > 0
       AND ($2::text IS NULL OR a.partner = $2::text)
       AND ($6::uuid IS NULL OR s.id = $6::uuid)
       AND ($6::uuid IS NULL OR a.id = (SELECT x.app_id FROM subscription x
                                         WHERE x.tenant_id = $1::uuid AND x.id = $6::uuid))
       AND ($7::uuid IS NULL OR a.id = $7::uuid)
       AND ($8::text IS NULL OR a.id = ANY ((SELECT o.app_ids FROM of_company o)::uuid[]))
     LIMIT 101
), way AS MATERIALIZED (
    SELECT w.is_by_subscription,
           list_reach($3::integer, CASE WHEN w.is_by_subscription THEN w.n ELSE 1 END,
                      num_nonnulls($5::uuid, $8::text, $9::text, $10::text) > 0
                      OR (num_nonnulls($2::text, $7::uuid) > 0 AND NOT w.is_by_subscription)) AS reach
      FROM (SELECT count(*) AS n,
                   num_nonnulls($2::text, $6::uuid, $7::uuid, $8::text) > 0 AND count(*) <= 100 AS is_by_subscription
              FROM chosen) w
), seen AS MATERIALIZED (
    (SELECT m AS message, m.id, row_number() OVER (ORDER BY m.id DESC) AS place
       FROM message m
      WHERE m.tenant_id = $1::uuid AND NOT (SELECT w.is_by_subscription FROM way w)
        AND m.id < least(coalesce($4::uuid, uuid_max()), id_until($12::timestamptz))
        AND m.id >= id_since($11::timestamptz)
        AND m.id BETWEEN coalesce(message_id_floor($5::uuid), uuid_min())
                     AND coalesce(message_id_ceiling($5::uuid), uuid_max())
      ORDER BY m.id DESC
      LIMIT (SELECT w.reach FROM way w))
     UNION ALL
    SELECT x.message, x.id, x.place
      FROM chosen h
     CROSS JOIN LATERAL (
            SELECT m AS message, m.id, row_number() OVER (ORDER BY m.id DESC) AS place
              FROM message m
             WHERE m.tenant_id = $1::uuid AND m.subscription_id = h.id AND (SELECT w.is_by_subscription FROM way w)
               AND m.id < least(coalesce($4::uuid, uuid_max()), id_until($12::timestamptz))
               AND m.id >= id_since($11::timestamptz)
               AND m.id BETWEEN coalesce(message_id_floor($5::uuid), uuid_min())
                            AND coalesce(message_id_ceiling($5::uuid), uuid_max())
             ORDER BY m.id DESC
             LIMIT (SELECT w.reach FROM way w)) x
), reached AS MATERIALIZED (
    SELECT v.id FROM seen v, way w WHERE v.place = w.reach ORDER BY v.id DESC LIMIT 1
), page AS (
    SELECT v.message, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM seen v
     WHERE v.id >= coalesce((SELECT r.id FROM reached r), uuid_min())
       AND ($5::uuid IS NULL OR (v.message).event_id = $5::uuid)
       AND ($8::text IS NULL OR (v.message).connection_id = ANY ((SELECT o.connection_ids FROM of_company o)::uuid[]))
       AND ($9::text IS NULL OR (v.message).status = CASE $9::text WHEN 'sending' THEN 'pending' ELSE $9::text END)
       AND (coalesce($9::text, '') NOT IN ('pending', 'sending') OR message_status(v.message) = $9::text)
       AND ($10::text IS NULL
            OR EXISTS (SELECT
                         FROM event e
                        WHERE e.tenant_id = $1::uuid AND e.id = (v.message).event_id AND e.event_type = $10::text
                       OFFSET 0))
       AND (num_nonnulls($2::text, $7::uuid) = 0
            OR (SELECT w.is_by_subscription FROM way w)
            OR EXISTS (SELECT
                         FROM subscription s
                         JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id
                        WHERE s.tenant_id = $1::uuid AND s.id = (v.message).subscription_id
                          AND ($2::text IS NULL OR a.partner = $2::text) AND ($7::uuid IS NULL OR a.id = $7::uuid)))
     ORDER BY v.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(message_json(p.message) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            ELSE (SELECT r.id FROM reached r) END::text AS key
  FROM page p;

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
