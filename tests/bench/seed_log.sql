-- SPDX-License-Identifier: Apache-2.0
-- The log that tests/bench/run seed-log makes: about :attempts attempts of the tenants in seed_tenant (rank, tenant_id),
-- whose sizes follow Zipf's law, over :days days until now. In the end the tables are what the programs would have left:
-- logged, partitioned, indexed, analysed. Steps by sets of rows; indexes are dropped and built again.

SELECT setseed(0.42);
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
SET synchronous_commit = off;

-- The past's weeks.
DO $$
DECLARE
    parent text;
    monday timestamptz;
    name   text;
BEGIN
    FOR monday IN
        SELECT w FROM generate_series(date_trunc('week', now() - interval '91 days', 'UTC'), now(), interval '7 days') w
    LOOP
        FOREACH parent IN ARRAY ARRAY['event', 'message', 'attempt', 'skip']
        LOOP
            name := parent || '_' || to_char(monday AT TIME ZONE 'UTC', 'IYYY"w"IW');
            CONTINUE WHEN to_regclass(quote_ident(name)) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name, parent,
                           uuid_v7_floor(monday), uuid_v7_floor(monday + interval '7 days'));
        END LOOP;
    END LOOP;
END
$$;

-- What is dropped now and built again in the end.
CREATE TEMP TABLE seed_index AS
SELECT i.indexrelid::regclass::text AS name, i.indrelid::regclass::text AS parent, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS definition,
       (SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype = 'p') AS key
  FROM pg_index i
 WHERE i.indrelid IN ('event'::regclass, 'message'::regclass, 'attempt'::regclass, 'skip'::regclass,
                      'event_key'::regclass);
DO $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT * FROM seed_index
    LOOP
        EXECUTE CASE WHEN x.key IS NULL THEN format('DROP INDEX %s', x.name)
                     ELSE format('ALTER TABLE %s DROP CONSTRAINT %s', x.parent, x.name) END;
    END LOOP;
END
$$;

-- The tenants' own things. Numbers begin with 0.
CREATE TEMP TABLE seed_size AS
SELECT t.rank, t.tenant_id, 1.0 / t.rank AS weight, 4 + (12 / t.rank) AS n_types, 1 + (20 / t.rank ^ 0.7)::integer AS n_apps,
       5 + (500 / t.rank ^ 0.8)::integer AS n_companies
  FROM seed_tenant t;
CREATE TEMP TABLE seed_type AS
SELECT z.tenant_id, n, (ARRAY['order', 'invoice', 'document', 'contact'])[1 + n % 4] || '.'
                       || (ARRAY['created', 'updated', 'paid', 'deleted'])[1 + n / 4] AS name
  FROM seed_size z, generate_series(0, z.n_types - 1) n;
INSERT INTO event_type (tenant_id, name) SELECT t.tenant_id, t.name FROM seed_type t;
CREATE TEMP TABLE seed_app AS
SELECT z.tenant_id, n, uuid_v7() AS id FROM seed_size z, generate_series(0, z.n_apps - 1) n;
INSERT INTO app (tenant_id, id, partner, name, created_at)
SELECT a.tenant_id, a.id, 'partner-' || a.n % 5, 'App ' || a.n, now() - :days * interval '1 day' FROM seed_app a;
-- One subscription in ten is flaky, one in thirty dead; one in twenty is paused by now.
CREATE TEMP TABLE seed_subscription AS
SELECT a.tenant_id, a.n AS app_n, a.id AS app_id, uuid_v7() AS id, row_number() OVER () AS place
  FROM seed_app a, generate_series(0, a.n % 3);
INSERT INTO subscription (tenant_id, id, app_id, url, event_types, state, state_changed_at, allows_http)
SELECT s.tenant_id, s.id, s.app_id, :'sink' || '/log/' || s.place,
       CASE s.place % 3 WHEN 0 THEN ARRAY['*'] WHEN 1 THEN ARRAY['order.*', 'invoice.*'] ELSE ARRAY['document.*', 'contact.*'] END,
       CASE WHEN s.place % 20 = 7 THEN 'paused' ELSE 'active' END, now() - interval '5 days', true
  FROM seed_subscription s;
