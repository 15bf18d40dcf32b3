-- Token buckets that a statement asks, in the table that the API's limits are leased from (ADR 0008).

-- Takes one token, of `per_minute` that come back in a minute and as many that wait at most; false when there is none.
CREATE OR REPLACE FUNCTION bucket_take(tenant_id uuid, bucket text, per_minute integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    n_left double precision;
BEGIN
    INSERT INTO rate_bucket (tenant_id, bucket, tokens, refilled_at) VALUES ($1, $2, $3, clock_timestamp())
        ON CONFLICT DO NOTHING;
    SELECT least($3, b.tokens + extract(epoch FROM clock_timestamp() - b.refilled_at) * $3 / 60) INTO n_left
      FROM rate_bucket b
     WHERE b.tenant_id = $1 AND b.bucket = $2
       FOR NO KEY UPDATE;
    UPDATE rate_bucket b SET tokens = n_left - 1, refilled_at = clock_timestamp()
     WHERE b.tenant_id = $1 AND b.bucket = $2 AND n_left >= 1;
    RETURN FOUND;
END
$$;
