-- Bounds for keyset pages: "id < coalesce(cursor, uuid_max())" is an index condition with and
-- without a cursor; "cursor IS NULL OR id < cursor" is none in a generic plan.
CREATE OR REPLACE FUNCTION uuid_min() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '00000000-0000-0000-0000-000000000000'::uuid
$$;
CREATE OR REPLACE FUNCTION uuid_max() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
$$;

-- The messages of an event share its id's first 64 bits (message_id()): they are a range of the
-- primary key. Other events of the same instant may lie in it: ask for the event_id as well.
CREATE OR REPLACE FUNCTION message_id_floor(event_id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (left(event_id::text, 18) || '-0000-000000000000')::uuid
$$;
CREATE OR REPLACE FUNCTION message_id_ceiling(event_id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (left(event_id::text, 18) || '-ffff-ffffffffffff')::uuid
$$;

-- The ids of a time (to the millisecond, as they are shown) and later: "id >= id_since(since)", "id < id_until(until)".
-- NULL bounds nothing.
CREATE OR REPLACE FUNCTION id_since(since timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT uuid_v7_floor(greatest(since + interval '999 microseconds', 'epoch'))
$$;
CREATE OR REPLACE FUNCTION id_until(until timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN until IS NULL THEN uuid_max() ELSE id_since(until) END
$$;

-- How many rows a page of a list looks at, of each of the n ways (apps, subscriptions) that it goes back: the
-- page and one more when all of them are wanted; else so many that a filter that no index serves ends, found or
-- not: the page is short then, or empty, and the next one goes on behind what was looked at.
CREATE OR REPLACE FUNCTION list_reach(page_limit integer, n_ways bigint, is_filtered boolean) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_filtered THEN greatest(page_limit + 1, 5000 / greatest(n_ways, 1)) ELSE page_limit + 1 END;
