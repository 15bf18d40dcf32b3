-- Searching attempts: those that a filter asks for, of the messages that it means. docs/query-language.md.

CREATE OR REPLACE FUNCTION log_attempt_matches(a attempt, t log_terms) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT (t.codes IS NULL OR coalesce(a.status_code, -1) = ANY (t.codes))
       AND (t.not_codes IS NULL OR coalesce(a.status_code, -1) <> ALL (t.not_codes))
       AND (t.errors IS NULL OR a.outcome = ANY (t.errors))
       AND (t.not_errors IS NULL OR a.outcome <> ALL (t.not_errors))
       AND (t.least_us IS NULL OR a.duration_us >= t.least_us)
       AND (t.below_us IS NULL OR a.duration_us < t.below_us)
$$;

-- Up to `n` attempts, those of the newest message first, of a message in their order; `position` is where each stands: the id of
-- its message and its number. A page goes on behind `behind`, such a position. When the search has ended before the log
-- does and found fewer, the last row has no attempt, and its position is where to go on.
CREATE OR REPLACE FUNCTION attempt_search(tenant_id uuid, partner text, filter jsonb, behind text, n integer, reach integer)
RETURNS TABLE (message message, attempt attempt, "position" text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t         log_terms := log_terms($1, $2, $3, NULL);
    behind_id uuid := split_part($4, '/', 1)::uuid;
    behind_no integer := nullif(split_part($4, '/', 2), '')::integer; -- NULL: all of its attempts have been shown
    n_found   integer := 0;
    n_asked   integer := 0; -- messages that the search has found
    goes_on   boolean := false;
    found     record;
    one       attempt;
BEGIN
    FOR found IN
        SELECT m AS message, NULL::uuid AS reached_id, behind_no AS attempt_no
          FROM message_matches($1, $2, $3, ARRAY[behind_id]) m
         WHERE behind_no IS NOT NULL
         UNION ALL
        SELECT s.message, s.reached_id, 0 FROM message_search($1, $2, $3, behind_id, $5, $6) s
    LOOP
        message := found.message;
        FOR one IN
            SELECT x.*
              FROM attempt x
             WHERE x.tenant_id = $1 AND x.message_id = (found.message).id AND x.attempt_no > found.attempt_no
             ORDER BY x.attempt_no
        LOOP
            CONTINUE WHEN NOT log_attempt_matches(one, t);
            attempt := one;
            position := one.message_id || '/' || one.attempt_no;
            RETURN NEXT;
            n_found := n_found + 1;
            IF n_found = $5 THEN
                RETURN;
            END IF;
        END LOOP;
        position := coalesce(found.reached_id, (found.message).id) || '/';
        n_asked := n_asked + (found.attempt_no = 0)::integer;
        goes_on := found.reached_id IS NOT NULL OR n_asked = $5;
    END LOOP;
    IF goes_on THEN
        message := NULL;
        attempt := NULL;
        RETURN NEXT;
    END IF;
END
$$;
