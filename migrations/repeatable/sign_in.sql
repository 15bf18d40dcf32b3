-- Signing in, passwords, and what slows guessing them down. The passwords themselves never come here:
-- api/auth/password.c compares and hashes, and says with which stored hash it found the given password to agree.

-- The user that may sign in with that e-mail address; all NULL when there is none.
CREATE OR REPLACE FUNCTION user_of_email(tenant_id uuid, email text) RETURNS user_account LANGUAGE sql STABLE AS $$
    SELECT u.*
      FROM user_account u
      JOIN tenant t ON t.tenant_id = u.tenant_id
     WHERE u.tenant_id = $1 AND u.email = lower($2) AND u.state = 'active' AND t.tenant_id = $1 AND t.state = 'active'
$$;

CREATE OR REPLACE FUNCTION email_sha256(email text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(lower($1), 'UTF8'))
$$;

-- Seconds until the next try, 0 for at once. The first ten failures cost nothing; then it is 2, 4, 8, ... to
-- 60 seconds after the last one. A quarter of an hour without any forgets them.
CREATE OR REPLACE FUNCTION sign_in_wait_s(f sign_in_failure) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN f.failures >= 10 AND f.last_failed_at > now() - interval '15 minutes'
                THEN greatest(0, ceil(extract(epoch FROM f.last_failed_at - now())
                                      + least(60, 2 ^ least(f.failures - 9, 6))))::integer
                ELSE 0 END
$$;

CREATE OR REPLACE FUNCTION sign_in_wait_s(tenant_id uuid, email text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT sign_in_wait_s(f) FROM sign_in_failure f
                      WHERE f.tenant_id = $1 AND f.email_sha256 = email_sha256($2)), 0)
$$;

