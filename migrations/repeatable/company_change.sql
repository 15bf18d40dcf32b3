-- Changes of companies. The statements are in api/resources/companies.sql. Only tenant admins get
-- here: no function looks at a partner.

CREATE OR REPLACE FUNCTION company_update(tenant_id uuid, company_id uuid, given json, if_match text,
                                          OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held company;
BEGIN
    SELECT c.* INTO held FROM company c WHERE c.tenant_id = $1 AND c.id = $2 FOR NO KEY UPDATE;
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($4, company_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF held.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The company is archived.');
        RETURN;
    END IF;

    IF json_has_members($3) THEN
        UPDATE company c SET name = coalesce($3 ->> 'name', c.name), updated_at = now()
         WHERE c.tenant_id = $1 AND c.id = $2
        RETURNING c.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id, detail) VALUES ($1, 'company.changed', $2::text, $3);
    END IF;
    code := '';
    body := company_json(held)::text;
END
$$;

-- Sees to it that there is an active company of this external id and name. What had to be done, the
-- outcome says: created, updated, restored (it was archived), unchanged. The first and the third count: the
-- caller takes them from the quota when it holds all its companies, because whoever archives one holds that first.
CREATE OR REPLACE FUNCTION company_upsert(tenant_id uuid, external_id text, new_name text,
                                          OUT outcome text, OUT held company)
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO company AS c (tenant_id, external_id, name) VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT company_external_id DO NOTHING
    RETURNING c.* INTO held;
    IF held.id IS NOT NULL THEN
        outcome := 'created';
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'company.created', held.id::text, json_build_object('external_id', $2, 'name', $3));
        RETURN;
    END IF;

    SELECT c.* INTO held FROM company c WHERE c.tenant_id = $1 AND c.external_id = $2 FOR NO KEY UPDATE;
    outcome := CASE WHEN held.state = 'archived' THEN 'restored' WHEN held.name <> $3 THEN 'updated' ELSE 'unchanged' END;
    IF outcome <> 'unchanged' THEN
        UPDATE company c SET name = $3, state = 'active', updated_at = now()
         WHERE c.tenant_id = $1 AND c.id = held.id
        RETURNING c.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, CASE outcome WHEN 'restored' THEN 'company.restored' ELSE 'company.changed' END, held.id::text,
                json_build_object('name', $3));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION company_put(tenant_id uuid, external_id text, given json, if_match text,
                                       OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    held company;
    done record;
BEGIN
    IF char_length($2) NOT BETWEEN 1 AND 128 THEN
        code := 'invalid_parameter';
        body := fault('', 'An external id has 1 to 128 characters.');
        RETURN;
    END IF;
    SELECT c.* INTO held FROM company c WHERE c.tenant_id = $1 AND c.external_id = $2 FOR NO KEY UPDATE;
    IF $4 IS NOT NULL AND (held.id IS NULL OR NOT etag_matches($4, company_json(held))) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    SELECT u.outcome, u.held INTO done FROM company_upsert($1, $2, $3 ->> 'name') u;
    IF done.outcome IN ('created', 'restored') THEN
        PERFORM quota_take($1, 'companies', 1);
    END IF;
    code := '';
    IF done.outcome = 'created' THEN
        code := 'created';
        new_id := (done.held).id::text;
    END IF;
    body := company_json(done.held)::text;
END
$$;

-- Many companies, all or none. A dry run does the same and takes it back: its answer is the true one.
CREATE OR REPLACE FUNCTION company_import(tenant_id uuid, given json, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    is_dry_run boolean := coalesce(($2 ->> 'dry_run')::boolean, false);
    item       record;
    done       record;
    results    json[] := '{}';
    n_more     bigint := 0;
BEGIN
    SELECT 'invalid_body', json_agg(json_build_object(
               'pointer', format('/companies/%s/external_id', d.n), 'detail', 'This external id is in the list twice.')
                                    ORDER BY d.n)::text
      INTO code, body
      FROM (SELECT g.n - 1 AS n, row_number() OVER (PARTITION BY g.item ->> 'external_id' ORDER BY g.n) AS nth
              FROM json_array_elements($2 -> 'companies') WITH ORDINALITY AS g (item, n)) d
     WHERE d.nth > 1
    HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;

    BEGIN
        -- The order keeps two imports from a deadlock.
        FOR item IN SELECT g.n, g.item ->> 'external_id' AS external_id, g.item ->> 'name' AS name
                      FROM json_array_elements($2 -> 'companies') WITH ORDINALITY AS g (item, n)
                     ORDER BY 2
        LOOP
            SELECT u.outcome, (u.held).id INTO done FROM company_upsert($1, item.external_id, item.name) u;
            n_more := n_more + (done.outcome IN ('created', 'restored'))::integer;
            results[item.n] := json_build_object(
                'external_id', item.external_id,
                'id', CASE WHEN is_dry_run AND done.outcome = 'created' THEN NULL ELSE done.id END,
                'result', done.outcome);
        END LOOP;
        IF n_more > 0 THEN
            PERFORM quota_take($1, 'companies', n_more);
        END IF;
        IF is_dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'HKDRY';
        END IF;
    EXCEPTION WHEN SQLSTATE 'HKDRY' THEN
        NULL; -- all of it is undone; the variables are not
    END;

    code := '';
    SELECT json_build_object('dry_run', is_dry_run,
                             'created', count(*) FILTER (WHERE r.result = 'created'),
                             'updated', count(*) FILTER (WHERE r.result = 'updated'),
                             'restored', count(*) FILTER (WHERE r.result = 'restored'),
                             'unchanged', count(*) FILTER (WHERE r.result = 'unchanged'),
                             'data', to_json(results))::text
      INTO body
      FROM (SELECT u.item ->> 'result' AS result FROM unnest(results) AS u (item)) r;
END
$$;

-- Ends a company: its connections are disconnected, and no event is taken for it until it is put or
-- imported again. It keeps its id, and its log.
CREATE OR REPLACE FUNCTION company_archive(tenant_id uuid, company_id uuid, queued text, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE
    n_disconnected integer;
BEGIN
    UPDATE company c SET state = 'archived', updated_at = now()
     WHERE c.tenant_id = $1 AND c.id = $2 AND c.state = 'active';
    IF NOT FOUND THEN
        code := 'not_found';
        RETURN;
    END IF;
    SELECT count(connection_disconnect($1, x.id, $3, (1000 / x.n)::integer)) INTO n_disconnected
      FROM (SELECT c.id, count(*) OVER () AS n
              FROM connection c
             WHERE c.tenant_id = $1 AND c.company_id = $2 AND c.state <> 'disconnected'
             ORDER BY c.app_id) x;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'company.archived', $2::text, json_build_object('disconnected', n_disconnected));
    PERFORM quota_give($1, 'companies', 1);
    code := '';
END
$$;
