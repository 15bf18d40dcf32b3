-- Statements that read events; publishing is in api/publish/ingest.sql. $2 is the caller's partner: it sees
-- an event of a type that one of its apps selected, its own messages and skips of it, and the payload
-- only when there is such a message: nothing that was never sent to it (BC-05).
-- Each statement returns one row (code text, body text[, key text]): see api/http/route.h.

-- name: event_list
-- $1 tenant_id uuid, $2 partner text or NULL, $3 limit integer, $4 cursor uuid or NULL,
-- $5 company's external_id text or NULL, $6 event_type text or NULL, $7 external_id text or NULL,
-- $8 since timestamptz or NULL, $9 until timestamptz or NULL
-- With a filter, and for a partner, a page looks at list_reach() events at most, and ends with the first
-- that makes it full. The partner's companies come first because they are cheap to tell.
WITH mine AS MATERIALIZED (
    SELECT ARRAY(SELECT s.id
                   FROM subscription s
                   JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id
                  WHERE s.tenant_id = $1::uuid AND s.app_id = ANY (ARRAY(SELECT o.id FROM app o
                                                                          WHERE o.tenant_id = $1::uuid
                                                                            AND o.partner = $2::text))) AS subscription_ids
), page AS (
    SELECT v.event, v.id, row_number() OVER (ORDER BY v.id DESC) AS n
      FROM (SELECT e AS event, e.id, e.company_id, e.event_type
              FROM event e
             WHERE e.tenant_id = $1::uuid AND e.id < least(coalesce($4::uuid, uuid_max()), id_until($9::timestamptz))
               AND e.id >= id_since($8::timestamptz)
               AND ($7::text IS NULL OR e.id = (SELECT k.event_id FROM event_key k
                                                 WHERE k.tenant_id = $1::uuid AND k.external_id = $7::text))
             ORDER BY e.id DESC
             LIMIT list_reach($3::integer, 1, num_nonnulls($2::text, $5::text, $6::text) > 0)) v
     WHERE ($5::text IS NULL OR v.company_id = (SELECT c.id FROM company c
                                                 WHERE c.tenant_id = $1::uuid AND c.external_id = $5::text))
       AND ($6::text IS NULL OR v.event_type = $6::text)
       -- Row by row: OFFSET 0 keeps the planner from reading all of the partner's connections instead.
       AND ($2::text IS NULL OR v.company_id IS NULL -- an operational event
            OR EXISTS (SELECT
                         FROM (SELECT c.app_id FROM connection c
                                WHERE c.tenant_id = $1::uuid AND c.company_id = v.company_id OFFSET 0) c
                        WHERE (SELECT a.partner FROM app a WHERE a.tenant_id = $1::uuid AND a.id = c.app_id) = $2::text
                       OFFSET 0))
       AND ($2::text IS NULL OR event_is_visible($1::uuid, v.id, (SELECT i.subscription_ids FROM mine i)))
     ORDER BY v.id DESC
     LIMIT $3::integer + 1
)
SELECT '' AS code,
       coalesce(json_agg(event_json(p.event) ORDER BY p.n) FILTER (WHERE p.n <= $3::integer), '[]')::text AS body,
       CASE WHEN count(*) > $3::integer THEN (array_agg(p.id ORDER BY p.n))[$3::integer]
            WHEN num_nonnulls($2::text, $5::text, $6::text) > 0
            THEN (SELECT e.id
                    FROM event e
                   WHERE e.tenant_id = $1::uuid AND e.id < least(coalesce($4::uuid, uuid_max()), id_until($9::timestamptz))
                     AND e.id >= id_since($8::timestamptz)
                     AND $7::text IS NULL -- which one event has at most
                   ORDER BY e.id DESC
                  OFFSET list_reach($3::integer, 1, true) - 1
                   LIMIT 1)
       END::text AS key
  FROM page p;

