-- What differs between two attempts, member by member, as data. plpgsql where it calls what is created after this file.

-- All that an attempt shows, flat: header fields by their names, small, those of one name together.
CREATE OR REPLACE FUNCTION attempt_members(a attempt) RETURNS TABLE (place integer, member text, value json)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    shown constant json := attempt_json(a);
BEGIN
    RETURN QUERY
    SELECT 1, m.key, m.value FROM json_each(shown) m WHERE m.key NOT IN ('request_headers', 'response_headers')
     UNION ALL
    SELECT 2, 'request_headers.' || lower(m.key), m.value
      FROM json_each(coalesce(json_filled(shown -> 'request_headers'), '{}')) m
     UNION ALL
    SELECT 3, 'response_headers.' || lower(split_part(l.line, ':', 1)),
           to_json(string_agg(btrim(substr(l.line, strpos(l.line, ':') + 1)), ', ' ORDER BY l.n))
      FROM regexp_split_to_table(shown ->> 'response_headers', '\r?\n') WITH ORDINALITY AS l (line, n)
     WHERE strpos(l.line, ':') > 1
     GROUP BY 2;
END
$$;

-- Members that no two attempts have in common.
CREATE OR REPLACE FUNCTION attempt_member_is_usual(member text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN $1 = ANY (ARRAY['attempt_no', 'started_at', 'request_headers.webhook-timestamp', 'request_headers.webhook-signature',
                       'request_headers.traceparent', 'response_headers.date']);

CREATE OR REPLACE FUNCTION attempt_diff_json(a attempt, b attempt) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('from', a.attempt_no, 'to', b.attempt_no,
                             'differences', coalesce(json_agg(d.entry ORDER BY d.place, d.member), '[]'))
      FROM (SELECT coalesce(x.place, y.place) AS place, coalesce(x.member, y.member) AS member,
                   json_build_object('member', coalesce(x.member, y.member), 'from', x.value, 'to', y.value,
                                     'is_usual', attempt_member_is_usual(coalesce(x.member, y.member))) AS entry
              FROM attempt_members(a) x
              FULL JOIN attempt_members(b) y ON y.member = x.member
             WHERE x.value::text IS DISTINCT FROM y.value::text) d
$$;