CREATE TEMP TABLE seed_company AS
SELECT z.tenant_id, n, uuid_v7() AS id FROM seed_size z, generate_series(0, z.n_companies - 1) n;
INSERT INTO company (tenant_id, id, external_id, name)
SELECT c.tenant_id, c.id, 'c' || c.n, 'Company ' || c.n || ' BV' FROM seed_company c;
-- A company uses one to three of the apps.
CREATE TEMP TABLE seed_connection AS
SELECT DISTINCT ON (c.tenant_id, c.n, a.n) c.tenant_id, c.n AS company_n, a.n AS app_n, uuid_v7() AS id, c.id AS company_id,
       a.id AS app_id
  FROM seed_company c
  JOIN seed_size z ON z.tenant_id = c.tenant_id
 CROSS JOIN generate_series(0, c.n % 3) k
  JOIN seed_app a ON a.tenant_id = c.tenant_id AND a.n = (c.n * 7 + k * 3) % z.n_apps;
INSERT INTO connection (tenant_id, id, app_id, company_id, state, active_since)
SELECT x.tenant_id, x.id, x.app_id, x.company_id, 'active', now() - :days * interval '1 day' FROM seed_connection x;
INSERT INTO connection_values (tenant_id, connection_id, version, "values")
SELECT x.tenant_id, x.id, 1, '{}' FROM seed_connection x;
INSERT INTO quota_use (tenant_id, kind, used)
SELECT z.tenant_id, k.kind, k.used
  FROM seed_size z
 CROSS JOIN LATERAL (VALUES ('apps', z.n_apps), ('companies', z.n_companies),
                            ('subscriptions', (SELECT count(*) FROM seed_subscription s WHERE s.tenant_id = z.tenant_id))) k (kind, used)
    ON CONFLICT (tenant_id, kind) DO UPDATE SET used = excluded.used;
ANALYZE app, subscription, company, connection, event_type;

-- To which subscriptions an event of a company and type goes, and why not.
CREATE TEMP TABLE seed_route AS
SELECT x.tenant_id, x.company_n, t.n AS type_n, s.id AS subscription_id, x.id AS connection_id, s.place, u.url,
       CASE WHEN NOT y.patterns && u.event_types THEN 'type_not_selected' END AS reason
  FROM seed_connection x
  JOIN seed_subscription s ON s.tenant_id = x.tenant_id AND s.app_n = x.app_n
  JOIN subscription u ON u.tenant_id = s.tenant_id AND u.id = s.id
  JOIN seed_type t ON t.tenant_id = x.tenant_id
  JOIN event_type y ON y.tenant_id = t.tenant_id AND y.name = t.name;
CREATE INDEX ON seed_route (tenant_id, company_n, type_n);
ANALYZE seed_route;

-- Events: most are of few companies and types, and by day. 1.14 attempts a message, that many messages an event.
CREATE TEMP TABLE seed_event AS
SELECT e.tenant_id, e.company_n, e.type_n, e.ms,
       (encode(substring(int8send(e.ms) FROM 3) || substring(int4send(28672 | (random() * 4095)::integer) FROM 3), 'hex')
        || '8' || substr(encode(uuid_send(gen_random_uuid()), 'hex'), 18))::uuid AS id
  FROM (SELECT z.tenant_id, (z.n_companies * random() ^ 2)::integer % z.n_companies AS company_n,
               (z.n_types * random() ^ 1.5)::integer % z.n_types AS type_n,
               (extract(epoch FROM date_trunc('day', now())) * 1000 - 86400000.0 * (:days - 1) + 86400000.0 * floor(random() * :days)
                + 86400000.0 * (0.5 + (random() - 0.5) * (0.3 + 0.7 * random())))::bigint AS ms
          FROM seed_size z
         CROSS JOIN LATERAL (SELECT greatest(10, :attempts * z.weight / (SELECT sum(o.weight) FROM seed_size o)
                                    / 1.09 / greatest(0.3, r.per_event)) AS n
                               FROM (SELECT count(*) FILTER (WHERE q.reason IS NULL)::numeric / (z.n_companies * z.n_types) AS per_event
                                       FROM seed_route q
                                      WHERE q.tenant_id = z.tenant_id) r) c
         CROSS JOIN generate_series(1, c.n::integer)) e
 WHERE e.ms < extract(epoch FROM now()) * 1000 - 1000
 ORDER BY e.ms;
ANALYZE seed_event;