-- name: event_get
-- $1 tenant_id uuid, $2 partner text or NULL, $3 event_id uuid
-- The payload goes through json, never jsonb: its text stays the producer's.
-- A partner that none of it belongs to finds no event; one that it was not sent to, no payload: what
-- a tenant admin has paused must not be had by asking.
WITH stored AS MATERIALIZED (
    SELECT e AS event, e.id, e.payload FROM event e WHERE e.tenant_id = $1::uuid AND e.id = $3::uuid
), messages AS (
    SELECT json_agg(message_brief_json(m) ORDER BY m.id) AS list
      FROM stored f
      JOIN message m ON m.tenant_id = $1::uuid AND m.event_id = f.id
                    AND m.id BETWEEN message_id_floor($3::uuid) AND message_id_ceiling($3::uuid)
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
), skips AS (
    SELECT json_agg(skip_json(k, s.app_id) ORDER BY k.subscription_id) AS list,
           bool_or(k.reason <> 'type_not_selected') AS has_selected
      FROM stored f
      JOIN skip k ON k.tenant_id = $1::uuid AND k.event_id = f.id
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = k.subscription_id
      JOIN app a ON a.tenant_id = $1::uuid AND a.id = s.app_id AND ($2::text IS NULL OR a.partner = $2::text)
), found AS (
    SELECT CASE WHEN $2::text IS NULL OR m.list IS NOT NULL
                THEN json_plus(event_with_request_json(f.event), 'payload',
                               payload_shown($1::uuid, (f.event).event_type, f.payload, (f.event).id)::json)
                ELSE event_json(f.event) END AS event,
           m.list AS messages, k.list AS skips
      FROM stored f, messages m, skips k
     WHERE $2::text IS NULL OR m.list IS NOT NULL OR k.has_selected
)
SELECT CASE WHEN EXISTS (SELECT FROM found) THEN '' ELSE 'not_found' END AS code,
       (SELECT json_plus(json_plus(f.event, 'messages', coalesce(f.messages, '[]')),
                         'skips', coalesce(f.skips, '[]'))::text
          FROM found f) AS body;

