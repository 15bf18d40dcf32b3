-- name: quota_lease
-- $1 tenant_id uuid, $2 events per day, $3 how many are needed, $4 how many are wanted
-- One row: granted, shared (what is left).
SELECT r.granted, r.shared FROM quota_lease($1::uuid, $2::bigint, $3::bigint, $4::bigint) r;

-- name: rate_lease
-- $1 tenant_id uuid, $2 bucket text, $3 tokens per second, $4 burst, $5 how many are wanted
-- One row: granted, shared (what is left).
SELECT r.granted, r.shared FROM rate_lease($1::uuid, $2::text, $3::bigint, $4::bigint, $5::bigint) r;
