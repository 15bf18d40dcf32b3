-- Changes of connections. The statements are in api/resources/connections.sql. Only tenant admins
-- get here: no function looks at a partner.

-- The companies of a request to connect, numbered from 0 as JSON Pointers do. `member` is what names
-- one: company (its external id) or company_id; NULL when none or both do.
DROP FUNCTION IF EXISTS connection_asked(uuid, json);
CREATE OR REPLACE FUNCTION connection_asked(tenant_id uuid, given json)
RETURNS TABLE (n bigint, member text, external_id text, company_id uuid, given_values json) LANGUAGE sql STABLE AS $$
    SELECT g.n - 1,
           CASE WHEN num_nonnulls(g.item ->> 'company', g.item ->> 'company_id') = 1
                THEN CASE WHEN g.item ->> 'company' IS NULL THEN 'company_id' ELSE 'company' END END,
           c.external_id, c.id, g.item -> 'values'
      FROM json_array_elements($2 -> 'companies') WITH ORDINALITY AS g (item, n)
      LEFT JOIN LATERAL (SELECT x.id, x.external_id
                           FROM company x
                          WHERE x.tenant_id = $1 AND x.external_id = g.item ->> 'company' AND x.state = 'active'
                          UNION ALL
                         SELECT x.id, x.external_id
                           FROM company x
                          WHERE x.tenant_id = $1 AND x.id = (g.item ->> 'company_id')::uuid AND x.state = 'active'
                          LIMIT 1) c ON true
$$;

-- What is wrong with a request to connect; NULL when nothing is. The first hundred will do. plpgsql,
-- because custom_values_faults() is created after this file.
CREATE OR REPLACE FUNCTION connection_faults(tenant_id uuid, app_id uuid, given json) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_object('pointer', f.pointer, 'detail', f.detail) ORDER BY f.n)
          FROM (SELECT a.n, format('/companies/%s/%s', a.n, coalesce(a.member, 'company')) AS pointer,
                       CASE WHEN a.member IS NULL THEN 'A company is named by either company or company_id.'
                            WHEN a.company_id IS NOT NULL THEN 'This company is in the list twice.'
                            WHEN a.member = 'company' THEN 'There is no company with this external id.'
                            ELSE 'There is no company with this id.' END AS detail
                  FROM (SELECT x.*, row_number() OVER (PARTITION BY x.company_id ORDER BY x.n) AS nth
                          FROM connection_asked($1, $3) x) a
                 WHERE a.member IS NULL OR a.company_id IS NULL OR a.nth > 1
                 UNION ALL
                SELECT a.n, v.pointer, v.detail
                  FROM connection_asked($1, $3) a
                 CROSS JOIN LATERAL custom_values_faults($1, $2, a.given_values,
                                                         format('/companies/%s/values', a.n)) v
                 ORDER BY 1
                 LIMIT 100) f);
END
$$;

-- Whether values, and which event types carry them, are others than those of a version: else there is no new one.
CREATE OR REPLACE FUNCTION connection_values_differ(tenant_id uuid, connection_id uuid, version integer, given text,
                                                    applies json) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT (v."values", v.applies::text) IS DISTINCT FROM ($4, $5::text)
      FROM connection_values v
     WHERE v.tenant_id = $1 AND v.connection_id = $2 AND v.version = $3
$$;

-- Since when a connection is active that was as `c` and is in `new_state` now.
CREATE OR REPLACE FUNCTION connection_active_since(c connection, new_state text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN $2 <> 'active' THEN c.active_since
                WHEN c.state = 'active' THEN coalesce(c.active_since, c.updated_at)
                ELSE now() END
$$;

-- A backfill of these companies for each subscription of the app that gets events. The problem's errors, or NULL.
CREATE OR REPLACE FUNCTION connection_backfill(tenant_id uuid, app_id uuid, given json, OUT backfills json, OUT faults text)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT json_agg(backfill_json(m.backfill) ORDER BY (m.backfill).id),
           CASE WHEN bool_or((m.backfill).id IS NULL) THEN backfill_cap_fault('/backfill') END
      INTO backfills, faults
      FROM (SELECT backfill_start_asked($1, s.id, 'connected', $3 -> 'backfill', NULL,
                                        ARRAY(SELECT a.company_id FROM connection_asked($1, $3) a), true) AS backfill
              FROM subscription s
             WHERE s.tenant_id = $1 AND s.app_id = $2 AND s.kind = 'delivery' AND s.state IN ('active', 'held', 'paused')
             ORDER BY s.id) m;
END
$$;

-- Which of the companies were disconnected, and have messages that are still being cancelled: a new one would be, too.
CREATE OR REPLACE FUNCTION connection_cancel_faults(tenant_id uuid, app_id uuid, given json) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_object('pointer', format('/companies/%s', f.n), 'detail',
                                          'What it had waiting is still being cancelled: ask again in a moment.') ORDER BY f.n)
          FROM (SELECT a.n
                  FROM connection_asked($1, $3) a
                  JOIN connection c ON c.tenant_id = $1 AND c.app_id = $2 AND c.company_id = a.company_id
                 WHERE queue_is_cancelling($1, c.id)
                 ORDER BY a.n
                 LIMIT 100) f);
