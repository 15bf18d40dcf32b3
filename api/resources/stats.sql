-- Statements on the roll-ups of the log. $2 is the caller's partner: it sees those of its own apps only.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: stat_report
-- $1 tenant_id uuid, $2 partner text or NULL, $3 interval text or NULL, $4 since timestamptz or NULL,
-- $5 until timestamptz or NULL, $6 group_by text or NULL, $7 app_id uuid or NULL, $8 subscription_id uuid or NULL,
-- $9 event_type text or NULL, $10 outcome text or NULL, $11 groups text or NULL
SELECT r.code, r.body
  FROM stat_report($1::uuid, $2::text, $3::text, $4::timestamptz, $5::timestamptz, $6::text, $7::uuid, $8::uuid, $9::text,
                   $10::text, $11::text) r;