INSERT INTO event (tenant_id, id, event_type, company_id, external_id, occurred_at, payload, traceparent, recorded_at)
SELECT e.tenant_id, e.id, t.name, c.id, 'ext-' || right(e.id::text, 21), to_char(to_timestamp(e.ms / 1000.0), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       '{"order": {"id": ' || e.ms % 100000 || ', "number": "2026-' || e.ms % 7919 || '", "amount": ' || e.ms % 50000
       || '.25, "currency": "EUR"}, "customer": {"name": "Customer ' || e.ms % 977 || '", "email": "customer' || e.ms % 977
       || '@example.com"}, "lines": [{"sku": "A-' || e.ms % 31 || '", "quantity": ' || 1 + e.ms % 9 || '}]}',
       CASE WHEN e.ms % 2 = 0 THEN '00-' || replace(e.id::text, '-', '') || '-00f067aa0ba902b7-01' END,
       to_timestamp(e.ms / 1000.0) + interval '2 ms'
  FROM seed_event e
  JOIN seed_type t ON t.tenant_id = e.tenant_id AND t.n = e.type_n
  JOIN seed_company c ON c.tenant_id = e.tenant_id AND c.n = e.company_n
 ORDER BY e.ms;
INSERT INTO event_key (tenant_id, external_id, event_id)
SELECT e.tenant_id, 'ext-' || right(e.id::text, 21), e.id FROM seed_event e ORDER BY e.ms;

INSERT INTO skip (tenant_id, event_id, subscription_id, connection_id, reason)
SELECT e.tenant_id, e.id, r.subscription_id, r.connection_id,
       coalesce(r.reason, CASE WHEN r.place % 20 = 7 THEN 'subscription_paused' ELSE 'filter_false' END)
  FROM seed_event e
  JOIN seed_route r ON r.tenant_id = e.tenant_id AND r.company_n = e.company_n AND r.type_n = e.type_n
 WHERE r.reason IS NOT NULL OR r.place % 11 = 5 AND e.ms % 4 = 0
    OR r.place % 20 = 7 AND e.ms > extract(epoch FROM now() - interval '5 days') * 1000
 ORDER BY e.ms;

-- Messages. `kind` is what goes wrong, `n_failures` how often before it succeeds; 10 is all of the schedule.
CREATE TEMP TABLE seed_message AS
SELECT m.*, row_number() OVER () AS n,
       CASE WHEN m.kind IS NULL THEN 0 WHEN m.kind IN ('410', '401') THEN 1
            WHEN m.is_dead OR m.luck < 0.1 THEN 10 ELSE 1 + (m.luck * 3)::integer END AS n_failures
  FROM (SELECT e.tenant_id, e.id AS event_id, e.ms, r.subscription_id, r.connection_id, r.url, r.place, random() AS luck,
               r.place % 30 = 11 AND e.ms % 10 < 4 AS is_dead,
               CASE WHEN random() < CASE WHEN r.place % 30 = 11 THEN 0.4 WHEN r.place % 10 = 3 THEN 0.2 ELSE 0.02 END
                    THEN (ARRAY['500', '502', '503', '500', 'timeout', 'timeout', '429', 'tls', 'dns', 'connect', 'reset', '404',
                                '401', '410'])[1 + (13 * random())::integer] END AS kind
          FROM seed_event e
          JOIN seed_route r ON r.tenant_id = e.tenant_id AND r.company_n = e.company_n AND r.type_n = e.type_n AND r.reason IS NULL
         WHERE NOT (r.place % 11 = 5 AND e.ms % 4 = 0)
           AND NOT (r.place % 20 = 7 AND e.ms > extract(epoch FROM now() - interval '5 days') * 1000)
         ORDER BY e.ms) m;

CREATE TEMP TABLE seed_delay AS -- seconds from acceptance until an attempt, by the standard profile
SELECT n, d FROM unnest(ARRAY[0, 5, 305, 2105, 9305, 27305, 63305, 113705, 185705, 272105]) WITH ORDINALITY AS x (d, n);
CREATE TEMP TABLE seed_attempt AS
SELECT a.*, a.started_at + a.duration_us * interval '1 microsecond' + interval '3 ms' AS recorded_at
  FROM (SELECT m.n, message_id(m.event_id, m.subscription_id) AS message_id, d.n::integer AS attempt_no,
               CASE WHEN d.n <= m.n_failures THEN m.kind END AS kind,
               to_timestamp(m.ms / 1000.0) + (d.d * (1 + 0.2 * m.luck) + 0.004) * interval '1 second' AS started_at,
               CASE WHEN d.n <= m.n_failures AND m.kind = 'timeout' THEN 15000000
                    ELSE 8000 + (40000 * random() ^ 3 * (1 + m.place % 17) ^ 1.3)::bigint END AS duration_us
          FROM seed_message m
          JOIN seed_delay d ON d.n <= least(10, m.n_failures + CASE WHEN m.kind IN ('410', '401') THEN 0 ELSE 1 END)) a
 WHERE a.started_at < now() - interval '20 seconds';
CREATE INDEX ON seed_attempt (n, attempt_no);
ANALYZE seed_attempt, seed_message;

INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status, status_reason, attempts, finished_at)
SELECT m.tenant_id, message_id(m.event_id, m.subscription_id), m.event_id, m.subscription_id, m.connection_id,
       CASE WHEN l.kind IS NULL AND l.n IS NOT NULL THEN 'succeeded'
            WHEN m.kind IN ('410', '401') OR l.attempt_no = 10 THEN 'failed' ELSE 'pending' END,
       CASE WHEN l.kind IS NULL THEN NULL WHEN m.kind IN ('410', '401') THEN 'status_' || m.kind
            WHEN l.attempt_no = 10 THEN 'schedule_exhausted' END,
       coalesce(l.attempt_no, 0),
       CASE WHEN l.kind IS NULL OR m.kind IN ('410', '401') OR l.attempt_no = 10 THEN l.recorded_at END
  FROM seed_message m
  LEFT JOIN LATERAL (SELECT a.* FROM seed_attempt a WHERE a.n = m.n ORDER BY a.attempt_no DESC LIMIT 1) l ON true
 ORDER BY m.n;