-- name: event_explain
-- $1 tenant_id uuid, $2 partner text or NULL, $3 event_id uuid, $4 limit integer, $5 cursor: the last subscription_id or NULL,
-- $6 app_id uuid or NULL, $7 subscription_id uuid or NULL
-- What became of an event at each subscription, newest first, and why. A partner finds the events that event_get shows
-- it. Whoever must not see the payload is not told what a filter of today would make of it. The bounds of the
-- messages' ids are said of attempts too: no partition is looked at in vain.
WITH stored AS MATERIALIZED (
    SELECT e AS event, e.id, e.company_id, e.external_id
      FROM event e
     WHERE e.tenant_id = $1::uuid AND e.id = $3::uuid
       AND ($2::text IS NULL
            OR event_is_visible($1::uuid, e.id, ARRAY(SELECT s.id
                                                        FROM subscription s
                                                       WHERE s.tenant_id = $1::uuid
                                                         AND s.app_id = ANY (ARRAY(SELECT o.id FROM app o
                                                                                    WHERE o.tenant_id = $1::uuid
                                                                                      AND o.partner = $2::text)))))
), flow AS MATERIALIZED (
    SELECT s AS subscription, s.id -- of a request: no subscription has anything to do with it
      FROM stored f
      JOIN message m ON m.tenant_id = $1::uuid AND m.event_id = f.id AND m.resend_of IS NULL
                    AND m.id BETWEEN message_id_floor($3::uuid) AND message_id_ceiling($3::uuid)
      JOIN subscription s ON s.tenant_id = $1::uuid AND s.id = m.subscription_id AND s.kind = 'flow'
     WHERE (f.event).event_type = 'flow.request'
     LIMIT 1
), walk AS MATERIALIZED (
    SELECT w.subscription, w.id, w.end_id
      FROM subscription_walk($1::uuid, $2::text, $6::uuid, $4::integer + 1, $5::uuid, false) w
     WHERE $7::uuid IS NULL AND NOT EXISTS (SELECT FROM flow)
     UNION ALL
    SELECT w.subscription, w.id, NULL
      FROM flow w
     WHERE $7::uuid IS NULL AND w.id < coalesce($5::uuid, uuid_max())
       AND ($6::uuid IS NULL OR (w.subscription).app_id = $6::uuid)
     UNION ALL
    SELECT s, s.id, NULL
      FROM subscription s
      JOIN app o ON o.tenant_id = $1::uuid AND o.id = s.app_id AND ($2::text IS NULL OR o.partner = $2::text)
     WHERE s.tenant_id = $1::uuid AND s.id = $7::uuid AND s.id < coalesce($5::uuid, uuid_max())
       AND ($6::uuid IS NULL OR s.app_id = $6::uuid)
), page AS MATERIALIZED (
    SELECT w.subscription, w.id, row_number() OVER (ORDER BY w.id DESC) AS n
      FROM walk w
     WHERE EXISTS (SELECT FROM stored)
     ORDER BY w.id DESC
     LIMIT $4::integer + 1
), found AS MATERIALIZED (
    SELECT p.n, p.id, p.subscription, f.event, m.message, k.reason AS skipped
      FROM page p
     CROSS JOIN stored f
      LEFT JOIN LATERAL (SELECT x AS message
                           FROM message x
                          WHERE x.tenant_id = $1::uuid AND x.id = message_id(f.id, p.id) AND x.subscription_id = p.id
                            AND x.id BETWEEN message_id_floor($3::uuid) AND message_id_ceiling($3::uuid)
                         OFFSET 0) m ON true
      LEFT JOIN LATERAL (SELECT x.reason
                           FROM skip x
                          WHERE x.tenant_id = $1::uuid AND x.event_id = $3::uuid AND x.subscription_id = p.id
                         OFFSET 0) k ON true
     WHERE p.n <= $4::integer
), document AS MATERIALIZED (
    SELECT CASE WHEN $2::text IS NULL AND EXISTS (SELECT FROM found f WHERE f.skipped = 'filter_false')
                THEN (SELECT filter_document((f.event).payload) FROM stored f WHERE (f.event).payload_state IS NULL) END AS payload
), told AS (
    SELECT f.n,
           json_build_object(
               'subscription_id', f.id, 'app_id', o.id, 'app_name', o.name, 'partner', o.partner,
               'url', (f.subscription).url, 'reason', y.reason, 'as_of', y.as_of, 'explanation', y.explanation,
               'since', y.since, 'until', y.until, 'filter', (f.subscription).filter, 'false_terms', y.false_terms,
               'missing', y.missing,
               'message', CASE WHEN (f.message).id IS NOT NULL THEN explained_message_json(f.message, y.gives_up_at) END,
               'sent_again', coalesce(r.list, '[]')) AS entry
      FROM found f
     CROSS JOIN document d
      JOIN app o ON o.tenant_id = $1::uuid AND o.id = (f.subscription).app_id
     CROSS JOIN LATERAL (
            SELECT w.reason, 'event' AS as_of, w.explanation, w.since, w.until, w.gives_up_at, NULL::text[] AS missing,
                   NULL::text[] AS false_terms
              FROM why_message(f.message) w
             WHERE (f.message).id IS NOT NULL
             UNION ALL
            SELECT w.reason, w.as_of, w.explanation, w.since, w.until, NULL, w.missing, w.false_terms
              FROM why_not_sent(f.event, f.subscription, f.skipped, d.payload) w
             WHERE (f.message).id IS NULL) y
      LEFT JOIN LATERAL (SELECT json_agg(repeated_message_json(x.message)) AS list
                           FROM (SELECT z AS message
                                   FROM message z
                                  WHERE z.tenant_id = $1::uuid AND z.subscription_id = f.id
                                    AND z.id BETWEEN message_id_floor($3::uuid) AND message_id_ceiling($3::uuid)
                                    AND z.event_id = $3::uuid AND z.resend_of IS NOT NULL
                                  LIMIT 5) x) r ON (f.message).id IS NOT NULL
)
SELECT CASE WHEN EXISTS (SELECT FROM stored) THEN '' ELSE 'not_found' END AS code,
       CASE WHEN EXISTS (SELECT FROM stored)
            THEN coalesce((SELECT json_agg(t.entry ORDER BY t.n) FROM told t), '[]')::text END AS body,
       CASE WHEN (SELECT count(*) FROM page) > $4::integer THEN (SELECT p.id FROM page p WHERE p.n = $4::integer)
            ELSE (SELECT w.end_id FROM walk w LIMIT 1) END::text AS key,
       (SELECT explained_event_json(f.event)::text FROM stored f) AS head;
