-- Ends the transaction of a tenant that is away (tenant_away): it is in another cell, or on its way there. A SQLSTATE of our own, which
-- lib/db_sqlstate.c knows.
CREATE OR REPLACE FUNCTION tenant_fence() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the tenant is not in this cell' USING ERRCODE = 'HKAWY';
END
$$;
