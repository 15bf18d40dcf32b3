-- Runs of flows: what a step needs, and what became of it. Role: hookline_worker. See docs/adr/0039-flows.md.
-- As in load.sql and record.sql each look-up is fenced by OFFSET 0, and the queue is addressed by ctid.

-- name: run_load
-- Arrays of one length: $1 tenant_id uuid[], $2 flow_id uuid[], $3 message_id uuid[]; $4 and $5 uuid as in message_load.
-- One row for each, in order; binary results: the step that is next, what it works on, and for a step that waits the oldest
-- signal with its key. A run without a row has not recorded a step yet. `step` is NULL when there is none such. Secrets are
-- those of the flow's steps of today: a run that goes by older ones gets them for the receiver that they were written for.
SELECT e.request,
       e.body,
       s.version,
       s.step_no,
       s.value,
       s.outputs,
       s.wait_key,
       s.wait_until <= now() AS is_over,
       f.name AS flow_name,
       json_array_length(v.steps) AS n_steps,
       v.steps -> s.step_no AS step,
       k.secret,
       t.validation, -- of an event type that is to be published
       t.schema,
       g.event_id AS signal_id,
       g.payload AS signal_payload,
       g.body AS signal_body,
       g.request AS signal_request
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS given (tenant_id, flow_id, message_id, n)
  LEFT JOIN LATERAL (SELECT x.event_id
                       FROM message x
                      WHERE x.tenant_id = given.tenant_id AND x.id = given.message_id AND x.subscription_id = given.flow_id
                        AND x.id BETWEEN $4::uuid AND $5::uuid
                     OFFSET 0) m ON true
  LEFT JOIN LATERAL (SELECT x.request, x.body
                       FROM event x
                      WHERE x.tenant_id = given.tenant_id AND x.id BETWEEN m.event_id AND m.event_id
                        AND x.id BETWEEN $4::uuid AND $5::uuid
                      ORDER BY x.id
                      LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT x.name, x.steps
                       FROM flow x
                      WHERE x.tenant_id = given.tenant_id AND x.id = given.flow_id
                     OFFSET 0) f ON true
  LEFT JOIN LATERAL (SELECT x.version, x.step_no, x.value, x.outputs, x.wait_key, x.wait_until
                       FROM run x
                      WHERE x.tenant_id = given.tenant_id AND x.message_id = given.message_id
                     OFFSET 0) r ON true
 CROSS JOIN LATERAL (SELECT coalesce(r.version, (e.request ->> 'version')::integer) AS version,
                            coalesce(r.step_no, 0) AS step_no, r.value, coalesce(r.outputs, '{}') AS outputs, r.wait_key,
                            r.wait_until
                     OFFSET 0) s
  LEFT JOIN LATERAL (SELECT x.steps
                       FROM flow_version x
                      WHERE x.tenant_id = given.tenant_id AND x.flow_id = given.flow_id AND x.version <= s.version
                      ORDER BY x.version DESC
                      LIMIT 1) v ON true
  LEFT JOIN LATERAL (SELECT x.secret
                       FROM flow_secret x
                      WHERE x.tenant_id = given.tenant_id AND x.flow_id = given.flow_id
                        AND x.name = 'step.' || (v.steps -> s.step_no ->> 'name')
                        AND EXISTS (SELECT FROM json_array_elements(f.steps) o (step)
                                     WHERE o.step ->> 'name' = v.steps -> s.step_no ->> 'name'
                                       AND step_keeps_secret(o.step, v.steps -> s.step_no))
                     OFFSET 0) k ON true
  LEFT JOIN LATERAL (SELECT x.validation, CASE WHEN x.validation = 'enforce' THEN x.schema END AS schema
                       FROM event_type x
                      WHERE x.tenant_id = given.tenant_id AND x.name = v.steps -> s.step_no ->> 'event_type'
                     OFFSET 0) t ON true
  LEFT JOIN LATERAL (SELECT y.event_id, z.payload, z.body, z.request
                       FROM (SELECT x.event_id
                               FROM flow_signal x
                              WHERE x.tenant_id = given.tenant_id AND x.flow_id = given.flow_id AND x.wait_key = s.wait_key
                              ORDER BY x.event_id
                              LIMIT 1) y
                      CROSS JOIN LATERAL (SELECT x.payload, x.body, x.request
                                            FROM event x
                                           WHERE x.tenant_id = given.tenant_id AND x.id BETWEEN y.event_id AND y.event_id
                                           ORDER BY x.id
                                           LIMIT 1) z) g ON true
 ORDER BY given.n;

