-- SPDX-License-Identifier: Apache-2.0
-- What roll-ups cost while 1,000 attempts are recorded a second: 3 minutes of the log's newest events, made anew as if they had
-- come that fast, are rolled up in steps of 10 s each; then the hour is over and they are folded. Says the share of a
-- core, by the CPU time of the connection: neighbours count little. The log is not whole afterwards.
CREATE FUNCTION pg_temp.cpu_ms() RETURNS numeric LANGUAGE sql VOLATILE AS $$
    SELECT (f[12]::numeric + f[13]::numeric) * 10
      FROM (SELECT string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' ') AS f) x
$$;
SET work_mem = '64MB';
SET synchronous_commit = off;
SELECT date_trunc('hour', now() - interval '2 hours') AS base \gset

CREATE TEMP TABLE old_message AS
SELECT m.* FROM message m JOIN LATERAL (SELECT FROM attempt a WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id AND a.attempt_no = 1) x ON true
 ORDER BY m.id DESC LIMIT 158000;
CREATE TEMP TABLE way AS -- events in another order, so that each second has some of all tenants
SELECT e.tenant_id, e.id AS old_id, t.at, (left(uuid_v7_floor(t.at)::text, 15) || right(md5(e.id::text)::uuid::text, 21))::uuid AS id
  FROM (SELECT o.tenant_id, o.event_id AS id, row_number() OVER (ORDER BY md5(o.event_id::text)) AS n, count(*) OVER () AS n_all
          FROM (SELECT DISTINCT m.tenant_id, m.event_id FROM old_message m) o) e
 CROSS JOIN LATERAL (SELECT :'base'::timestamptz + e.n * interval '178 s' / e.n_all AS at) t;
ANALYZE way, old_message;
INSERT INTO event (tenant_id, id, event_type, company_id, payload, recorded_at)
SELECT w.tenant_id, w.id, e.event_type, e.company_id, e.payload, w.at
  FROM way w JOIN event e ON e.tenant_id = w.tenant_id AND e.id = w.old_id ORDER BY w.at;
INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status)
SELECT m.tenant_id, message_id(w.id, m.subscription_id), w.id, m.subscription_id, m.connection_id, m.status
  FROM old_message m JOIN way w ON w.tenant_id = m.tenant_id AND w.old_id = m.event_id ORDER BY w.at;
INSERT INTO skip (tenant_id, event_id, subscription_id, connection_id, reason)
SELECT k.tenant_id, w.id, k.subscription_id, k.connection_id, k.reason
  FROM way w JOIN skip k ON k.tenant_id = w.tenant_id AND k.event_id = w.old_id ORDER BY w.at;
INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, status_code, duration_us, worker, recorded_at)
SELECT a.tenant_id, message_id(w.id, m.subscription_id), a.attempt_no, w.at + interval '5 ms', a.url, a.outcome, a.status_code, a.duration_us,
       a.worker, w.at + interval '5 ms' + least(a.duration_us, 1000000) * interval '1 us'
  FROM old_message m
  JOIN way w ON w.tenant_id = m.tenant_id AND w.old_id = m.event_id
  JOIN attempt a ON a.tenant_id = m.tenant_id AND a.message_id = m.id
 ORDER BY w.at + least(a.duration_us, 1000000) * interval '1 us';
VACUUM ANALYZE event, message, skip, attempt;

TRUNCATE stat_open, stat_page;
UPDATE stat_progress
   SET mark_xid = '9223372036854775807', settled_to = :'base', attempts_to = :'base', events_to = :'base', attempts_span = '10 s',
       events_span = '10 s', folded_to = :'base', history_before = '-infinity', history_tenant = NULL;
SET enable_seqscan = off; -- as worker/stats.c
SET enable_sort = off;
SET work_mem = '32MB';
SET jit = off;
CREATE TEMP TABLE took (n integer, ms numeric);
DO $$
DECLARE
    begun_ms numeric;
BEGIN
    FOR n IN 1 .. 18 LOOP
        UPDATE stat_progress SET settled_to = settled_to + interval '10 s';
        begun_ms := pg_temp.cpu_ms();
        PERFORM stat_step(0, 20000, 10000, '{2,90,400}');
        INSERT INTO took VALUES (n, pg_temp.cpu_ms() - begun_ms);
        COMMIT;
    END LOOP;
    UPDATE stat_progress SET settled_to = settled_to + interval '1 hour', attempts_to = attempts_to + interval '1 hour',
                             events_to = events_to + interval '1 hour';
    begun_ms := pg_temp.cpu_ms();
    PERFORM stat_step(0, 20000, 10000, '{2,90,400}');
    INSERT INTO took VALUES (0, pg_temp.cpu_ms() - begun_ms);
END
$$;
SELECT round(avg(t.ms) FILTER (WHERE t.n > 2) / 100, 1) || ' of ' || c.attempts || ' attempts/s, ' || c.events || ' events/s; the fold of 3 minutes '
       || round(max(t.ms) FILTER (WHERE t.n = 0)) || ' ms'
  FROM took t,
       (SELECT sum(p.n_attempts) / 180 AS attempts, sum(p.n_events) / 180 AS events
          FROM stat_page s, unnest(s.parts) p
         WHERE s.grain = 'day' AND s.app_id = uuid_min() AND s.event_type = '') c
 GROUP BY c.attempts, c.events;
