-- Changes of what a subscription is. The statements are in api/resources/subscriptions.sql.

-- Header fields of a subscription that stand together badly, in words; NULL when they do not.
CREATE OR REPLACE FUNCTION headers_fault(headers json, has_credentials boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN count(*) > 32 THEN 'There are more than 32.'
                WHEN sum(octet_length(h.key) + clear_octets(h.value)) > 4096 THEN 'They are longer than 4096 bytes.'
                WHEN count(DISTINCT lower(h.key)) < count(*) THEN 'One is there twice.'
                WHEN has_credentials AND bool_or(lower(h.key) = 'authorization')
                THEN 'The credentials make a field Authorization.' END
      FROM json_each_text(headers) h
$$;

-- What credentials must have: a user name and a password, a token, or what an access token is asked for with.
CREATE OR REPLACE FUNCTION credentials_faults(given json, prefix text) RETURNS TABLE (pointer text, detail text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT f.pointer, f.detail
      FROM (SELECT given -> 'token' IS NOT NULL AS has_token, given -> 'username' IS NOT NULL AS has_username,
                   given -> 'password' IS NOT NULL AS has_password, given -> 'token_url' IS NOT NULL AS has_token_url,
                   given -> 'client_id' IS NOT NULL AS has_client_id, given -> 'client_secret' IS NOT NULL AS has_client_secret,
                   given -> 'scope' IS NOT NULL AS has_scope) g
     CROSS JOIN LATERAL (SELECT has_token_url OR has_client_id OR has_client_secret OR has_scope AS is_oauth2) o
     CROSS JOIN LATERAL (VALUES (has_token AND (has_username OR has_password OR is_oauth2), prefix || '/token',
                                 'stands alone: it is sent instead of other credentials'),
                                (is_oauth2 AND (has_username OR has_password), prefix || '/token_url',
                                 'stands without a user name and a password'),
                                (is_oauth2 AND NOT has_token_url, prefix || '/token_url', 'is required'),
                                (is_oauth2 AND NOT has_client_id, prefix || '/client_id', 'is required'),
                                (is_oauth2 AND NOT has_client_secret, prefix || '/client_secret', 'is required'),
                                (NOT has_token AND NOT is_oauth2 AND NOT has_username, prefix || '/username', 'is required'),
                                (NOT has_token AND NOT is_oauth2 AND NOT has_password, prefix || '/password', 'is required'))
                        AS f (is_fault, pointer, detail)
     WHERE json_typeof(given) = 'object' AND f.is_fault
$$;

-- What `old` has stored for the receiver of its URL alone and a change would send to another one. It goes there only when
-- the caller says so: given again, taken away, or kept.
CREATE OR REPLACE FUNCTION moved_secrets_faults(tenant_id uuid, old subscription, given json, prefix text)
RETURNS TABLE (pointer text, detail text) LANGUAGE plpgsql STABLE AS $$
BEGIN -- plpgsql, because what it calls is created later
    RETURN QUERY
    SELECT f.pointer, 'The URL leads to another host: give them again, take them away with null, or say "keep_credentials": true.'
      FROM (SELECT $4 || '/credentials' AS pointer
              FROM subscription_credentials b
             WHERE b.tenant_id = $1 AND b.subscription_id = ($2).id AND $3 -> 'credentials' IS NULL
             UNION ALL
            SELECT $4 || '/headers'
             WHERE EXISTS (SELECT
                             FROM json_object_keys(($2).headers) h (name)
                            WHERE header_is_sensitive(h.name) AND coalesce(json_typeof($3 -> 'headers'), '') <> 'null'
                              AND NOT EXISTS (SELECT
                                                FROM json_object_keys(CASE json_typeof($3 -> 'headers') WHEN 'object'
                                                                           THEN $3 -> 'headers' END) g (name)
                                               WHERE lower(g.name) = lower(h.name)))) f
     WHERE url_has_moved(($2).url, $3 ->> 'url') AND NOT coalesce(($3 ->> 'keep_credentials')::boolean, false);
END
$$;

-- What is wrong with a new subscription (`old` is NULL) or with a change of `old`, each with its place
-- below `prefix`. Members that are absent are right; `given` NULL has none. `url_fault`: why the URL is
-- none for a tenant that does not allow http:// (hk_url_check() has judged it), NULL when it is one.
DROP FUNCTION IF EXISTS subscription_faults(uuid, json, text, text);
CREATE OR REPLACE FUNCTION subscription_faults(tenant_id uuid, old subscription, given json, prefix text, url_fault text)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql VOLATILE AS $$
    SELECT $4 || '/url', u.detail
      FROM url_fault_for($1, $3 ->> 'url', $5) AS u (detail)
     WHERE u.detail IS NOT NULL
     UNION ALL
    SELECT format('%s/event_types/%s', $4, g.n - 1), format('There is no event type "%s".', g.name)
      FROM json_array_elements_text(coalesce($3 -> 'event_types', '[]')) WITH ORDINALITY AS g (name, n)
     WHERE right(g.name, 1) <> '*' AND g.name <> ALL (operational_event_types())
       AND NOT EXISTS (SELECT FROM event_type t WHERE t.tenant_id = $1 AND t.name = g.name)
     UNION ALL
    SELECT $4 || '/profile', format('There is no profile "%s".', $3 ->> 'profile')
     WHERE $3 ->> 'profile' IS NOT NULL AND (profile_share($1, $3 ->> 'profile')).name IS NULL
     UNION ALL
    SELECT $4 || '/filter', 'This is no filter.'
     WHERE NOT filter_is_valid($3 ->> 'filter')
     UNION ALL
    SELECT c.pointer, c.detail FROM credentials_faults($3 -> 'credentials', $4 || '/credentials') c
     UNION ALL
    SELECT $4 || '/credentials/token_url', u.detail
      FROM url_fault_for($1, $3 #>> '{credentials,token_url}', $3 #>> '{credentials,token_url_fault}') AS u (detail)
     WHERE u.detail IS NOT NULL
     UNION ALL
    SELECT $4 || '/client_certificate/private_key', 'is not the certificate''s'
     WHERE json_typeof($3 -> 'client_certificate') = 'object' AND $3 #> '{client_certificate,sha256}' IS NULL
     UNION ALL
    SELECT m.pointer, m.detail FROM moved_secrets_faults($1, $2, $3, $4) m
     UNION ALL
    SELECT r.pointer, r.detail FROM responses_faults($3 -> 'overrides', $4 || '/overrides') r
     UNION ALL
    SELECT r.pointer, r.detail FROM subscription_schedule_faults($1, $2, $3, $4) r
     UNION ALL
    SELECT $4 || '/headers', h.detail
      FROM (SELECT headers_fault(merge_object(($2).headers, $3 -> 'headers', true),
                                 coalesce(json_typeof($3 -> 'credentials') = 'object',
                                          EXISTS (SELECT
                                                    FROM subscription_credentials b
                                                   WHERE b.tenant_id = $1 AND b.subscription_id = ($2).id))) AS detail) h
     WHERE h.detail IS NOT NULL
$$;

-- `s` with the members of `given`; credentials are not among its columns.
CREATE OR REPLACE FUNCTION subscription_merge(s subscription, given json) RETURNS subscription
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    s.url := coalesce(given ->> 'url', s.url);
    s.description := coalesce(given ->> 'description', s.description);
    s.profile := coalesce(given ->> 'profile', s.profile);
    s.ordered := coalesce((given ->> 'ordered')::boolean, s.ordered);
    s.ordered_on_failure := coalesce(given ->> 'ordered_on_failure', s.ordered_on_failure);
    IF given -> 'event_types' IS NOT NULL THEN
        s.event_types := ARRAY(SELECT json_array_elements_text(given -> 'event_types'));
    END IF;
    s.filter := merge_text(given, 'filter', s.filter);
    s.timeout_ms := merge_text(given, 'timeout_ms', s.timeout_ms::text)::integer;
    s.rate_per_second := merge_text(given, 'rate_per_second', s.rate_per_second::text)::integer;
    s.max_in_flight := merge_text(given, 'max_in_flight', s.max_in_flight::text)::integer;
    IF given -> 'client_certificate' IS NOT NULL THEN -- see api/resources/sealed_body.h
        s.client_certificate := given #>> '{client_certificate,certificate}';
        s.client_key := given #>> '{client_certificate,private_key}';
        s.client_certificate_sha256 := given #>> '{client_certificate,sha256}';
        s.client_certificate_expires_at := to_timestamp((given #>> '{client_certificate,expires_s}')::bigint);
    END IF;
    s.headers := merge_object(s.headers, given -> 'headers', true);
    s.verification := merge_text(given, 'verification', s.verification); -- NULL: the profile's
    s.overrides := overrides_merge(s.overrides, given -> 'overrides');
    RETURN s;
END
$$;

-- The subscription's row, held until the transaction ends; all NULL when the caller may not see it.
CREATE OR REPLACE FUNCTION subscription_lock(tenant_id uuid, partner text, subscription_id uuid) RETURNS subscription
LANGUAGE sql AS $$
    SELECT s.*
      FROM subscription s
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE s.tenant_id = $1 AND s.id = $3 AND s.kind = 'delivery'
       FOR NO KEY UPDATE OF s
$$;

-- Sets the credentials, or takes them away with a JSON null; nothing when `given` is NULL. A password, a
-- token and sensitive header fields come sealed: see api/resources/sealed_body.h.
CREATE OR REPLACE FUNCTION subscription_set_credentials(tenant_id uuid, subscription_id uuid, given json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF $3 IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM subscription_credentials b WHERE b.tenant_id = $1 AND b.subscription_id = $2;
    IF json_typeof($3) = 'object' THEN
        INSERT INTO subscription_credentials (tenant_id, subscription_id, kind, username, password, token_url, scope)
        VALUES ($1, $2,
                CASE WHEN $3 -> 'token' IS NOT NULL THEN 'bearer' WHEN $3 -> 'token_url' IS NOT NULL THEN 'oauth2' ELSE 'basic' END,
                coalesce($3 ->> 'username', $3 ->> 'client_id'),
                coalesce($3 ->> 'token', $3 ->> 'password', $3 ->> 'client_secret'), $3 ->> 'token_url', $3 ->> 'scope');
    END IF;
END
$$;

-- When a subscription that is made now begins to be sent to: at the end of the tenant's cool-off, if its
-- profile starts with one (BQ-09); NULL: at once.
CREATE OR REPLACE FUNCTION subscription_active_from(tenant_id uuid, profile text) RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$
    SELECT now() + t.cool_off_s * interval '1 second'
      FROM tenant t
     WHERE t.tenant_id = $1 AND t.cool_off_s > 0 AND (profile_share($1, $2)).starts = 'cool_off'
$$;

-- Stores a subscription that subscription_faults() found nothing wrong with, and the secrets that its profile's
-- signature takes, out of those that were made for it ({"id": its id, "v1": ..., "v1a": ...}, see api/resources/secrets.h).
-- Returns its JSON with the secret as it is stored, sealed: the API shows the clear one in its place, this one time;
-- and with the public key, if it has such.
DROP FUNCTION IF EXISTS subscription_insert(uuid, uuid, json, text);
CREATE OR REPLACE FUNCTION subscription_insert(tenant_id uuid, app_id uuid, given json, secrets json) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    made       subscription;
    kind       text;
    added      json;
    secret     json;
    public_key json;
BEGIN
    made.description := '';
    made.profile := 'standard';
    made.ordered := false;
    made.ordered_on_failure := 'hold';
    made := subscription_merge(made, $3);
    made.allows_http := (SELECT t.allow_http FROM tenant t WHERE t.tenant_id = $1);
    made.allowed_networks := (SELECT array_to_string(t.allowed_networks, ',') FROM tenant t WHERE t.tenant_id = $1);
    made.verification := coalesce(made.verification, (profile_share($1, made.profile)).verification);
    INSERT INTO subscription AS s (tenant_id, id, app_id, url, description, event_types, filter, profile, overrides,
                                   timeout_ms, headers, rate_per_second, max_in_flight, ordered, ordered_on_failure, active_from,
                                   allows_http, allowed_networks, verification, state, state_reason, client_certificate, client_key,
                                   client_certificate_sha256, client_certificate_expires_at)
    VALUES ($1, ($4 ->> 'id')::uuid, $2, made.url, made.description, made.event_types, made.filter, made.profile,
            made.overrides, made.timeout_ms, made.headers, made.rate_per_second, made.max_in_flight, made.ordered, made.ordered_on_failure,
            subscription_active_from($1, made.profile), made.allows_http, made.allowed_networks, made.verification,
            CASE WHEN made.verification = 'none' THEN 'active' ELSE 'pending' END,
            CASE WHEN made.verification <> 'none' THEN 'not_verified' END, made.client_certificate, made.client_key,
            made.client_certificate_sha256, made.client_certificate_expires_at)
    RETURNING s.* INTO made;
    PERFORM quota_take($1, 'subscriptions', 1);
    FOREACH kind IN ARRAY subscription_secret_kinds(made) LOOP
        added := subscription_secret_add($1, made.id, $4 -> kind);
        secret := coalesce(secret, to_json(added ->> 'secret'));
        public_key := coalesce(public_key, to_json(added ->> 'public_key'));
    END LOOP;
    PERFORM subscription_set_credentials($1, made.id, $3 -> 'credentials');
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    VALUES ($1, 'subscription.created', made.id::text,
            json_build_object('app_id', $2, 'url', made.url, 'event_types', made.event_types));
    RETURN json_plus(json_plus(subscription_json(made), 'secret', secret), 'public_key', public_key);
END
$$;

DROP FUNCTION IF EXISTS subscription_create(uuid, text, uuid, json, text, text);
CREATE OR REPLACE FUNCTION subscription_create(tenant_id uuid, partner text, app_id uuid, given json, secrets json,
                                               url_fault text, OUT code text, OUT body text, OUT new_id text)
LANGUAGE plpgsql AS $$
DECLARE
    target app;
BEGIN
    PERFORM tenant_share($1);
    target := app_lock($1, $2, $3); -- its subscriptions are counted
    IF target.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    body := subscription_activity_fault($1, NULL);
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;
    IF target.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The app is archived.');
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM subscription_faults($1, NULL, $4, '', $6) x HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    -- Each event costs a message or a skip for each of them.
    IF (SELECT count(*) FROM subscription s
         WHERE s.tenant_id = $1 AND s.app_id = $3 AND s.kind = 'delivery' AND s.state <> 'archived') >= 50 THEN
        code := 'conflict';
        body := fault('', 'The app has 50 subscriptions, which is the most.');
        RETURN;
    END IF;
    code := '';
    body := subscription_insert($1, $3, $4, $5)::text;
    new_id := body::json ->> 'id';
END
$$;

-- The backfill that a change of `old` asks for: of the names and wildcards that it adds. The problem's errors, or NULL.
CREATE OR REPLACE FUNCTION subscription_backfill(tenant_id uuid, partner text, old subscription, given json) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    added text[] := ARRAY(SELECT t.name FROM json_array_elements_text($4 -> 'event_types') t (name)
                           WHERE t.name <> ALL (old.event_types));
BEGIN
    IF $4 -> 'backfill' IS NOT NULL AND cardinality(added) > 0
       AND (backfill_start_asked($1, old.id, 'event_types', $4 -> 'backfill', added, NULL, $2 IS NULL)).id IS NULL THEN
        RETURN backfill_cap_fault('/backfill');
    END IF;
    RETURN NULL;
END
$$;

DROP FUNCTION IF EXISTS subscription_update(uuid, text, uuid, json, text);
CREATE OR REPLACE FUNCTION subscription_update(tenant_id uuid, partner text, subscription_id uuid, given json,
                                               url_fault text, if_match text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held subscription;
    was  subscription;
BEGIN
    PERFORM tenant_share($1);
    held := subscription_lock($1, $2, $3);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    IF NOT etag_matches($6, subscription_json(held)) THEN
        code := 'precondition_failed';
        RETURN;
    END IF;
    IF held.state = 'archived' THEN
        code := 'conflict';
        body := fault('', 'The subscription is archived.');
        RETURN;
    END IF;
    SELECT 'invalid_body', json_agg(x)::text INTO code, body
      FROM subscription_faults($1, held, $4, '', $5) x HAVING count(*) > 0;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    body := subscription_backfill($1, $2, held, $4);
    IF body IS NOT NULL THEN
        code := 'conflict';
        RETURN;
    END IF;

    IF json_has_members($4) THEN
        was := held;
        held := subscription_merge(held, $4);
        held.verification := coalesce(held.verification, (profile_share($1, held.profile)).verification);
        IF (held.url, held.verification) IS DISTINCT FROM (was.url, was.verification) THEN
            held.verified_at := NULL;
            held.verification_error := NULL;
            held.webhook_origin := NULL;
        END IF;
        UPDATE subscription s
           SET verification = held.verification, verified_at = held.verified_at,
               verification_error = held.verification_error, webhook_origin = held.webhook_origin,
               url = held.url, description = held.description, event_types = held.event_types, filter = held.filter,
               profile = held.profile, overrides = held.overrides, timeout_ms = held.timeout_ms, headers = held.headers,
               rate_per_second = held.rate_per_second, max_in_flight = held.max_in_flight, ordered = held.ordered,
               ordered_on_failure = held.ordered_on_failure, client_certificate = held.client_certificate,
               client_key = held.client_key, client_certificate_sha256 = held.client_certificate_sha256,
               client_certificate_expires_at = held.client_certificate_expires_at, updated_at = now()
         WHERE s.tenant_id = $1 AND s.id = $3
        RETURNING s.* INTO held;
        PERFORM subscription_set_credentials($1, $3, $4 -> 'credentials');
        IF num_nonnulls($4 -> 'url', $4 -> 'headers', $4 -> 'credentials', $4 -> 'client_certificate', $4 -> 'profile') > 0 THEN
            PERFORM delivery_stop($1, ARRAY[$3]); -- what has not begun goes out as it is now
        END IF;
        IF $4 -> 'url' IS NOT NULL THEN
            DELETE FROM subscription_health h WHERE h.tenant_id = $1 AND h.subscription_id = $3; -- another endpoint
        END IF;
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'subscription.changed', $3::text,
                json_build_object('members', (SELECT json_agg(k) FROM json_object_keys($4) k)));
        held := subscription_settle($1, held);
        IF (held.url, held.headers::text, held.client_certificate_sha256, held.profile, held.overrides::text)
           IS DISTINCT FROM (was.url, was.headers::text, was.client_certificate_sha256, was.profile, was.overrides::text)
           OR $4 -> 'credentials' IS NOT NULL THEN
            PERFORM subscription_lift_rest(held, held.url <> was.url); -- who asked for it was asked otherwise; last: it locks the lane
        END IF;
    END IF;
    code := '';
    body := subscription_json(held)::text;
END
$$;
