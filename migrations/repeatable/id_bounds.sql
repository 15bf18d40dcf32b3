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
