-- Forgets versions of custom values that no message carries (BC-12). A worker asks now and then: see worker/upkeep.sql.

-- Whether a message may carry a version that was in force from `begins` to `ends`. Those of events are of that time, to
-- within some minutes, by their ids; others have pinned it. Looks at 2,000 messages: with more, it may.
CREATE OR REPLACE FUNCTION connection_values_are_used(v connection_values, ends timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN v.is_pinned
        OR (SELECT count(*) = 2000 OR coalesce(bool_or(m.connection_id = v.connection_id AND m.values_version = v.version), false)
              FROM (SELECT x.connection_id, x.values_version
                      FROM message x
                     WHERE x.tenant_id = v.tenant_id
                       AND x.id >= id_since(v.created_at - interval '5 minutes')
                       AND x.id < id_until(ends + interval '5 minutes')
                     ORDER BY x.id
                     LIMIT 2000) m);
END
$$;

-- Looks at up to `most` versions that were replaced an hour ago, or so long. Returns how many it looked at.
CREATE OR REPLACE FUNCTION connection_values_sweep(most integer, hour interval) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    next_one connection_values;
    old      connection_values;
    n_looked bigint := 0;
BEGIN
    FOR next_one IN
        SELECT v.*
          FROM connection_values v
         WHERE v.version > 1 AND NOT v.has_swept AND v.created_at < now() - $2
           AND NOT tenant_is_away(v.tenant_id) -- what uses them is not all here
         ORDER BY v.created_at
         LIMIT $1
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        n_looked := n_looked + 1;
        SELECT v.* INTO old
          FROM connection_values v
         WHERE v.tenant_id = next_one.tenant_id AND v.connection_id = next_one.connection_id AND v.version < next_one.version
         ORDER BY v.version DESC
         LIMIT 1;
        IF old.version IS NOT NULL AND NOT connection_values_are_used(old, next_one.created_at) THEN
            DELETE FROM connection_values v
             WHERE v.tenant_id = old.tenant_id AND v.connection_id = old.connection_id AND v.version = old.version;
        END IF;
        UPDATE connection_values v
           SET has_swept = true
         WHERE v.tenant_id = next_one.tenant_id AND v.connection_id = next_one.connection_id
           AND v.version = next_one.version;
    END LOOP;
    RETURN n_looked;
END
$$;
