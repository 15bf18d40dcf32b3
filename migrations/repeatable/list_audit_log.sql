-- The lines that a list or an export looks at, newest first. Which index leads there is said here, whatever the
-- statistics: the object, else the actor, else the action; the others are asked of those lines.
CREATE OR REPLACE FUNCTION audit_walk(tenant_id uuid, page_limit integer, before_id uuid, action text, object_id text,
                                      actor text, since timestamptz, until timestamptz)
RETURNS TABLE (line audit_log, place bigint) LANGUAGE sql STABLE AS $$
    SELECT a, row_number() OVER (ORDER BY a.id DESC)
      FROM audit_log a
     WHERE a.tenant_id = $1 AND a.id < least(coalesce($3, uuid_max()), CASE WHEN $8 IS NULL THEN uuid_max() ELSE uuid_v7_floor(greatest($8, 'epoch')) END)
       AND a.id >= uuid_v7_floor(greatest($7, 'epoch'))
       AND ($5 IS NULL OR a.object_id = $5)
       AND ($5 IS NOT NULL OR $6 IS NULL OR a.actor = $6)
       AND ($5 IS NOT NULL OR $6 IS NOT NULL OR $4 IS NULL OR a.action = $4)
     ORDER BY a.id DESC
     LIMIT $2
$$;
