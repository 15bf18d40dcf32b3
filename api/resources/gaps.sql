-- Statements on gaps: events that never arrived at a subscription. $2 is the caller's partner: it sees those of its own
-- apps only. Each statement returns one row (code text, body text, key text): see api/http/route.h.

-- name: gap_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL, $5 app_id uuid or NULL,
-- $6 subscription_id uuid or NULL, $7 reason text or NULL, $8 since timestamptz or NULL, $9 until timestamptz or NULL
WITH seen AS MATERIALIZED (
    SELECT w.*
      FROM gap_walk($1::uuid, $2::text, $5::uuid, $6::uuid, $7::text, coalesce($8::timestamptz, now() - interval '1 day'),
                    $9::timestamptz, $4::uuid, 2000) w
), page AS MATERIALIZED (
    SELECT v.*, row_number() OVER (ORDER BY v.pair_id DESC) AS n
      FROM seen v
     WHERE v.pair_id IS NOT NULL
     ORDER BY v.pair_id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(gap_json($1::uuid, p.pair_id, p.event_id, p.subscription_id, p.app_id, p.state, p.reason) ORDER BY p.n)
                FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.pair_id ORDER BY p.n))[$3::integer]
            ELSE (SELECT v.end_id FROM seen v WHERE v.pair_id IS NULL) END::text AS key
  FROM page p;

-- name: gap_export
-- $1 tenant_id uuid, $2 partner text or NULL, $3 cursor uuid or NULL, $4 app_id uuid or NULL, $5 subscription_id uuid or
-- NULL, $6 reason text or NULL, $7 since timestamptz or NULL, $8 until timestamptz or NULL, $9 format text or NULL
-- A page of an export: its lines as text. See api/http/export.h.
WITH audited AS MATERIALIZED (
    SELECT export_audit($1::uuid, 'gap.exported',
                        jsonb_strip_nulls(jsonb_build_object('app_id', $4::uuid, 'subscription_id', $5::uuid, 'reason', $6::text,
                                                             'since', $7::timestamptz, 'until', $8::timestamptz)), $9::text)
     WHERE $3::uuid IS NULL
), seen AS MATERIALIZED (
    SELECT w.*
      FROM gap_walk($1::uuid, $2::text, $4::uuid, $5::uuid, $6::text, coalesce($7::timestamptz, now() - interval '1 day'),
                    $8::timestamptz, $3::uuid, 2000) w
), page AS MATERIALIZED (
    SELECT v.*, row_number() OVER (ORDER BY v.pair_id DESC) AS n
      FROM seen v
     WHERE v.pair_id IS NOT NULL
     ORDER BY v.pair_id DESC
     LIMIT 500 + 1
), line AS MATERIALIZED (
    SELECT p.n, gap_json($1::uuid, p.pair_id, p.event_id, p.subscription_id, p.app_id, p.state, p.reason) AS gap
      FROM page p
     WHERE p.n <= 500
)
SELECT '' AS code,
       CASE WHEN $3::uuid IS NULL AND $9::text = 'csv'
            THEN csv_line('event_id', 'event_type', 'company', 'accepted_at', 'app_id', 'subscription_id', 'message_id', 'state', 'reason')
            ELSE '' END
       || coalesce((SELECT string_agg(CASE WHEN $9::text = 'csv'
                                           THEN csv_line(VARIADIC ARRAY(SELECT x.value FROM json_each_text(l.gap) x))
                                           ELSE ndjson_line(l.gap) END, '' ORDER BY l.n)
                      FROM line l), '') AS body,
       CASE WHEN (SELECT count(*) FROM page) > 500 THEN (SELECT p.pair_id FROM page p WHERE p.n = 500)
            ELSE (SELECT v.end_id FROM seen v WHERE v.pair_id IS NULL) END::text AS key
  FROM (SELECT count(*) FROM audited) x;

-- name: gap_hours
-- $1 to $9 as of gap_list
-- A page counts what it has looked at, so that an hour may go on in the next one; $3 is not heeded.
WITH seen AS MATERIALIZED (
    SELECT w.*
      FROM gap_walk($1::uuid, $2::text, $5::uuid, $6::uuid, $7::text, coalesce($8::timestamptz, now() - interval '1 day'),
                    $9::timestamptz, $4::uuid, 20000) w
), hour AS MATERIALIZED (
    SELECT date_trunc('hour', uuid_v7_time(v.pair_id), 'UTC') AS at, v.state, v.reason, count(*) AS n
      FROM seen v
     WHERE v.pair_id IS NOT NULL
     GROUP BY 1, 2, 3
)
SELECT '' AS code,
       coalesce((SELECT json_agg(json_build_object('at', h.at, 'state', h.state, 'reason', h.reason, 'gaps', h.n)
                                 ORDER BY h.at DESC, h.n DESC, h.state, h.reason)
                   FROM hour h), '[]')::text AS body,
       (SELECT v.end_id FROM seen v WHERE v.pair_id IS NULL)::text AS key
 WHERE $3::integer > 0;
