-- Claims an Idempotency-Key for the transaction, or tells what is known of it. Whoever comes second waits
-- for the first one's transaction, on the primary key, and then gets its reply.
CREATE OR REPLACE FUNCTION idempotency_claim(tenant_id uuid, key_id bytea, given_fingerprint bytea,
                                             OUT code text, OUT reply bytea)
LANGUAGE plpgsql SET lock_timeout = '4s' AS $$
DECLARE
    kept idempotency_key;
BEGIN
    -- Twice: a key that another transaction has just made is seen by the second look only.
    FOR i IN 1 .. 2 LOOP
        SELECT k.* INTO kept
          FROM idempotency_key k
         WHERE k.tenant_id = $1 AND k.id = $2 AND k.created_at > now() - interval '24 hours';
        IF FOUND THEN
            code := CASE WHEN kept.fingerprint = $3 THEN 'replay' ELSE 'idempotency_mismatch' END;
            reply := CASE WHEN kept.fingerprint = $3 THEN kept.reply END;
            RETURN;
        END IF;
        INSERT INTO idempotency_key AS k (tenant_id, id, fingerprint) VALUES ($1, $2, $3)
            ON CONFLICT ON CONSTRAINT idempotency_key_pkey DO UPDATE
           SET fingerprint = excluded.fingerprint, reply = NULL, created_at = excluded.created_at
         WHERE excluded.created_at - k.created_at >= interval '24 hours';
        IF FOUND THEN
            code := '';
            RETURN;
        END IF;
    END LOOP;
    code := 'idempotency_in_progress'; -- made and removed meanwhile
EXCEPTION WHEN lock_not_available THEN
    code := 'idempotency_in_progress';
END
$$;
