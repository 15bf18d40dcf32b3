-- Recording. Role: hookline_worker, durable. See docs/adr/0005.

-- name: success_record
-- A batch of attempts that have succeeded, which nearly all do: no more than that needs. Arrays of one length:
--  $1 tenant_id uuid[], $2 subscription_id uuid[], $3 message_id uuid[], $4 fence integer[], then as those of
--  attempt_record $5 attempt_no integer[] to $25 request_headers text[]; $26 worker text. Where all of an array
--  would be NULL, it is: unnest() costs as much for each array of NULLs as for another.
-- Returns one row: how many were applied, as there.
WITH located AS MATERIALIZED (
    SELECT g.*, q.queue_ctid
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[])
           WITH ORDINALITY
           AS g (tenant_id, subscription_id, message_id, fence, attempt_no, n)
     CROSS JOIN LATERAL (SELECT x.ctid AS queue_ctid
                           FROM queue x
                          WHERE x.tenant_id = g.tenant_id AND x.subscription_id = g.subscription_id
                            AND x.message_id = g.message_id AND x.leased AND x.fence = g.fence
                         OFFSET 0) q
), finished AS (
    DELETE FROM queue q
     USING located l
     WHERE q.ctid = l.queue_ctid AND q.leased AND q.fence = l.fence
    RETURNING l.tenant_id, l.subscription_id, l.message_id, l.attempt_no, l.n
), ended AS MATERIALIZED (
    -- Apart from the update: a message that somebody changes meanwhile makes PostgreSQL look at the row
    -- again, and then it may not ask those that delete ("ModifyTable ... EvalPlanQual").
    SELECT f.tenant_id, f.subscription_id, f.message_id, f.attempt_no FROM finished f
), settled AS (
    -- Not =: with it a scan of a whole index, in the order of the join, would do where messages are believed to be none.
    UPDATE message m
       SET status = 'succeeded', attempts = e.attempt_no, status_reason = NULL, finished_at = now()
      FROM ended e
     WHERE m.tenant_id = ANY (ARRAY[e.tenant_id]) AND m.id = e.message_id
       AND m.subscription_id = e.subscription_id -- so that either index leads to one row
), recorded AS (
    -- From the arrays once more, so that nothing wide goes through what is above; nearly always all of them.
    INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, status_code, duration_us, dns_us,
                         connect_us, tls_us, first_byte_us, remote_address, error, response_headers, response_body,
                         response_truncated, n_sent, http_version, tls_version, tls_cipher, certificate_expires_at,
                         request_headers, worker)
    SELECT a.tenant_id, a.message_id, a.attempt_no, 'epoch'::timestamptz + a.started_us * interval '1 microsecond', a.url,
           a.outcome, a.status_code, a.duration_us, a.dns_us, a.connect_us, a.tls_us, a.first_byte_us, a.remote_address,
           a.error, a.response_headers, a.response_body, a.response_truncated, a.n_sent, a.http_version, a.tls_version,
           a.tls_cipher, to_timestamp(a.certificate_expires_s), a.request_headers, $26::text
      FROM unnest($1::uuid[], $3::uuid[], $5::integer[], $6::bigint[], $7::text[], $8::text[], $9::integer[],
                  $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[],
                  $17::text[], $18::bytea[], $19::boolean[], $20::integer[], $21::text[], $22::text[], $23::text[],
                  $24::bigint[], $25::text[])
           WITH ORDINALITY
           AS a (tenant_id, message_id, attempt_no, started_us, url, outcome, status_code, duration_us, dns_us,
                 connect_us, tls_us, first_byte_us, remote_address, error, response_headers, response_body,
                 response_truncated, n_sent, http_version, tls_version, tls_cipher, certificate_expires_s,
                 request_headers, n)
     WHERE (SELECT count(*) FROM finished) = cardinality($1) OR a.n = ANY (ARRAY(SELECT f.n FROM finished f))
), recovered AS (
    -- Those that were known to be failing. One success is enough. A row that somebody else holds is left to the next one:
    -- nobody waits in here.
    DELETE FROM subscription_health h
     WHERE h.ctid = ANY (ARRAY(SELECT x.ctid
                                 FROM (SELECT DISTINCT f.tenant_id, f.subscription_id FROM finished f) t
                                CROSS JOIN LATERAL (SELECT y.ctid
                                                      FROM subscription_health y
                                                     WHERE y.tenant_id = t.tenant_id AND y.subscription_id = t.subscription_id
                                                    OFFSET 0
                                                       FOR UPDATE SKIP LOCKED) x))
)
SELECT count(*) AS n_applied FROM finished;

