-- The live tail: see api/live/tail.h and docs/adr/0033-live-tail.md.

-- name: tail_open
-- $1 tenant_id uuid, $2 partner text or NULL, $3 filter json or NULL. One row: the filter, now in microseconds, the partner
-- whose apps alone are to be seen; why that cannot be asked, as a problem's errors, or NULL.
SELECT coalesce($3::jsonb, '{}')::text AS filter, floor(extract(epoch FROM now()) * 1000000)::bigint AS now_us,
       coalesce($2::text, '') AS partner, log_masked_fault($1::uuid, $3::jsonb) AS errors
  FROM tenant t
 WHERE t.tenant_id = $1::uuid AND t.state = 'active';

-- name: tail_settle
-- $1 the transactions of Hookline that ran at a moment, with blanks between, or NULL. One row: whether all of those have
-- ended; now in microseconds; those that run now. A transaction holds the lock on its own number from its first
-- to its last moment, and everybody may see that.
SELECT (NOT r.running && string_to_array(coalesce($1::text, ''), ' '))::integer AS is_settled,
       floor(extract(epoch FROM now()) * 1000000)::bigint AS now_us, array_to_string(r.running, ' ') AS running
  FROM (SELECT coalesce(array_agg(l.virtualtransaction), '{}') AS running
          FROM pg_locks l
          JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND a.datname = current_database()
           AND a.application_name LIKE 'hookline-%' AND l.pid <> pg_backend_pid()) r;

-- name: tail_read
-- $1 tenant_id uuid, $2 partner text or NULL, $3 filter json, $4 from, microseconds bigint, $5 from, message uuid,
-- $6 from, attempt_no integer, $7 until, microseconds bigint, $8 limit integer, $9 may drop boolean. One row: see tail_page().
SELECT p.lines, p.n_lines, p.n_dropped, floor(extract(epoch FROM p.reached_at) * 1000000)::bigint AS reached_us, p.reached_id,
       p.reached_no, p.is_whole::integer
  FROM tail_page($1::uuid, $2::text, $3::jsonb, 'epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::uuid,
                 $6::integer, 'epoch'::timestamptz + $7::bigint * interval '1 microsecond', $8::integer, $9::boolean) p;
