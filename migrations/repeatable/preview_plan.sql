-- What a preview is made of: the request that an attempt would be, of a stored event, a sample or a payload that the caller
-- brings. Nothing is written. The statement is in api/receivers/preview.sql.

-- The event, when the caller may see its payload: a partner, when it was made a message for one of its subscriptions.
CREATE OR REPLACE FUNCTION event_seen(tenant_id uuid, partner text, event_id uuid) RETURNS event
LANGUAGE sql STABLE AS $$
    SELECT e.*
      FROM event e
     WHERE e.tenant_id = $1 AND e.id = $3
       AND ($2 IS NULL
            OR EXISTS (SELECT
                         FROM message m
                         JOIN subscription s ON s.tenant_id = $1 AND s.id = m.subscription_id
                         JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND a.partner = $2
                        WHERE m.tenant_id = $1 AND m.id BETWEEN message_id_floor($3) AND message_id_ceiling($3)
                          AND m.event_id = $3))
$$;

-- What is wrong with what a preview asks for. `stored`, `kind`, `link`: what was found for it, all NULL when nothing was.
CREATE OR REPLACE FUNCTION preview_faults(tenant_id uuid, given json, event_type text, stored event, kind event_type,
                                          link connection)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql STABLE AS $$
    SELECT f.pointer, f.detail
      FROM (VALUES ($2 -> 'event_id' IS NOT NULL AND ($2 -> 'event_type' IS NOT NULL OR $2 -> 'payload' IS NOT NULL),
                    '/event_id', 'An event has its type and its payload: it stands alone.'),
                   ($2 -> 'event_id' IS NULL AND $2 -> 'event_type' IS NULL AND $2 -> 'payload' IS NULL,
                    '/event_id', 'Of what? An event_id, an event_type or a payload must be there.'),
                   ($2 -> 'event_id' IS NOT NULL AND ($4).id IS NULL, '/event_id', 'There is no such event.'),
                   (($4).payload_state IS NOT NULL, '/event_id', 'The event''s payload is gone.'),
                   ($2 -> 'event_type' IS NOT NULL AND ($5).name IS NULL,
                    '/event_type', format('There is no event type "%s".', $3)),
                   (($5).name IS NOT NULL AND ($5).sample IS NULL AND $2 -> 'event_id' IS NULL AND $2 -> 'payload' IS NULL,
                    '/event_type', format('The event type "%s" has no sample.', $3)),
                   ($2 -> 'company' IS NOT NULL AND ($6).id IS NULL, '/company', 'The app is not connected to this company.'),
                   ($2 -> 'profile' IS NOT NULL
                    AND NOT EXISTS (SELECT FROM profile p
                                     WHERE p.tenant_id IN ($1, installation_id()) AND p.name = $2 ->> 'profile'),
                    '/profile', format('There is no profile "%s".', $2 ->> 'profile')))
           AS f (is_fault, pointer, detail)
     WHERE f.is_fault
     UNION ALL
    SELECT r.pointer, r.detail FROM responses_faults($2 -> 'overrides', '/overrides') r
$$;

-- The custom values that the request carries, NULL for a type that carries none: of the given company, those of now; of
-- a stored event, those that its message has, or would have.
CREATE OR REPLACE FUNCTION preview_values(tenant_id uuid, target subscription, given json, event_type text, stored event,
                                          kind event_type, link connection) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    made message;
BEGIN
    IF given -> 'company' IS NULL AND stored.id IS NOT NULL THEN
        SELECT m.* INTO made FROM message m WHERE m.tenant_id = $1 AND m.id = message_id(stored.id, target.id);
        IF made.id IS NOT NULL THEN
            RETURN CASE WHEN made.values_version IS NOT NULL
                        THEN connection_values_for($1, made.connection_id, made.values_version, event_type) END;
        END IF;
    END IF;
    RETURN CASE WHEN kind.enrichable THEN coalesce(connection_values_for($1, link.id, NULL, event_type), '{}') END;
END
$$;

