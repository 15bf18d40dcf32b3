-- A place in the live tail as the `id` of a server-sent event: the time in microseconds, the message, the attempt's number
-- (0: the message itself). Read by tail_cursor_parse() in api/live/tail.c.
CREATE OR REPLACE FUNCTION tail_cursor(at timestamptz, message_id uuid, attempt_no integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN concat(floor(extract(epoch FROM $1) * 1000000)::bigint, '.', $2, '.', $3);