END
$$;

-- Connects companies to an app: all of them or none. A company that is connected keeps its
-- connection; values that are given replace its own in a new version.
CREATE OR REPLACE FUNCTION connection_make(tenant_id uuid, app_id uuid, given json, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    target app;
    asked  record;
BEGIN
    target := app_share($1, NULL, $2);
    IF target.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF target.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The app is archived.');
        RETURN;
    END IF;
    -- None is archived meanwhile: that disconnects what is connected by then. The order is company_import()'s.
    PERFORM
       FROM company c
      WHERE c.tenant_id = $1 AND c.id = ANY (ARRAY(SELECT a.company_id FROM connection_asked($1, $3) a))
      ORDER BY c.external_id
        FOR SHARE;
    body := connection_cancel_faults($1, $2, $3)::text;
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;
    body := connection_faults($1, $2, $3)::text;
    IF body IS NOT NULL THEN
        code := 'invalid_body';
        RETURN;
    END IF;

    -- Version 0 marks a new connection until its first values are stored, below. The order of the
    -- companies keeps two requests from a deadlock.
    INSERT INTO connection (tenant_id, app_id, company_id, state, values_version)
    SELECT $1, $2, a.company_id, 'incomplete', 0 FROM connection_asked($1, $3) a ORDER BY a.company_id
        ON CONFLICT ON CONSTRAINT connection_company_app DO NOTHING;
    PERFORM
       FROM connection c
      WHERE c.tenant_id = $1 AND c.app_id = $2
        AND c.company_id = ANY (ARRAY(SELECT a.company_id FROM connection_asked($1, $3) a))
      ORDER BY c.company_id
        FOR NO KEY UPDATE;

    INSERT INTO connection_values (tenant_id, connection_id, version, "values", applies, masked_keys)
    SELECT $1, c.id, c.values_version + 1, custom_values_pick($1, $2, coalesce(a.given_values, '{}')),
           custom_values_applies($1, $2, coalesce(a.given_values, '{}')),
           masked_keys_kept($1, c.id, c.values_version, a.given_values::text)
      FROM connection_asked($1, $3) a
      JOIN connection c ON c.tenant_id = $1 AND c.app_id = $2 AND c.company_id = a.company_id
     WHERE c.values_version = 0
        OR a.given_values IS NOT NULL
           AND connection_values_differ($1, c.id, c.values_version, custom_values_pick($1, $2, a.given_values),
                                        custom_values_applies($1, $2, a.given_values));

    UPDATE connection c
       SET values_version = v.version, state = connection_state_of($1, $2, c.state, v."values"::json), updated_at = now(),
           active_since = connection_active_since(c, connection_state_of($1, $2, c.state, v."values"::json))
      FROM connection_asked($1, $3) a
      JOIN connection o ON o.tenant_id = $1 AND o.app_id = $2 AND o.company_id = a.company_id
     CROSS JOIN LATERAL (SELECT x.version, x."values"
                           FROM connection_values x
                          WHERE x.tenant_id = $1 AND x.connection_id = o.id
                          ORDER BY x.version DESC
                          LIMIT 1) v
     WHERE c.tenant_id = $1 AND c.id = o.id;

    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1, 'connection.connected', c.id::text,
           json_build_object('app_id', $2, 'company', a.external_id, 'values_version', c.values_version)
      FROM connection_asked($1, $3) a
      JOIN connection c ON c.tenant_id = $1 AND c.app_id = $2 AND c.company_id = a.company_id;

    SELECT '', json_build_object('data', json_agg(connection_json(c) ORDER BY a.n))::text INTO code, body
      FROM connection_asked($1, $3) a
      JOIN connection c ON c.tenant_id = $1 AND c.app_id = $2 AND c.company_id = a.company_id;
    IF $3 -> 'backfill' IS NOT NULL THEN
        SELECT b.* INTO asked FROM connection_backfill($1, $2, $3) b;
        IF asked.faults IS NOT NULL THEN
            code := 'conflict';
            body := asked.faults;
            RETURN;
        END IF;
        body := json_plus(body::json, 'backfills', coalesce(asked.backfills, '[]'))::text;
    END IF;
END
$$;

-- The same as a request asks for it: what is refused at last leaves nothing, and a dry run takes all of it back and
-- answers as if it had been done.
CREATE OR REPLACE FUNCTION connection_connect(tenant_id uuid, app_id uuid, given json, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT m.code, m.body INTO code, body FROM connection_make($1, $2, $3) m;
    IF code <> '' OR coalesce(($3 ->> 'dry_run')::boolean, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'HKDRY';
    END IF;
    code := 'created';
EXCEPTION WHEN SQLSTATE 'HKDRY' THEN
    NULL; -- all of it is undone; the variables are not
END
$$;

-- The connection's row, held until the transaction ends, and its app's shared; all NULL when there is
-- none that is connected.
CREATE OR REPLACE FUNCTION connection_lock(tenant_id uuid, connection_id uuid) RETURNS connection
LANGUAGE plpgsql AS $$
DECLARE
    held connection;
BEGIN
    PERFORM app_share($1, NULL, c.app_id) FROM connection c WHERE c.tenant_id = $1 AND c.id = $2;
    SELECT c.* INTO held FROM connection c WHERE c.tenant_id = $1 AND c.id = $2 FOR NO KEY UPDATE;
    RETURN held;
END
$$;

-- Puts the given values in place of the connection's, in a new version when they are others; null takes a value
-- away.
DROP FUNCTION IF EXISTS connection_set_values(uuid, uuid, json);
CREATE OR REPLACE FUNCTION connection_set_values(tenant_id uuid, connection_id uuid, given json, if_match text,
                                                 OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held       connection;
    new_values text;
    applies    json;
BEGIN
    held := connection_lock($1, $2);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, connection_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF held.state = 'disconnected' THEN
        code := 'conflict';
        body := fault('', 'The company is disconnected from the app.');
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM custom_values_faults($1, held.app_id, $3 -> 'values', '/values') x
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;

    SELECT custom_values_pick($1, held.app_id, custom_values_merge(v."values"::json, $3 -> 'values')) INTO new_values
      FROM connection_values v
     WHERE v.tenant_id = $1 AND v.connection_id = $2 AND v.version = held.values_version;
    applies := custom_values_applies($1, held.app_id, new_values::json);
    IF connection_values_differ($1, $2, held.values_version, new_values, applies) THEN
        INSERT INTO connection_values (tenant_id, connection_id, version, "values", applies, masked_keys)
        VALUES ($1, $2, held.values_version + 1, new_values, applies,
                masked_keys_kept($1, $2, held.values_version, new_values));
        UPDATE connection c
           SET values_version = c.values_version + 1, updated_at = now(),
               state = connection_state_of($1, c.app_id, c.state, new_values::json),
               active_since = connection_active_since(c, connection_state_of($1, c.app_id, c.state, new_values::json))
         WHERE c.tenant_id = $1 AND c.id = $2
        RETURNING c.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'connection.changed', $2::text, json_build_object('values_version', held.values_version));
    END IF;
    code := '';
    body := connection_json(held)::text;
END
$$;

-- Pauses a connection, or takes the pause away; what it is already, it stays.
CREATE OR REPLACE FUNCTION connection_set_paused(tenant_id uuid, connection_id uuid, is_paused boolean,
                                                 OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held connection;
BEGIN
    held := connection_lock($1, $2);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF held.state = 'disconnected' THEN
        code := 'conflict';
        body := fault('', 'The company is disconnected from the app.');
        RETURN;
    END IF;

    IF (held.state = 'paused') <> $3 THEN
        UPDATE connection c
           SET updated_at = now(),
               state = CASE WHEN $3 THEN 'paused'
                            ELSE connection_state_of($1, c.app_id, 'active', v."values"::json) END,
               active_since = CASE WHEN $3 THEN c.active_since
                                   ELSE connection_active_since(c, connection_state_of($1, c.app_id, 'active', v."values"::json))
                              END
          FROM connection_values v
         WHERE c.tenant_id = $1 AND c.id = $2
           AND v.tenant_id = $1 AND v.connection_id = $2 AND v.version = held.values_version
        RETURNING c.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id)
        VALUES ($1, CASE WHEN $3 THEN 'connection.paused' ELSE 'connection.resumed' END, $2::text);
    END IF;
    code := '';
    body := connection_json(held)::text;
END
$$;

-- Disconnects a company: no event of it becomes a message of the app any more. What is queued is
-- still sent, unless it is to be cancelled (BC-06): then `most` messages are looked at before the answer.
DROP FUNCTION IF EXISTS connection_disconnect(uuid, uuid, text);
CREATE OR REPLACE FUNCTION connection_disconnect(tenant_id uuid, connection_id uuid, queued text, most integer DEFAULT 1000,
                                                 OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    held        connection;
    n_cancelled integer := 0;
BEGIN
    held := connection_lock($1, $2);
    IF held.id IS NULL OR held.state = 'disconnected' THEN
        code := 'not_found';
        RETURN;
    END IF;
    UPDATE connection c SET state = 'disconnected', updated_at = now() WHERE c.tenant_id = $1 AND c.id = $2;
    IF $3 = 'cancel' THEN
        PERFORM backfill_hold($1, held.app_id);
        n_cancelled := queue_cancel($1, ARRAY(SELECT s.id
                                                FROM subscription s
                                               WHERE s.tenant_id = $1 AND s.app_id = held.app_id AND s.kind = 'delivery'
                                               ORDER BY s.id), $2, 'connection_disconnected', $4);
    END IF;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'connection.disconnected', $2::text, json_build_object('cancelled_messages', n_cancelled));
    code := '';
END
$$;
