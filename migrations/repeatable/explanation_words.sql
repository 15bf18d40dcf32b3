-- What is said to people about messages and events: every sentence that why_message() and why_not_sent() answer with stands
-- here. English, whole sentences, times in UTC. Pure: what is put into them comes as arguments.

-- The sentence of a reason. {name} stands for a fact; what stands in [] is left out when one of its facts is not known. A
-- number at a reason's end is a status: "unsubscribed_by_401" is looked for as "unsubscribed_by_status".
CREATE OR REPLACE FUNCTION explanation_template(reason text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN -- planned once a connection: an explanation takes dozens
    RETURN (SELECT t.template
      FROM (VALUES
        -- The event became a message.
        ('delivered', 'Delivered on {finished_at} by attempt {attempts}[ ({last_words})][, {late} after the event][. Attempt {previous_no} had failed: {previous_words}].'),
        ('sending', 'Being sent just now.[ Attempt {attempts} had failed: {last_words}.]'),
        ('waiting', 'Not delivered yet: its first attempt is due on {next_at}.'),
        ('cool_off', 'Not delivered yet: the subscription is in its cool-off and is sent to from {until} on.'),
        ('receiver_resting', 'Not delivered yet: the receiver asked for a rest until {until}.[ Attempt {attempts} had failed: {last_words}.]'),
        ('receiver_broken', 'Not delivered yet: requests to the receiver have only failed; it is tried again[ on {until}].[ Attempt {attempts} had failed: {last_words}.]'),
        ('retrying', 'Not delivered yet: attempt {attempts} failed[: {last_words}].[ The next one is due on {next_at}][, the last one on {gives_up_at} at the earliest].'),
        ('subscription_paused', 'Held: the subscription is paused[ since {since}].'),
        ('subscription_held', 'Held: the subscription is on hold[ since {since}].'),
        ('subscription_pending', 'Held: the subscription waits for its receiver to agree[ since {since}].'),
        ('tenant_suspended', 'Held: the tenant is suspended[ since {since}].'),
        ('http_not_allowed', 'Held: the tenant does not allow http:// any more[ since {since}].'),
        ('ordered_head_failed', 'Held: the subscription is ordered, and a message before this one failed for good[ on {since}].'),
        ('schedule_exhausted', 'Not delivered: given up on {finished_at} after {attempts} attempts[, the last one: {last_words}].'),
        ('schedule_invalid', 'Not delivered: given up on {finished_at} after attempt {attempts}[ ({last_words})], because the schedule of the profile cannot be read.'),
        ('dropped_by_status', 'Not delivered: the receiver does not want it: {code} to attempt {attempt_no} on {finished_at}.'),
        ('unsubscribed_by_status', 'Not delivered: unsubscribed on {since} after {code}[ to attempt {attempt_no}][ of another message ({stop_message_id})].'),
        ('disabled_by_status', 'Not delivered: the subscription was disabled on {since} after {code}[ to attempt {attempt_no}][ of another message ({stop_message_id})].'),
        ('disabled_by_health', 'Not delivered: the subscription was disabled on {since}, because requests to it had only failed for long.[ Attempt {attempts} had failed: {last_words}.]'),
        ('subscription_archived', 'Not delivered: the subscription was archived on {finished_at}.'),
        ('app_archived', 'Not delivered: the app was archived on {finished_at}.'),
        ('tenant_archived', 'Not delivered: the tenant was archived on {finished_at}.'),
        ('connection_disconnected', 'Not delivered: the company was disconnected from the app[ on {finished_at}], and what waited was cancelled.'),
        ('backfill_cancelled', 'Not delivered: the backfill that made it was cancelled[ on {finished_at}].'),
        ('replay_cancelled', 'Not delivered: the replay that made it was cancelled[ on {finished_at}].'),
        ('message', 'The message is {status}[: {reason}].'),
        -- It did not: "/" and why.
        ('/not_connected', 'Not sent: the company was not connected to the app[; it was disconnected on {since}][; it was connected on {until}, after the event].'),
        ('/connection_incomplete', 'Not sent: the connection of the company was incomplete[, without a value for {missing}][; today it lacks {missing_now}].'),
        ('/connection_paused', 'Not sent: the connection of the company was paused[ on {since}].'),
        ('/subscription_created_later', 'Not sent: the subscription was created on {since}, after the event.'),
        ('/subscription_archived', 'Not sent: the subscription was archived[ on {since}].'),
        ('/app_archived', 'Not sent: the app was archived[ on {since}].'),
        ('/subscription_paused', 'Not sent: the subscription was paused[ on {since}].'),
        ('/subscription_pending', 'Not sent: the subscription waited for its receiver to agree[ since {since}].'),
        ('/subscription_unsubscribed', 'Not sent: unsubscribed[ on {since}][ after {code}][ to attempt {attempt_no}][ of message {stop_message_id}].'),
        ('/subscription_disabled', 'Not sent: the subscription was disabled[ on {since}][ after {code}][ to attempt {attempt_no}][ of message {stop_message_id}].'),
        ('/disabled_by_health', 'Not sent: the subscription was disabled[ on {since}], because requests to it had only failed for long.'),
        ('/type_not_selected', 'Not sent: the subscription did not select {event_type}[; it selects {selected}][; today it selects {selected_now}].'),
        ('/filter_false', 'Not sent: the filter[ {filter}] is false for the payload[: it is not so that {terms}][; since {until} it is another one: {filter_now}].'),
        ('/filter_failed', 'Not sent: the filter cannot be asked about this payload, which is too large or has a value that filters do not take.'),
        ('/event_about_itself', 'Not sent: the event tells of this subscription itself.'),
        ('/event_of_another_app', 'Not sent: the event tells of another app''s subscription.'),
        ('/no_record', 'Not sent, and it is not known why: nothing is kept of it. Today it would be sent.'),
        ('/skipped', 'Not sent: {reason}.'),
        -- The event itself.
        ('event', 'Accepted on {accepted_at}.[ Published {n_repeats} more under the id {external_id}, last on {repeated_at}: that makes nothing new.]'))
           AS t (reason, template)
     WHERE t.reason = (SELECT regexp_replace($1, '_by_\d{3}$', '_by_status')));
END
$$;

-- A template with its facts, {"name": "words"}. The template is read, never what is put into it: facts may say what they like.
CREATE OR REPLACE FUNCTION explanation_fill(template text, facts jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    piece    text;
    part     text := ''; -- what stands between brackets, or outside of any
    is_known boolean := true;
    filled   text := '';
BEGIN
    FOREACH piece IN ARRAY string_to_array(regexp_replace($1, '(\[|\]|\{\w+\})', E'\x01\\1\x01', 'g'), E'\x01') LOOP
        IF piece IN ('[', ']') THEN
            filled := filled || CASE WHEN is_known OR piece = '[' THEN part ELSE '' END;
            part := '';
            is_known := true;
        ELSIF left(piece, 1) = '{' THEN
            piece := $2 ->> substr(piece, 2, length(piece) - 2);
            is_known := is_known AND piece IS NOT NULL;
            part := part || coalesce(piece, 'unknown');
        ELSE
            part := part || piece;
        END IF;
    END LOOP;
    RETURN filled || part;
END
$$;

-- The sentence of a reason; one that the table does not have is said as it is called.
CREATE OR REPLACE FUNCTION explanation_sentence(reason text, otherwise text, facts jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN explanation_fill(coalesce(explanation_template($1), explanation_template($2)), $3);

-- A time as it stands in a sentence.
CREATE OR REPLACE FUNCTION explanation_time(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC';

-- A span of time, roughly, as people say it: "350 ms", "7 s", "12 min", "3 h", "2 d".
CREATE OR REPLACE FUNCTION explanation_span(us bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN $1 < 2000000 THEN $1 / 1000 || ' ms'
            WHEN $1 < 120000000 THEN $1 / 1000000 || ' s'
            WHEN $1 < 7200000000 THEN $1 / 60000000 || ' min'
            WHEN $1 < 172800000000 THEN $1 / 3600000000 || ' h'
            ELSE $1 / 86400000000 || ' d' END;

-- What a receiver means by a status that is no success; NULL: that is its own affair.
CREATE OR REPLACE FUNCTION attempt_status_words(status_code integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT t.words
      FROM (VALUES (400, 400, 'the receiver cannot read the request, or does not find its signature right'),
                   (401, 401, 'the receiver refuses the signature or the credentials: it may check with another secret'),
                   (403, 403, 'the receiver refuses the request: it may check with another secret, or not let this sender in'),
                   (404, 404, 'there is nothing at this URL'),
                   (405, 405, 'this URL does not take POST'),
                   (408, 408, 'the receiver got the request too slowly'),
                   (410, 410, 'the receiver wants nothing more at this URL'),
                   (413, 413, 'the receiver finds the body too large'),
                   (415, 415, 'the receiver does not take this media type'),
                   (429, 429, 'the receiver asks for fewer requests'),
                   (300, 399, 'a redirection, which is not followed'),
                   (500, 599, 'an error of the receiver''s own'))
           AS t (least, most, words)
     WHERE $1 BETWEEN t.least AND t.most
$$;

-- What an attempt's outcome means, in words that begin small; `error` is what the HTTP client said.
CREATE OR REPLACE FUNCTION attempt_words(outcome text, status_code integer, duration_us bigint, error text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN coalesce((SELECT t.words
                       FROM (VALUES
                         ('timeout', 'no answer within ' || explanation_span($3)),
                         ('dns', 'the name of the host could not be looked up'),
                         ('connect', 'no connection to the receiver could be made'),
                         ('tls', 'no trusted TLS connection could be made'),
                         ('reset', 'the receiver hung up before it had answered'),
                         ('blocked_address', 'the address is none that may be called'),
                         ('protocol', 'what came was no answer of HTTP/1.1'),
                         ('proxy', 'the proxy of the installation refused or failed'),
                         ('credentials', 'there was no access token to send with'),
                         ('request_invalid', 'no request could be made of it'))
                            AS t (outcome, words)
                      WHERE t.outcome = $1) || CASE WHEN $1 <> 'timeout' THEN coalesce(' (' || $4 || ')', '') ELSE '' END,
                    'HTTP ' || $2 || coalesce(CASE WHEN $1 <> 'succeeded' THEN ', ' || attempt_status_words($2) END, ''),
                    $1);
END
$$;