-- Counts a failure, whether there is such a user or not; only what concerns a user is in the audit log. Old
-- rows go a few at a time, so that the table is as large as what a quarter of an hour brings.
CREATE OR REPLACE FUNCTION sign_in_fail(tenant_id uuid, email text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n_failures integer;
BEGIN
    DELETE FROM sign_in_failure f
     WHERE f.tenant_id = $1
       AND f.email_sha256 IN (SELECT o.email_sha256 FROM sign_in_failure o
                               WHERE o.tenant_id = $1 AND o.last_failed_at < now() - interval '1 hour'
                               ORDER BY o.last_failed_at
                               LIMIT 10 FOR UPDATE SKIP LOCKED);
    INSERT INTO sign_in_failure AS f (tenant_id, email_sha256)
    SELECT t.tenant_id, email_sha256($2) FROM tenant t WHERE t.tenant_id = $1
    ON CONFLICT ON CONSTRAINT sign_in_failure_pkey DO UPDATE
       SET failures = CASE WHEN excluded.last_failed_at - f.last_failed_at > interval '15 minutes' THEN 1 ELSE f.failures + 1 END,
           last_failed_at = excluded.last_failed_at
    RETURNING f.failures INTO n_failures;
    INSERT INTO audit_log (tenant_id, action, object_id, detail)
    SELECT $1, 'user.sign_in_failed', u.id::text, json_build_object('failures', n_failures)
      FROM user_account u
     WHERE u.tenant_id = $1 AND u.email = lower($2);
END
$$;

-- Holds the count of the address, so that tries at the same time count one after another. True: too many.
CREATE OR REPLACE FUNCTION sign_in_is_slowed(tenant_id uuid, email text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM sign_in_failure f WHERE f.tenant_id = $1 AND f.email_sha256 = email_sha256($2) FOR UPDATE;
    RETURN sign_in_wait_s($1, $2) > 0;
END
$$;

CREATE OR REPLACE FUNCTION sign_in_forget_failures(tenant_id uuid, email text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM sign_in_failure f WHERE f.tenant_id = $1 AND f.email_sha256 = email_sha256($2)
$$;

-- `proven_hash`: the stored hash that the password agreed with, NULL when it did not. It has to be the user's
-- still: a password that has changed meanwhile is none. `new_hash`: of the same password, when the stored one
-- is of older parameters.
CREATE OR REPLACE FUNCTION sign_in(tenant_id uuid, email text, proven_hash text, new_hash text, token_sha256 text,
                                   lifetime_s text, csrf_token text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    u    user_account;
    made user_session;
BEGIN
    IF sign_in_is_slowed($1, $2) THEN
        code := 'too_many_attempts';
        RETURN;
    END IF;
    UPDATE user_account a SET signed_in_at = now(), password_hash = coalesce($4, a.password_hash)
     WHERE a.tenant_id = $1 AND a.id = (user_of_email($1, $2)).id AND a.password_hash = $3
    RETURNING a.* INTO u;
    IF u.id IS NULL THEN
        PERFORM sign_in_fail($1, $2);
        code := 'sign_in_failed';
        RETURN;
    END IF;

    PERFORM sign_in_forget_failures($1, $2);
    DELETE FROM user_session s
     WHERE s.tenant_id = $1 AND s.user_id = u.id
       AND (s.expires_at < now()
            OR s.id IN (SELECT o.id FROM user_session o WHERE o.tenant_id = $1 AND o.user_id = u.id
                         ORDER BY o.id DESC OFFSET 19));
    INSERT INTO user_session AS s (tenant_id, user_id, token_sha256, expires_at)
    VALUES ($1, u.id, decode($5, 'hex'), now() + $6::integer * interval '1 second')
    RETURNING s.* INTO made;
    INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)
    VALUES ($1, 'user:' || u.id, 'user.signed_in', u.id::text, json_build_object('session_id', made.id));
    code := '';
    body := json_build_object('user', user_json(u), 'csrf_token', $7, 'expires_at', made.expires_at)::text;
END
$$;

-- Ends the sessions of a user but for one (NULL: all); their number.
CREATE OR REPLACE FUNCTION sessions_end(tenant_id uuid, user_id uuid, but_sha256 bytea) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    n_ended integer;
BEGIN
    DELETE FROM user_session s
     WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.token_sha256 IS DISTINCT FROM $3;
    GET DIAGNOSTICS n_ended = ROW_COUNT;
    RETURN n_ended;
END
$$;

-- The password of a user, however it came about; its one-time token is used up. Ends its sessions but for one.
CREATE OR REPLACE FUNCTION password_store(tenant_id uuid, user_id uuid, new_hash text, but_sha256 bytea, how text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    u user_account;
BEGIN
    UPDATE user_account a
       SET password_hash = $3, password_changed_at = now(), password_token_sha256 = NULL,
           password_token_expires_at = NULL, updated_at = now()
     WHERE a.tenant_id = $1 AND a.id = $2
    RETURNING a.* INTO u;
    PERFORM sign_in_forget_failures($1, u.email);
    INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)
    VALUES ($1, 'user:' || $2, 'password.changed', $2::text,
            json_build_object('by', $5, 'ended_sessions', sessions_end($1, $2, $4)));
END
$$;

-- With the old password, in a session of the user's own.
CREATE OR REPLACE FUNCTION password_change(tenant_id uuid, session_sha256 text, proven_hash text, new_hash text,
                                           OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    u user_account;
BEGIN
    SELECT a.* INTO u
      FROM user_session s
      JOIN user_account a ON a.tenant_id = $1 AND a.id = s.user_id
     WHERE s.tenant_id = $1 AND s.token_sha256 = decode($2, 'hex') AND a.state = 'active'
       FOR NO KEY UPDATE OF a;
    IF u.id IS NULL THEN
        code := 'not_found';
    ELSIF sign_in_is_slowed($1, u.email) THEN
        code := 'too_many_attempts';
    ELSIF u.password_hash IS DISTINCT FROM $3 THEN
        PERFORM sign_in_fail($1, u.email);
        code := 'invalid_body';
        body := fault('/old_password', 'This is not the password.');
    ELSE
        PERFORM password_store($1, u.id, $4, decode($2, 'hex'), 'password');
        code := '';
    END IF;
END
$$;

-- The user that a one-time token is for, while it is good; all NULL when it is not.
CREATE OR REPLACE FUNCTION user_of_password_token(tenant_id uuid, token_sha256 text) RETURNS user_account
LANGUAGE sql STABLE AS $$
    SELECT u.*
      FROM user_account u
      JOIN tenant t ON t.tenant_id = u.tenant_id
     WHERE u.tenant_id = $1 AND u.password_token_sha256 = decode($2, 'hex') AND u.password_token_expires_at > now()
       AND u.state = 'active' AND t.tenant_id = $1 AND t.state = 'active'
$$;

CREATE OR REPLACE FUNCTION password_set(tenant_id uuid, token_sha256 text, new_hash text, OUT code text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    u user_account;
BEGIN
    PERFORM FROM user_account a WHERE a.tenant_id = $1 AND a.password_token_sha256 = decode($2, 'hex') FOR NO KEY UPDATE;
    u := user_of_password_token($1, $2);
    IF u.id IS NULL THEN
        code := 'invalid_body';
        body := fault('/token', 'This token is not known, has been used, or has expired.');
        RETURN;
    END IF;
    PERFORM password_store($1, u.id, $3, NULL, 'token');
    code := '';
END
$$;