INSERT INTO queue (tenant_id, subscription_id, message_id, attempts, due_at)
SELECT m.tenant_id, m.subscription_id, m.id, m.attempts,
       greatest(now() + interval '1 hour', uuid_v7_time(m.id) + 1.2 * d.d * interval '1 second')
  FROM message m
  JOIN seed_delay d ON d.n = m.attempts + 1
 WHERE m.status = 'pending';

INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, status_code, duration_us, dns_us, connect_us,
                     tls_us, first_byte_us, remote_address, error, response_headers, response_body, worker, tls_version,
                     tls_cipher, request_headers, recorded_at)
SELECT m.tenant_id, a.message_id, a.attempt_no, a.started_at, m.url,
       CASE WHEN a.kind IS NULL THEN 'succeeded' WHEN a.kind ~ '^[0-9]' THEN 'http_status' ELSE a.kind END,
       CASE WHEN a.kind IS NULL THEN 200 WHEN a.kind ~ '^[0-9]' THEN a.kind::integer END,
       a.duration_us, 300, 1200, 4000, CASE WHEN a.kind IS NULL OR a.kind ~ '^[0-9]' THEN a.duration_us - 200 END,
       '203.0.113.' || m.place % 250, CASE WHEN a.kind ~ '^[a-z]' THEN 'The receiver could not be reached: ' || a.kind END,
       CASE WHEN a.kind IS NULL OR a.kind ~ '^[0-9]'
            THEN E'server: nginx\r\ndate: Sun, 22 Nov 2026 10:00:00 GMT\r\ncontent-type: application/json\r\ncontent-length: 15\r\n' END,
       CASE WHEN a.kind IS NULL THEN '\x7b22737461747573223a226f6b227d'::bytea WHEN a.kind ~ '^[0-9]' THEN '\x6e6f'::bytea END,
       'worker-1', 'TLSv1.3', 'TLS_AES_256_GCM_SHA384',
       E'user-agent: Hookline/1\r\nwebhook-signature: v1,***\r\n', a.recorded_at
  FROM seed_attempt a
  JOIN seed_message m ON m.n = a.n
 ORDER BY a.recorded_at;

DO $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT * FROM seed_index ORDER BY key
    LOOP
        EXECUTE CASE WHEN x.key IS NULL THEN x.definition
                     ELSE format('ALTER TABLE %s ADD CONSTRAINT %s %s', x.parent, x.name, x.key) END;
    END LOOP;
END
$$;
-- The workers have not seen any of it.
UPDATE stat_progress
   SET settled_to = '-infinity', mark_at = '-infinity', attempts_to = now() - :days * interval '1 day', attempts_span = '1 minute',
       events_to = now() - :days * interval '1 day', history_before = '-infinity', history_tenant = NULL;
VACUUM (ANALYZE) event, event_key, message, attempt, skip, queue;
CHECKPOINT;
SELECT 'seeded: ' || (SELECT count(*) FROM attempt) || ' attempts, ' || (SELECT count(*) FROM message) || ' messages, '
       || (SELECT count(*) FROM event) || ' events, ' || (SELECT count(*) FROM skip) || ' skips, '
       || (SELECT pg_size_pretty(pg_database_size(current_database())));