-- name: step_record
-- A batch of steps that were carried out. The parameters are those of attempt_record, but for these:
--  $5 verdict text[]: succeeded (the next step follows, or the run ends), failed (the run ends), retry (the step again),
--     wait (until a signal or `wait_ms` from now; $9 NULL). What is given back goes to attempt_record, which holds it or
--     cancels it when the flow is not active.
--  $8 step text[]: JSON, see step_write() in worker/step.c: no, name, kind, n_steps, version, value, output, wait_key,
--     wait_ms, signal_id, condition, document. Value, output and document are JSON in strings: what is in them stays.
-- Returns one row: how many were applied, as there.
WITH given AS MATERIALIZED (
    SELECT g.*, s.no AS step_no, s.name AS step_name, s.kind, s.version, s.no + 1 >= s.n_steps AS is_last,
           s.value, s.output, s.wait_key, s.signal_id,
           now() + s.wait_ms * interval '1 millisecond' AS wait_until,
           -- A filter is evaluated here: whatever it says of a document, it does not raise.
           CASE WHEN s.condition IS NOT NULL
                THEN coalesce(filter_skip_reason(s.condition, filter_document(s.document)), 'filter_true') END AS filtered
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                  $9::integer[], $10::bigint[], $11::text[], $12::text[], $13::integer[], $14::bigint[],
                  $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::text[], $20::text[],
                  $21::text[], $22::bytea[], $23::boolean[], $24::integer[], $25::text[], $26::text[],
                  $27::text[], $28::bigint[], $29::text[])
           AS g (tenant_id, subscription_id, message_id, fence, verdict, reason, delay_ms, step,
                 attempt_no, started_us, url, outcome, status_code, duration_us, dns_us, connect_us, tls_us,
                 first_byte_us, remote_address, error, response_headers, response_body, response_truncated, n_sent,
                 http_version, tls_version, tls_cipher, certificate_expires_s, request_headers)
     CROSS JOIN LATERAL json_to_record(g.step::json)
                        AS s (no integer, name text, kind text, n_steps integer, version integer, value text, output text,
                              wait_key text, wait_ms bigint, signal_id uuid, condition text, document text)
), located AS MATERIALIZED (
    SELECT g.*, q.queue_ctid, q.attempts, m.revoked_reason
      FROM given g
     CROSS JOIN LATERAL (SELECT x.ctid AS queue_ctid, x.attempts
                           FROM queue x
                          WHERE x.tenant_id = g.tenant_id AND x.subscription_id = g.subscription_id
                            AND x.message_id = g.message_id AND x.leased AND x.fence = g.fence
                         OFFSET 0) q
      LEFT JOIN LATERAL (SELECT coalesce(x.status_reason,
                                         CASE WHEN EXISTS (SELECT FROM queue_change c WHERE c.kind = 'cancel') -- hardly ever
                                              THEN queue_cancel_reason(x.tenant_id, x.subscription_id, x.connection_id,
                                                                       x.backfill_id) END) AS revoked_reason
                           FROM message x
                          WHERE x.tenant_id = g.tenant_id AND x.id = g.message_id AND x.subscription_id = g.subscription_id
                            AND x.id BETWEEN $30::uuid AND $31::uuid AND x.status = 'pending'
                         OFFSET 0) m ON true
), wanted AS MATERIALIZED (
    -- A signal is for one run only, whoever else has seen it: one whose lease holds until this ends.
    SELECT DISTINCT ON (l.tenant_id, l.subscription_id, l.wait_key, l.signal_id)
           l.tenant_id, l.subscription_id, l.wait_key, l.signal_id, l.message_id
      FROM located l
     CROSS JOIN LATERAL (SELECT
                           FROM queue x
                          WHERE x.ctid = l.queue_ctid AND x.leased AND x.fence = l.fence
                            FOR UPDATE) k
     WHERE l.signal_id IS NOT NULL
     ORDER BY l.tenant_id, l.subscription_id, l.wait_key, l.signal_id, l.message_id
), taken AS MATERIALIZED (
    DELETE FROM flow_signal s
     USING wanted w
     WHERE s.tenant_id = w.tenant_id AND s.flow_id = w.subscription_id AND s.wait_key = w.wait_key AND s.event_id = w.signal_id
    RETURNING w.message_id
), waits AS MATERIALIZED (
    -- Before the queue is touched: who brings a signal locks the key, then the queue's row.
    SELECT o.message_id, run_wait(o.tenant_id, o.subscription_id, o.message_id, o.version, o.step_no, o.wait_key, o.wait_until,
                                  o.fence) AS until
      FROM (SELECT l.* FROM located l
             WHERE l.verdict = 'wait' AND l.revoked_reason IS NULL
             ORDER BY l.tenant_id, l.subscription_id, l.wait_key) o
), judged AS MATERIALIZED (
    SELECT l.*, w.until,
           CASE WHEN l.signal_id IS NOT NULL AND t.message_id IS NULL THEN 'release' -- somebody else has it: it waits on
                WHEN l.verdict = 'failed' OR l.filtered = 'filter_failed' THEN 'failed'
                WHEN l.filtered = 'filter_false' OR l.verdict = 'succeeded' AND l.is_last THEN 'succeeded'
                WHEN l.revoked_reason IS NOT NULL THEN 'cancelled'
                WHEN l.verdict = 'succeeded' THEN 'next'
                WHEN l.verdict = 'wait' AND w.until IS NULL THEN 'release' -- somebody has the flow: to be seen again soon
                ELSE l.verdict END AS ends_as,
           CASE WHEN l.verdict = 'failed' THEN l.reason
                WHEN l.filtered = 'filter_failed' THEN 'step_failed'
                WHEN l.filtered = 'filter_false' THEN 'filtered'
                WHEN l.verdict = 'succeeded' AND l.is_last THEN NULL
                ELSE l.revoked_reason END AS end_reason,
           CASE WHEN l.signal_id IS NULL OR t.message_id IS NOT NULL THEN l.attempt_no END AS made_no
      FROM located l
      LEFT JOIN taken t ON t.message_id = l.message_id
      LEFT JOIN waits w ON w.message_id = l.message_id
), finished AS (
    DELETE FROM queue q
     USING judged j
     WHERE j.ends_as IN ('succeeded', 'failed', 'cancelled')
       AND q.ctid = j.queue_ctid AND q.leased AND q.fence = j.fence
    RETURNING j.*
), waiting AS (
    UPDATE queue q
       SET leased = false,
           laned = q.laned AND j.ends_as <> 'wait', -- a signal wakes it without its lane
           attempts = coalesce(j.made_no, q.attempts),
           schedule_from = CASE WHEN j.ends_as = 'next' THEN coalesce(j.made_no, q.attempts) ELSE q.schedule_from END,
           due_at = CASE j.ends_as WHEN 'wait' THEN j.until
                                   WHEN 'retry' THEN now() + j.delay_ms * interval '1 millisecond'
                                   ELSE now() + CASE WHEN j.verdict = 'wait' THEN interval '100 milliseconds'
                                                     ELSE interval '0' END END
      FROM judged j
     WHERE j.ends_as IN ('next', 'retry', 'release', 'wait')
       AND q.ctid = j.queue_ctid AND q.leased AND q.fence = j.fence
    RETURNING j.*
), moved AS (
    -- By key, one row each: nobody else writes a run that is leased, but who cancels it.
    INSERT INTO run AS r (tenant_id, message_id, flow_id, version, step_no, value, outputs)
    SELECT w.tenant_id, w.message_id, w.subscription_id, w.version, w.step_no + 1, w.value,
           '{' || to_json(w.step_name) || ':' || coalesce(w.output, 'null') || '}'
      FROM waiting w
     WHERE w.ends_as = 'next'
     ORDER BY w.tenant_id, w.message_id
        ON CONFLICT (tenant_id, message_id) DO UPDATE
       SET step_no = EXCLUDED.step_no, value = coalesce(EXCLUDED.value, r.value), wait_key = NULL, wait_until = NULL,
           outputs = CASE WHEN r.outputs = '{}' THEN EXCLUDED.outputs
                          ELSE left(r.outputs, -1) || ',' || substr(EXCLUDED.outputs, 2) END
), forgotten AS (
    DELETE FROM run r
     USING finished f
     WHERE r.tenant_id = f.tenant_id AND r.message_id = f.message_id
), ended AS MATERIALIZED (
    -- Apart from the update, as in attempt_record.
    SELECT f.tenant_id, f.subscription_id, f.message_id, f.ends_as AS status, f.end_reason AS reason,
           coalesce(f.made_no, f.attempts) AS attempts
      FROM finished f
), settled AS (
    UPDATE message m
       SET status = e.status, attempts = e.attempts, finished_at = now(),
           status_reason = CASE e.status WHEN 'cancelled' THEN coalesce(revoked_reason(m.status_reason), e.reason) ELSE e.reason END
      FROM ended e
     WHERE m.tenant_id = ANY (ARRAY[e.tenant_id]) AND m.id = e.message_id -- as in success_record
       AND m.subscription_id = e.subscription_id
), applied AS (
    SELECT x.* FROM finished x UNION ALL SELECT x.* FROM waiting x
), recorded AS (
    INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, status_code, duration_us, dns_us,
                         connect_us, tls_us, first_byte_us, remote_address, error, response_headers, response_body,
                         response_truncated, n_sent, http_version, tls_version, tls_cipher, certificate_expires_at,
                         request_headers, worker, step_no, step_name, step_value, step_output)
    SELECT a.tenant_id, a.message_id, a.made_no, 'epoch'::timestamptz + a.started_us * interval '1 microsecond', a.url,
           CASE WHEN a.filtered = 'filter_failed' THEN 'step_failed' ELSE a.outcome END,
           a.status_code, a.duration_us, a.dns_us, a.connect_us, a.tls_us, a.first_byte_us, a.remote_address,
           CASE WHEN a.filtered = 'filter_failed' THEN 'the value is too large for a filter, or nothing that it can compare'
                ELSE a.error END,
           a.response_headers, a.response_body, a.response_truncated, a.n_sent, a.http_version, a.tls_version,
           a.tls_cipher, to_timestamp(a.certificate_expires_s), a.request_headers, $32::text,
           a.step_no, a.step_name, a.value,
           CASE a.filtered WHEN 'filter_true' THEN 'true' WHEN 'filter_false' THEN 'false' ELSE a.output END
      FROM applied a
     WHERE a.made_no IS NOT NULL
)
SELECT count(*) AS n_applied FROM applied;

