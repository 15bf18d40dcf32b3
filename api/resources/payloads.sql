-- Statements on payloads: erased for ever, shown with what is masked for most.
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: event_expunge
-- $1 tenant_id uuid, $2 event_id uuid, $3 body json
SELECT r.code, r.body FROM event_expunge($1::uuid, $2::uuid, $3::json) r;

-- name: event_unmask
-- $1 tenant_id uuid, $2 event_id uuid, $3 body json
SELECT r.code, r.body FROM event_unmask($1::uuid, $2::uuid, $3::json) r;

-- name: attempt_unmask
-- $1 tenant_id uuid, $2 message_id uuid, $3 attempt_no text, $4 body json
SELECT r.code, r.body FROM attempt_unmask($1::uuid, $2::uuid, $3::text, $4::json) r;
