-- Replies that are kept for an Idempotency-Key. Run by hookline_api, and by hookline_ingest for events.

-- name: idempotency_claim
-- $1 tenant_id uuid, $2 id bytea, $3 fingerprint bytea
-- code: '' (the key is the transaction's), 'replay' with the reply, or an error's slug.
SELECT r.code, r.reply FROM idempotency_claim($1::uuid, $2::bytea, $3::bytea) r;

-- name: idempotency_keep
-- $1 tenant_id uuid, $2 id bytea, $3 sealed reply bytea, NULL when it is too large to keep
UPDATE idempotency_key k SET reply = $3::bytea
 WHERE k.tenant_id = $1::uuid AND k.id = $2::bytea
RETURNING true AS is_kept;
