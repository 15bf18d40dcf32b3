-- Takes up to `wanted` tokens out of a bucket: first it is refilled by the time since it was looked at
-- last. `granted` may be 0; `shared` is what is left in it.
CREATE OR REPLACE FUNCTION rate_lease(tenant_id uuid, bucket text, per_second bigint, burst bigint, wanted bigint,
                                      OUT granted bigint, OUT shared bigint)
LANGUAGE plpgsql AS $$
DECLARE
    held rate_bucket;
    full_tokens double precision;
    moment timestamptz;
BEGIN
    LOOP
        SELECT b.* INTO held FROM rate_bucket b WHERE b.tenant_id = $1 AND b.bucket = $2 FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO rate_bucket (tenant_id, bucket, tokens, refilled_at) VALUES ($1, $2, $4, clock_timestamp())
            ON CONFLICT DO NOTHING;
    END LOOP;
    moment := greatest(held.refilled_at, clock_timestamp()); -- after the lock: who came before may have been later
    full_tokens := least($4, held.tokens + $3 * extract(epoch FROM moment - held.refilled_at)::double precision);
    granted := least($5, floor(full_tokens)::bigint);
    shared := floor(full_tokens - granted)::bigint;
    UPDATE rate_bucket b SET tokens = full_tokens - granted, refilled_at = moment
     WHERE b.tenant_id = $1 AND b.bucket = $2;
END
$$;
