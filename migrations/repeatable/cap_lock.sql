-- Who makes one more of what a tenant may have only so many of, and counts them, holds this until the transaction
-- ends: two who count at once would both find room. (What quotas count, quota_take() holds.)
CREATE OR REPLACE FUNCTION cap_lock(tenant_id uuid, what text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended($2 || ' ' || $1, 0))
$$;