-- name: attempt_record
-- A batch of other verdicts, each with the attempt that led to it or without one. Arrays of one length:
--  $1 tenant_id uuid[], $2 subscription_id uuid[], $3 message_id uuid[], $4 fence integer[],
--  $5 verdict text[]: failed, cancelled (final); retry, release (back to the queue)
--  $6 reason text[]: becomes the message's status_reason, NULL with retry
--  $7 delay_ms bigint[]: with retry and release, from now
--  $8 stop text[]: unsubscribed or disabled: the subscription's new state; held: its order would be broken, what waits
--     is held; NULL: none
--  $9 attempt_no integer[]: NULL when no request was made
--  $10 started_at, microseconds since the epoch bigint[], $11 url text[], $12 outcome text[],
--  $13 status_code integer[], $14 duration_us bigint[], $15 dns_us bigint[], $16 connect_us bigint[],
--  $17 tls_us bigint[], $18 first_byte_us bigint[], $19 remote_address text[], $20 error text[],
--  $21 response_headers text[], $22 response_body bytea[], $23 response_truncated boolean[],
--  $24 n_sent integer[], $25 http_version text[], $26 tls_version text[], $27 tls_cipher text[],
--  $28 certificate_expires_at, seconds since the epoch bigint[], $29 request_headers text[],
--  $30 and $31 uuid: between these are the messages' ids; partitions that are elsewhere need not be opened
--  $32 worker text.
-- A verdict whose fence is no longer the row's is not applied: another worker has the message now.
-- A subscription that is stopped takes its waiting messages with it (BC-22); those in flight
-- elsewhere end on their own. Returns one row: how many verdicts were applied.
WITH given AS MATERIALIZED (
    SELECT *
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                  $9::integer[], $10::bigint[], $11::text[], $12::text[], $13::integer[], $14::bigint[],
                  $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::text[], $20::text[],
                  $21::text[], $22::bytea[], $23::boolean[], $24::integer[], $25::text[], $26::text[],
                  $27::text[], $28::bigint[], $29::text[])
           AS g (tenant_id, subscription_id, message_id, fence, verdict, reason, delay_ms, stop,
                 attempt_no, started_us, url, outcome, status_code, duration_us, dns_us, connect_us, tls_us,
                 first_byte_us, remote_address, error, response_headers, response_body, response_truncated, n_sent,
                 http_version, tls_version, tls_cipher, certificate_expires_s, request_headers)
), located AS MATERIALIZED (
    -- The verdicts that still hold, each with its row of the queue, looked up row by row; from here on the
    -- queue is addressed by ctid. A join by key would let the planner, on the statistics of a queue that
    -- was empty a moment ago, read all of it for each batch (docs/adr/0005). Rows that change meanwhile
    -- have another ctid and are left alone; what must hold is said again with the ctid, because
    -- PostgreSQL before November 2025 (15.15) does not compare the ctid of a row that it waited for.
    SELECT g.*, q.queue_ctid, q.attempts,
           -- What was to be cancelled while it was in flight: the reason stands on it already, or will (queue_cancel.sql).
           CASE WHEN g.verdict IN ('retry', 'release')
                THEN (SELECT coalesce(m.status_reason,
                                      CASE WHEN EXISTS (SELECT FROM queue_change c WHERE c.kind = 'cancel') -- hardly ever
                                           THEN queue_cancel_reason(m.tenant_id, m.subscription_id, m.connection_id,
                                                                    m.backfill_id) END)
                        FROM message m
                       WHERE m.tenant_id = g.tenant_id AND m.id = g.message_id
                         AND m.subscription_id = g.subscription_id AND m.id BETWEEN $30::uuid AND $31::uuid
                         AND m.status = 'pending')
           END AS revoked_reason
      FROM given g
     CROSS JOIN LATERAL (SELECT x.ctid AS queue_ctid, x.attempts
                           FROM queue x
                          WHERE x.tenant_id = g.tenant_id AND x.subscription_id = g.subscription_id
                            AND x.message_id = g.message_id AND x.leased AND x.fence = g.fence
                         OFFSET 0) q
), heard AS MATERIALIZED (
    -- What would stop a subscription, behind its lock: the word of a URL that has been replaced meanwhile does not count.
    SELECT l.tenant_id, l.subscription_id, l.message_id, l.attempt_no, l.stop, l.reason, s.state,
           l.stop = 'held' OR s.url = l.url AS counts
      FROM located l
     CROSS JOIN LATERAL (SELECT x.state, x.url
                           FROM subscription x
                          WHERE x.tenant_id = l.tenant_id AND x.id = l.subscription_id
                         OFFSET 0
                            FOR UPDATE) s
     WHERE l.stop IS NOT NULL
), stopping AS MATERIALIZED (
    SELECT DISTINCT ON (h.tenant_id, h.subscription_id) h.tenant_id, h.subscription_id, h.stop, h.message_id, h.attempt_no,
           CASE h.stop WHEN 'held' THEN 'ordered_head_failed' ELSE h.reason END AS reason
      FROM heard h
     WHERE h.counts AND (h.state = 'active' OR h.state IN ('pending', 'paused', 'held') AND h.stop <> 'held')
), stopped AS (
    -- By its key: a subscription that was changed just before has another ctid, and must be stopped.
    UPDATE subscription s
       SET state = p.stop, state_reason = p.reason, state_changed_at = now(), updated_at = now(),
           cancelled_from = queue_first(s.tenant_id, s.id)
      FROM stopping p
     WHERE s.tenant_id = p.tenant_id AND s.id = p.subscription_id
    RETURNING s.tenant_id, s.id, s.state, s.state_reason, p.message_id, p.attempt_no
), notified AS (
    SELECT delivery_stop(z.tenant_id, ARRAY[z.id]) FROM stopped z -- other workers hear of it, too
), begun AS (
    -- Upkeep does the rest with what waits: migrations/repeatable/subscription_queue.sql.
    INSERT INTO queue_change (tenant_id, subscription_id, kind)
    SELECT z.tenant_id, z.id, 'state' FROM stopped z ORDER BY z.tenant_id, z.id
        ON CONFLICT (tenant_id, subscription_id, kind, target_id) DO UPDATE
       SET from_id = uuid_min(), since = excluded.since, due_at = excluded.due_at
    RETURNING tenant_id
), audited AS (
    INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)
    SELECT z.tenant_id, 'worker ' || $32::text, 'subscription.' || z.state, z.id::text,
           json_build_object('reason', z.state_reason, 'message_id', z.message_id, 'attempt_no', z.attempt_no)
      FROM stopped z
), barred AS MATERIALIZED (
    -- Locked, so that resuming or reviving waits for this statement, or this one sees it: a message
    -- held after its subscription was resumed would wait for ever. None of these is the usual case.
    SELECT b.*
      FROM (SELECT DISTINCT l.tenant_id, l.subscription_id FROM located l WHERE l.verdict IN ('retry', 'release')) d
     CROSS JOIN LATERAL (SELECT s.tenant_id, s.id, s.state, coalesce(s.state_reason, 'subscription_' || s.state) AS state_reason
                           FROM subscription s
                          WHERE s.tenant_id = d.tenant_id AND s.id = d.subscription_id AND s.state <> 'active'
                         OFFSET 0
                            FOR SHARE) b
), judged AS MATERIALIZED (
    -- What would wait for a retry ends here when its subscription has stopped, now or meanwhile.
    SELECT l.*,
           CASE WHEN l.stop IS NOT NULL AND l.message_id = ANY (ARRAY(SELECT h.message_id FROM heard h WHERE NOT h.counts))
                THEN 'retry' -- by the URL of today, at once
                WHEN l.verdict NOT IN ('retry', 'release') THEN l.verdict
                WHEN coalesce(z.state, b.state) IN ('unsubscribed', 'disabled', 'archived') THEN 'cancelled'
                WHEN l.revoked_reason IS NOT NULL THEN 'cancelled'
                WHEN z.state = 'held' OR b.state IN ('pending', 'paused', 'held') THEN 'held'
                ELSE l.verdict END AS ends_as,
           CASE WHEN l.verdict NOT IN ('retry', 'release') THEN l.reason
                ELSE coalesce(z.state_reason, l.revoked_reason, b.state_reason) END AS end_reason
      FROM located l
      LEFT JOIN barred b ON l.verdict IN ('retry', 'release') AND b.tenant_id = l.tenant_id AND b.id = l.subscription_id
      LEFT JOIN stopped z ON l.verdict IN ('retry', 'release') AND z.tenant_id = l.tenant_id AND z.id = l.subscription_id
), failing AS (
    -- In one order, behind all locks of subscriptions: see migrations/README.md.
    INSERT INTO subscription_health (tenant_id, subscription_id)
    SELECT t.tenant_id, t.subscription_id
      FROM (SELECT DISTINCT j.tenant_id, j.subscription_id FROM judged j WHERE j.attempt_no IS NOT NULL) t
      LEFT JOIN LATERAL (SELECT x.last_failed_at
                           FROM subscription_health x
                          WHERE x.tenant_id = t.tenant_id AND x.subscription_id = t.subscription_id
                         OFFSET 0) h ON true
     WHERE h.last_failed_at IS NULL OR h.last_failed_at < now() - interval '1 second'
     ORDER BY t.tenant_id, t.subscription_id
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET last_failed_at = excluded.last_failed_at
), finished AS (
    DELETE FROM queue q
     USING judged j
     WHERE j.ends_as IN ('failed', 'cancelled')
       AND q.ctid = j.queue_ctid AND q.leased AND q.fence = j.fence
    RETURNING j.*
), waiting AS (
    UPDATE queue q
       SET leased = false,
           laned = q.laned AND j.ends_as <> 'held',
           attempts = coalesce(j.attempt_no, q.attempts),
           due_at = CASE j.ends_as WHEN 'held' THEN 'infinity'
                                   ELSE now() + j.delay_ms * interval '1 millisecond' END
      FROM judged j
     WHERE j.ends_as IN ('retry', 'release', 'held')
       AND q.ctid = j.queue_ctid AND q.leased AND q.fence = j.fence
    RETURNING j.*
), left_behind AS MATERIALIZED (
    -- By ctid, as the claim does: a row that a worker has claimed meanwhile has another one by now. No more than so
    -- many: others' verdicts are in here, too, and must not time out. The rest ends the same way when it is claimed.
    -- Behind `begun`: a step of a change that is under way holds the change, and may want these.
    SELECT w.ctid AS queue_ctid, z.state
      FROM (SELECT count(*) FROM begun) b
     CROSS JOIN stopped z
     CROSS JOIN LATERAL (SELECT x.ctid, x.message_id
                           FROM queue x
                          WHERE x.tenant_id = z.tenant_id AND x.subscription_id = z.id
                            AND NOT (x.leased AND x.due_at > now())
                          LIMIT 1000) w
     WHERE NOT EXISTS (SELECT FROM given g WHERE g.message_id = w.message_id)
), held_back AS (
    UPDATE queue q
       SET due_at = 'infinity', leased = false, laned = false
     WHERE q.ctid = ANY (ARRAY(SELECT l.queue_ctid FROM left_behind l WHERE l.state = 'held'))
       AND NOT (q.leased AND q.due_at > now())
    RETURNING q.tenant_id, q.subscription_id, q.message_id, q.attempts
), swept AS (
    DELETE FROM queue q
     WHERE q.ctid = ANY (ARRAY(SELECT l.queue_ctid FROM left_behind l WHERE l.state <> 'held'))
       AND NOT (q.leased AND q.due_at > now())
    RETURNING q.tenant_id, q.subscription_id, q.message_id, q.attempts,
              (SELECT z.state_reason FROM stopped z WHERE z.tenant_id = q.tenant_id AND z.id = q.subscription_id) AS state_reason
), ended AS MATERIALIZED (
    -- Apart from the update: a message that somebody changes meanwhile makes PostgreSQL look at the row
    -- again, and then it may not ask those that delete and update ("ModifyTable ... EvalPlanQual").
    SELECT x.tenant_id, x.subscription_id, x.message_id, x.ends_as AS status, x.end_reason AS reason,
           coalesce(x.attempt_no, x.attempts) AS attempts
      FROM finished x
     UNION ALL
    SELECT x.tenant_id, x.subscription_id, x.message_id, 'cancelled', x.state_reason, x.attempts FROM swept x
     UNION ALL
    SELECT x.tenant_id, x.subscription_id, x.message_id, 'held', 'ordered_head_failed', x.attempts FROM held_back x
     UNION ALL
    SELECT x.tenant_id, x.subscription_id, x.message_id, 'held', x.end_reason, x.attempts
      FROM waiting x
     WHERE x.ends_as = 'held'
), settled AS (
    UPDATE message m
       SET status = e.status, attempts = e.attempts,
           -- A message that is to be cancelled stays one: queue_revoke() may have come between.
           status_reason = CASE e.status WHEN 'held' THEN coalesce(m.status_reason, e.reason)
                                         WHEN 'cancelled' THEN coalesce(revoked_reason(m.status_reason), e.reason)
                                         ELSE e.reason END,
           finished_at = CASE WHEN e.status = 'held' THEN NULL ELSE now() END
      FROM ended e
     WHERE m.tenant_id = ANY (ARRAY[e.tenant_id]) AND m.id = e.message_id -- as in success_record
       AND m.subscription_id = e.subscription_id -- so that either index leads to one row
), applied AS (
    SELECT x.tenant_id, x.message_id, x.attempt_no, x.started_us, x.url, x.outcome, x.status_code, x.duration_us,
           x.dns_us, x.connect_us, x.tls_us, x.first_byte_us, x.remote_address, x.error, x.response_headers,
           x.response_body, x.response_truncated, x.n_sent, x.http_version, x.tls_version, x.tls_cipher,
           x.certificate_expires_s, x.request_headers
      FROM finished x
     UNION ALL
    SELECT x.tenant_id, x.message_id, x.attempt_no, x.started_us, x.url, x.outcome, x.status_code, x.duration_us,
           x.dns_us, x.connect_us, x.tls_us, x.first_byte_us, x.remote_address, x.error, x.response_headers,
           x.response_body, x.response_truncated, x.n_sent, x.http_version, x.tls_version, x.tls_cipher,
           x.certificate_expires_s, x.request_headers
      FROM waiting x
), recorded AS (
    INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, status_code, duration_us, dns_us,
                         connect_us, tls_us, first_byte_us, remote_address, error, response_headers, response_body,
                         response_truncated, n_sent, http_version, tls_version, tls_cipher, certificate_expires_at,
                         request_headers, worker)
    SELECT a.tenant_id, a.message_id, a.attempt_no, 'epoch'::timestamptz + a.started_us * interval '1 microsecond', a.url,
           a.outcome, a.status_code, a.duration_us, a.dns_us, a.connect_us, a.tls_us, a.first_byte_us, a.remote_address,
           a.error, a.response_headers, a.response_body, a.response_truncated, a.n_sent, a.http_version, a.tls_version,
           a.tls_cipher, to_timestamp(a.certificate_expires_s), a.request_headers, $32::text
      FROM applied a
     WHERE a.attempt_no IS NOT NULL
), reported AS (
    -- Operational events, of what is rare (docs/adr/0025).
    SELECT operational_failures(f.tenant_id, f.subscription_id, f.failures) AS n
      FROM (SELECT x.tenant_id, x.subscription_id,
                   json_agg(json_build_object('message_id', x.message_id, 'reason', x.end_reason,
                                              'attempts', coalesce(x.attempt_no, x.attempts))) AS failures
              FROM finished x
             WHERE x.ends_as = 'failed'
             GROUP BY x.tenant_id, x.subscription_id
             ORDER BY x.tenant_id, x.subscription_id) f
     UNION ALL
    SELECT operational_stop(z.tenant_id, z.id, z.state, z.state_reason) FROM stopped z WHERE z.state <> 'held'
)
SELECT count(*) AS n_applied, (SELECT count(*) FROM notified) AS n_notified, (SELECT sum(r.n) FROM reported r) AS n_reported
  FROM applied;
