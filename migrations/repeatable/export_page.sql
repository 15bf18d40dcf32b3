-- A page of messages for an export: those that a query finds, newest first, and where the next page goes on (NULL:
-- there is none; a page may be empty and have a next one). plpgsql, so that each set of filters is planned as it is.
CREATE OR REPLACE FUNCTION export_page(tenant_id uuid, partner text, filter jsonb, before_id uuid, page_limit integer,
                                       OUT messages message[], OUT next_id uuid)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    of_company uuid[] := ARRAY(SELECT c.id
                                 FROM connection c
                                WHERE c.tenant_id = $1
                                  AND c.company_id = (SELECT co.id FROM company co
                                                       WHERE co.tenant_id = $1 AND co.external_id = $3 ->> 'company'));
    reach integer := list_reach($5, 1, $2 IS NOT NULL OR $3 - 'since' - 'until' <> '{}');
BEGIN
    WITH seen AS MATERIALIZED (
        SELECT m AS message, m.id, row_number() OVER (ORDER BY m.id DESC) AS place
          FROM message m
         WHERE m.tenant_id = $1
           AND m.id < least(coalesce($4, uuid_max()), id_until(($3 ->> 'until')::timestamptz))
           AND m.id >= id_since(($3 ->> 'since')::timestamptz)
           AND m.id BETWEEN coalesce(message_id_floor(($3 ->> 'event_id')::uuid), uuid_min())
                        AND coalesce(message_id_ceiling(($3 ->> 'event_id')::uuid), uuid_max())
         ORDER BY m.id DESC
         LIMIT reach
    ), page AS (
        SELECT v.message, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
          FROM seen v
          JOIN subscription s ON s.tenant_id = $1 AND s.id = (v.message).subscription_id
          JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id
         WHERE ($2 IS NULL OR a.partner = $2)
           AND (NOT $3 ? 'event_id' OR (v.message).event_id = ($3 ->> 'event_id')::uuid)
           AND (NOT $3 ? 'subscription_id' OR s.id = ($3 ->> 'subscription_id')::uuid)
           AND (NOT $3 ? 'app_id' OR a.id = ($3 ->> 'app_id')::uuid)
           AND (NOT $3 ? 'company' OR (v.message).connection_id = ANY (of_company))
           AND (NOT $3 ? 'status' OR message_status(v.message) = $3 ->> 'status')
           AND (NOT $3 ? 'event_type'
                OR EXISTS (SELECT
                             FROM event e
                            WHERE e.tenant_id = $1 AND e.id = (v.message).event_id AND e.event_type = $3 ->> 'event_type'
                           OFFSET 0))
         ORDER BY v.id DESC
         LIMIT $5 + 1
    )
    SELECT array_agg(p.message ORDER BY p.n) FILTER (WHERE p.n <= $5),
           CASE WHEN count(*) > $5 THEN (array_agg(p.id ORDER BY p.n))[$5]
                ELSE (SELECT v.id FROM seen v WHERE v.place = reach) END
      INTO messages, next_id
      FROM page p;
END
$$;

-- Who exported what is in the audit log once an export: with its first page.
CREATE OR REPLACE FUNCTION export_audit(tenant_id uuid, action text, filter jsonb, format text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, $2, '', json_build_object('format', coalesce($4, 'ndjson'), 'filter', $3))
$$;

-- An attempt on a line of its own: with what its message is.
CREATE OR REPLACE FUNCTION attempt_line_json(message json, a attempt) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    of_message text := json_build_object('message_id', a.message_id, 'event_id', message -> 'event_id',
                                         'event_type', message -> 'event_type', 'company', message -> 'company',
                                         'app_id', message -> 'app_id', 'subscription_id', message -> 'subscription_id');
BEGIN
    RETURN left(of_message, -1) || ', ' || substr(attempt_json(a)::text, 2);
END
$$;
