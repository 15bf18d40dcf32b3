-- Verification: a receiver agrees before anything is sent to it. api/receivers/verification.c asks it; the statements are in
-- api/receivers/verification.sql. A subscription that asks for one and has not been verified since its URL was written is
-- never active: it is `pending`, or stopped for another reason and cannot be resumed.

CREATE OR REPLACE FUNCTION subscription_is_unverified(s subscription) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT s.verification <> 'none' AND s.verified_at IS NULL
$$;

-- Why it may not become active, as a problem's errors; NULL when it may.
CREATE OR REPLACE FUNCTION subscription_verification_fault(s subscription) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN -- plpgsql, because what it calls is created apart
    RETURN CASE WHEN subscription_is_unverified(s) THEN fault('', 'The subscription is to be verified first.') END;
END
$$;

-- Brings the state in line after a change of the URL or of the verification: what has to be verified (again) waits.
CREATE OR REPLACE FUNCTION subscription_settle(tenant_id uuid, s subscription) RETURNS subscription
LANGUAGE plpgsql AS $$
BEGIN
    IF s.state = 'active' AND subscription_is_unverified(s) THEN
        RETURN subscription_set_state($1, s.id, 'pending', 'not_verified', 'subscription.pending', NULL);
    ELSIF s.state = 'pending' AND NOT subscription_is_unverified(s)
          AND subscription_activity_fault($1, s.url) IS NULL THEN
        RETURN subscription_set_state($1, s.id, 'active', NULL,
                   CASE WHEN s.verification = 'none' THEN 'subscription.resumed' ELSE 'subscription.verified' END,
                   json_build_object('verification', s.verification));
    END IF;
    RETURN s;
END
$$;

-- The bucket of a URL's host: 64 of them are shared by all hosts, so that they cannot become many.
CREATE OR REPLACE FUNCTION verification_host_bucket(url text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'verifications ' || (hashtext(lower(substring(url FROM '^[^:]+://([^/?#]*)'))) & 63)
$$;

-- What is to be asked of whom: that subscription, or when nobody waits for the answer (`is_asked` is false), the
-- pending one that an app was made with. Takes one of the tenant's 30 verifications a minute, of which 10 may go to
-- one host.
DROP FUNCTION IF EXISTS verification_plan(uuid, text, uuid, boolean);
CREATE OR REPLACE FUNCTION verification_plan(tenant_id uuid, partner text, id uuid, is_asked boolean,
                                             OUT code text, OUT body text, OUT subscription_id uuid, OUT verification text,
                                             OUT url text, OUT topic text, OUT rate_per_minute integer, OUT allows_http boolean,
                                             OUT allowed_networks text, OUT client_certificate text, OUT client_key text)
LANGUAGE plpgsql AS $$
DECLARE
    found subscription;
BEGIN
    SELECT s.* INTO found
      FROM subscription s
      JOIN app a ON a.tenant_id = $1 AND a.id = s.app_id AND ($2 IS NULL OR a.partner = $2)
     WHERE s.tenant_id = $1 AND s.kind = 'delivery'
       AND s.id = coalesce((SELECT x.id
                              FROM subscription x
                             WHERE NOT $4 AND x.tenant_id = $1 AND x.app_id = $3 AND x.kind = 'delivery'
                             LIMIT 1), $3);
    IF found.id IS NULL OR NOT $4 AND found.verification_error IS NOT NULL THEN -- it was asked before
        code := 'not_found';
    ELSIF found.state = 'archived' OR NOT subscription_is_unverified(found) THEN
        code := 'conflict';
        body := fault('', CASE WHEN found.state = 'archived' THEN 'The subscription is archived.'
                               WHEN found.verification = 'none' THEN 'The subscription asks for no verification.'
                               ELSE 'The subscription is verified already.' END);
    ELSIF NOT bucket_take($1, 'verifications', 30) OR NOT bucket_take($1, verification_host_bucket(found.url), 10) THEN
        code := 'rate_limited';
        UPDATE subscription s SET verification_error = 'There were too many verifications: ask again in a minute.'
         WHERE s.tenant_id = $1 AND s.id = found.id AND NOT $4;
    ELSE
        code := '';
        subscription_id := found.id;
        verification := found.verification;
        url := found.url;
        topic := array_to_string(found.event_types, ',');
        topic := CASE WHEN octet_length(topic) <= 512 THEN topic ELSE '*' END;
        rate_per_minute := found.rate_per_second * 60;
        allows_http := found.allows_http;
        allowed_networks := found.allowed_networks;
        client_certificate := found.client_certificate;
        client_key := found.client_key;
    END IF;
END
$$;

-- What came of it. `url` and `verification` are those that were asked; `error`: in words, NULL when the receiver
-- agreed; to `origin` (CloudEvents), and `granted_per_minute` requests (NULL: as many as we like).
CREATE OR REPLACE FUNCTION verification_record(tenant_id uuid, subscription_id uuid, url text, verification text,
                                               error text, origin text, granted_per_minute integer,
                                               OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    held subscription;
BEGIN
    PERFORM tenant_share($1);
    held := subscription_lock($1, NULL, $2);
    IF held.id IS NULL THEN
        code := 'not_found';
        RETURN;
    END IF;
    code := 'conflict';
    IF held.state = 'archived' OR held.url <> $3 OR held.verification <> $4 THEN
        body := fault('', 'The subscription was changed meanwhile.');
        RETURN;
    END IF;
    body := subscription_activity_fault($1, held.url);
    IF body IS NOT NULL THEN
        RETURN;
    END IF;

    IF $5 IS NOT NULL THEN
        UPDATE subscription s SET verification_error = $5, updated_at = now()
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.verified_at IS NULL
        RETURNING s.* INTO held;
        INSERT INTO audit_log (tenant_id, action, object_id, detail)
        VALUES ($1, 'subscription.verification_failed', $2::text, json_build_object('verification', $4, 'reason', $5));
    ELSIF held.verified_at IS NULL THEN
        UPDATE subscription s
           SET verified_at = now(), verification_error = NULL, webhook_origin = $6, updated_at = now(),
               rate_per_second = CASE WHEN $7 IS NULL THEN s.rate_per_second ELSE least(s.rate_per_second, $7 / 60) END
         WHERE s.tenant_id = $1 AND s.id = $2
        RETURNING s.* INTO held;
        IF held.state = 'pending' THEN
            held := subscription_settle($1, held);
        ELSE -- paused, held or stopped: it stays so
            INSERT INTO audit_log (tenant_id, action, object_id, detail)
            VALUES ($1, 'subscription.verified', $2::text, json_build_object('verification', $4));
        END IF;
    END IF;
    code := '';
    SELECT subscription_json(s)::text INTO body FROM subscription s WHERE s.tenant_id = $1 AND s.id = $2;
END
$$;
