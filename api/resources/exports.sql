-- Exports of messages and attempts, a page at a time: see api/export.h. $2 is the caller's partner: it sees those to its
-- own apps only. Each statement returns one row (code text, body text: lines, key text).

-- name: message_export
-- $1 tenant_id uuid, $2 partner text or NULL, $3 cursor uuid or NULL, $4 format text or NULL, $5 event_id uuid or NULL,
-- $6 subscription_id uuid or NULL, $7 app_id uuid or NULL, $8 company's external_id text or NULL, $9 status text or NULL,
-- $10 event_type text or NULL, $11 since timestamptz or NULL, $12 until timestamptz or NULL
WITH asked AS MATERIALIZED (
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'event_id', $5::uuid, 'subscription_id', $6::uuid, 'app_id', $7::uuid, 'company', $8::text,
               'status', $9::text, 'event_type', $10::text, 'since', $11::timestamptz, 'until', $12::timestamptz)) AS filter,
           ARRAY['id', 'created_at', 'status', 'status_reason', 'attempts', 'next_attempt_at', 'finished_at', 'event_id',
                 'event_type', 'company', 'app_id', 'subscription_id', 'origin'] AS columns
), audited AS MATERIALIZED (
    SELECT export_audit($1::uuid, 'message.exported', a.filter, $4::text) FROM asked a WHERE $3::uuid IS NULL
), page AS MATERIALIZED (
    SELECT p.messages, p.next_id FROM asked a, export_page($1::uuid, $2::text, a.filter, $3::uuid, 500) p
), line AS (
    SELECT message_json(m) AS message, m.id FROM page p, unnest(p.messages) m
)
SELECT '' AS code,
       (SELECT CASE WHEN $3::uuid IS NULL AND $4::text = 'csv' THEN csv_line(VARIADIC a.columns) ELSE '' END FROM asked a)
       || coalesce((SELECT string_agg(CASE WHEN $4::text = 'csv' THEN csv_line_of(l.message, a.columns)
                                           ELSE ndjson_line(l.message) END, '' ORDER BY l.id DESC)
                      FROM line l, asked a), '') AS body,
       (SELECT p.next_id FROM page p)::text AS key
  FROM (SELECT count(*) FROM audited) x;

-- name: attempt_export
-- As message_export: the attempts of the messages that it would show, those of a message in their order.
WITH asked AS MATERIALIZED (
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'event_id', $5::uuid, 'subscription_id', $6::uuid, 'app_id', $7::uuid, 'company', $8::text,
               'status', $9::text, 'event_type', $10::text, 'since', $11::timestamptz, 'until', $12::timestamptz)) AS filter,
           ARRAY['message_id', 'attempt_no', 'started_at', 'event_id', 'event_type', 'company', 'app_id', 'subscription_id',
                 'url', 'outcome', 'status_code', 'duration_us', 'first_byte_us', 'remote_address', 'error', 'worker']
               AS columns
), audited AS MATERIALIZED (
    SELECT export_audit($1::uuid, 'attempt.exported', a.filter, $4::text) FROM asked a WHERE $3::uuid IS NULL
), page AS MATERIALIZED (
    SELECT p.messages, p.next_id FROM asked a, export_page($1::uuid, $2::text, a.filter, $3::uuid, 200) p
), line AS (
    SELECT attempt_line_json(message_json(m), t.attempt) AS attempt, m.id, t.attempt_no
      FROM page p
     CROSS JOIN unnest(p.messages) m
     CROSS JOIN LATERAL (SELECT x AS attempt, x.attempt_no
                           FROM attempt x
                          WHERE x.tenant_id = $1::uuid AND x.message_id = m.id
                          ORDER BY x.attempt_no) t
)
SELECT '' AS code,
       (SELECT CASE WHEN $3::uuid IS NULL AND $4::text = 'csv' THEN csv_line(VARIADIC a.columns) ELSE '' END FROM asked a)
       || coalesce((SELECT string_agg(CASE WHEN $4::text = 'csv' THEN csv_line_of(l.attempt, a.columns)
                                           ELSE ndjson_line(l.attempt) END, '' ORDER BY l.id DESC, l.attempt_no)
                      FROM line l, asked a), '') AS body,
       (SELECT p.next_id FROM page p)::text AS key
  FROM (SELECT count(*) FROM audited) x;