-- Which parts of the request are not those of a real one. `may_sign`: the caller may have samples signed and sent. For others, and for the
-- caller's own words, a real signature would be a forgery ready to be sent.
DROP FUNCTION IF EXISTS preview_illustrative(json, event, event_type, boolean);
CREATE OR REPLACE FUNCTION preview_illustrative(given json, stored event, kind event_type, takes_access_token boolean,
                                                may_sign boolean) RETURNS json
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(json_agg(i.name), '[]')
      FROM (VALUES ('event_id', ($2).id IS NULL), ('message_id', ($2).id IS NULL), ('occurred_at', ($2).id IS NULL),
                   ('event_type', ($2).id IS NULL AND $1 -> 'event_type' IS NULL),
                   ('payload', ($2).id IS NULL), ('company', ($2).id IS NULL AND $1 -> 'company' IS NULL),
                   ('custom_values', ($3).enrichable AND ($2).id IS NULL AND $1 -> 'company' IS NULL),
                   ('signature', $1 -> 'payload' IS NOT NULL OR NOT $5), ('authorization', $4)) AS i (name, is_so)
     WHERE i.is_so
$$;

-- One row: how the subscription is spoken to (`target`, with the profile and the overrides that were asked for), and the
-- event; or a code and the problem's errors.
DROP FUNCTION IF EXISTS preview_plan(uuid, text, uuid, json);
CREATE OR REPLACE FUNCTION preview_plan(tenant_id uuid, partner text, subscription_id uuid, given json, may_sign boolean)
RETURNS TABLE (code text, body text, target subscription, event_type text, payload text, event_id uuid, message_id uuid,
               company text, occurred_at text, custom_values text, traceparent text, origin text, illustrative text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    stored event := event_seen($1, $2, ($4 ->> 'event_id')::uuid);
    kind   event_type;
    link   connection;
BEGIN
    SELECT s.* INTO target
      FROM subscription s
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE s.tenant_id = $1 AND s.id = $3 AND s.kind = 'delivery';
    IF target.id IS NULL THEN
        code := 'not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    event_type := coalesce(stored.event_type, $4 ->> 'event_type',
                           (SELECT n.name FROM unnest(target.event_types) n (name) WHERE right(n.name, 1) <> '*' LIMIT 1),
                           'example');
    SELECT t.* INTO kind FROM event_type t WHERE t.tenant_id = $1 AND t.name = event_type;
    company := coalesce($4 ->> 'company', (SELECT o.external_id FROM company o
                                            WHERE o.tenant_id = $1 AND o.id = stored.company_id));
    SELECT c.* INTO link
      FROM connection c
      JOIN company o ON o.tenant_id = $1 AND o.id = c.company_id AND o.external_id = company
     WHERE c.tenant_id = $1 AND c.app_id = target.app_id AND c.state <> 'disconnected';

    SELECT 'invalid_body', json_agg(f)::text INTO code, body
      FROM preview_faults($1, $4, event_type, stored, kind, link) f
    HAVING count(*) > 0;
    IF code IS NULL THEN
        code := '';
        target.profile := coalesce($4 ->> 'profile', target.profile);
        target.overrides := overrides_merge(target.overrides, $4 -> 'overrides');
        payload := coalesce(payload_shown($1, event_type, stored.payload, stored.id), ($4 -> 'payload')::text, kind.sample::text);
        event_id := stored.id;
        message_id := message_id(stored.id, target.id);
        occurred_at := stored.occurred_at;
        traceparent := stored.traceparent;
        origin := (SELECT m.origin FROM message m WHERE m.tenant_id = $1 AND m.id = message_id);
        custom_values := preview_values($1, target, $4, event_type, stored, kind, link);
        illustrative := preview_illustrative(
            $4, stored, kind, EXISTS (SELECT FROM subscription_credentials b
                                       WHERE b.tenant_id = $1 AND b.subscription_id = $3 AND b.kind = 'oauth2'), $5);
    END IF;
    RETURN NEXT;
END
$$;
