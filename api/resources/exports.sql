-- Exports of messages and attempts, a page at a time: see api/http/export.h. $2 is the caller's partner: it sees those to its
-- own apps only. Each statement returns one row (code text, body text: lines, key text).

-- name: message_export
-- $1 tenant_id uuid, $2 partner text or NULL, $3 cursor uuid or NULL, $4 format text or NULL, $5 filter json or NULL
WITH asked AS MATERIALIZED (
    SELECT coalesce($5::jsonb, '{}') AS filter, CASE WHEN $3::uuid IS NULL THEN log_masked_fault($1::uuid, $5::jsonb) END AS errors,
           ARRAY['id', 'created_at', 'status', 'status_reason', 'attempts', 'next_attempt_at', 'finished_at', 'event_id',
                 'event_type', 'company', 'app_id', 'subscription_id', 'origin'] AS columns
), audited AS MATERIALIZED (
    SELECT export_audit($1::uuid, 'message.exported', a.filter, $4::text) FROM asked a WHERE $3::uuid IS NULL AND a.errors IS NULL
), page AS MATERIALIZED (
    SELECT p.messages, p.next_id FROM asked a, export_page($1::uuid, $2::text, a.filter, $3::uuid, 500) p WHERE a.errors IS NULL
), line AS (
    SELECT message_json(m) AS message, m.id FROM page p, unnest(p.messages) m
)
SELECT CASE WHEN (SELECT a.errors FROM asked a) IS NULL THEN '' ELSE 'invalid_parameter' END AS code,
       (SELECT CASE WHEN a.errors IS NOT NULL THEN a.errors
                    WHEN $3::uuid IS NULL AND $4::text = 'csv' THEN csv_line(VARIADIC a.columns) ELSE '' END FROM asked a)
       || coalesce((SELECT string_agg(CASE WHEN $4::text = 'csv' THEN csv_line_of(l.message, a.columns)
                                           ELSE ndjson_line(l.message) END, '' ORDER BY l.id DESC)
                      FROM line l, asked a), '') AS body,
       (SELECT p.next_id FROM page p)::text AS key
  FROM (SELECT count(*) FROM audited) x;

-- name: attempt_export
-- As message_export: of the messages that the filter means, the attempts that it means, those of a message in their order.
-- A page ends behind the message with which there are 300: each may have kept 16 KiB of an answer.
WITH asked AS MATERIALIZED (
    SELECT coalesce($5::jsonb, '{}') AS filter, CASE WHEN $3::uuid IS NULL THEN log_masked_fault($1::uuid, $5::jsonb) END AS errors,
           ARRAY['message_id', 'attempt_no', 'started_at', 'event_id', 'event_type', 'company', 'app_id', 'subscription_id',
                 'url', 'outcome', 'status_code', 'duration_us', 'first_byte_us', 'remote_address', 'error', 'worker']
               AS columns
), audited AS MATERIALIZED (
    SELECT export_audit($1::uuid, 'attempt.exported', a.filter, $4::text) FROM asked a WHERE $3::uuid IS NULL AND a.errors IS NULL
), page AS MATERIALIZED (
    SELECT p.messages, p.next_id FROM asked a, export_page($1::uuid, $2::text, a.filter, $3::uuid, 200) p WHERE a.errors IS NULL
), chosen AS MATERIALIZED (
    SELECT m.id, message_json(m.message) AS message
      FROM (SELECT x AS message, x.id, sum(c.n) OVER (ORDER BY x.id DESC) - c.n AS n_before
              FROM page p
             CROSS JOIN unnest(p.messages) x
             CROSS JOIN LATERAL (SELECT count(*) AS n
                                   FROM attempt t
                                  WHERE t.tenant_id = $1::uuid AND t.message_id = x.id
                                 OFFSET 0) c) m
     WHERE m.n_before < 300
), line AS (
    SELECT attempt_line_json(m.message, t) AS attempt, t.message_id, t.attempt_no
      FROM asked a
     CROSS JOIN attempts_matching($1::uuid, a.filter, ARRAY(SELECT m.id FROM chosen m)) t
      JOIN chosen m ON m.id = t.message_id
)
SELECT CASE WHEN (SELECT a.errors FROM asked a) IS NULL THEN '' ELSE 'invalid_parameter' END AS code,
       (SELECT CASE WHEN a.errors IS NOT NULL THEN a.errors
                    WHEN $3::uuid IS NULL AND $4::text = 'csv' THEN csv_line(VARIADIC a.columns) ELSE '' END FROM asked a)
       || coalesce((SELECT string_agg(CASE WHEN $4::text = 'csv' THEN csv_line_of(l.attempt, a.columns)
                                           ELSE ndjson_line(l.attempt) END, '' ORDER BY l.message_id DESC, l.attempt_no)
                      FROM line l, asked a), '') AS body,
       (SELECT CASE WHEN (SELECT count(*) FROM chosen) < cardinality(p.messages) THEN (SELECT m.id FROM chosen m ORDER BY m.id LIMIT 1)
                    ELSE p.next_id END
          FROM page p)::text AS key
  FROM (SELECT count(*) FROM audited) x;