-- name: signal_sweep
-- $1 how many at most integer. Signals that no run has taken within a day.
WITH unheard AS (
    DELETE FROM flow_signal s
     USING (SELECT x.tenant_id, x.flow_id, x.wait_key, x.event_id
              FROM flow_signal x
             WHERE x.received_at < now() - interval '24 hours'
             ORDER BY x.received_at
             LIMIT $1::integer) old
     WHERE s.tenant_id = old.tenant_id AND s.flow_id = old.flow_id AND s.wait_key = old.wait_key AND s.event_id = old.event_id
    RETURNING s.event_id
)
SELECT count(*) FROM unheard;

-- name: run_sweep
-- $1 how many at most integer. What is left of runs that ended otherwise than by a step: with their flow, or given back.
-- Those of a tenant that is held, or comes, wait in queue_away, if anywhere (docs/adr/0041-moving-a-tenant.md).
WITH ended AS (
    DELETE FROM run r
     USING (SELECT x.tenant_id, x.message_id
              FROM run x
             WHERE NOT EXISTS (SELECT
                                 FROM queue q
                                WHERE q.tenant_id = x.tenant_id AND q.subscription_id = x.flow_id
                                  AND q.message_id = x.message_id)
               AND NOT tenant_is_away(x.tenant_id)
             LIMIT $1::integer) old
     WHERE r.tenant_id = old.tenant_id AND r.message_id = old.message_id
    RETURNING r.message_id
)
SELECT count(*) FROM ended;
