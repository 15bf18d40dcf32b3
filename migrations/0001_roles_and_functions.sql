-- The runtime roles, and the functions that tables and policies below stand on.
-- Roles belong to the whole PostgreSQL server: they may exist already, from another cell.
-- Locks: none that matter. Time: instant.

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES ('hookline_api', 'LOGIN NOINHERIT'),
                                        ('hookline_ingest', 'NOLOGIN'),
                                        ('hookline_worker', 'LOGIN')) AS r (name, attributes)
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS',
                           wanted.name, wanted.attributes);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another cell's migration made it
        END;
    END LOOP;
    BEGIN
        GRANT hookline_ingest TO hookline_api; -- taken on by "-c role=", never inherited
    EXCEPTION WHEN OTHERS THEN
        IF NOT pg_has_role('hookline_api', 'hookline_ingest', 'MEMBER') THEN
            RAISE;
        END IF;
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO hookline_api, hookline_ingest, hookline_worker',
                   current_schema());
END
$$;

-- The tenant of the transaction, set by hk_db (lib/db.c) before each statement; NULL when none is.
CREATE FUNCTION current_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('hookline.tenant_id', true), '')::uuid;

-- The tenant that the installation itself is: it owns the operators' keys and the shipped profiles.
CREATE FUNCTION installation_id() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '00000000-0000-0000-0000-000000000000'::uuid;

-- The smallest UUIDv7 (RFC 9562) of a moment, in milliseconds: the bound of a partition.
CREATE FUNCTION uuid_v7_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (encode(substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3), 'hex')
        || '00000000000000000000')::uuid;

-- The moment in a UUIDv7, to the millisecond.
CREATE FUNCTION uuid_v7_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0);

-- A new UUIDv7, for rows that are made one at a time. Hot rows get their ids from the API. The 12 bits
-- behind the version are a fraction of the millisecond (RFC 9562, method 3): lists are ordered by id.
CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE
RETURN (SELECT encode(substring(int8send(t.us / 1000) FROM 3)
                      || substring(int4send(28672 | (t.us % 1000 * 4096 / 1000)::integer) FROM 3)
                      || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid
          FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) t);

-- The id of the message that an event becomes for a subscription: the event's first 72 bits, so
-- that messages sort in publish order and lie in the event's partition, then 56 bits of a hash of
-- the two. A pure function: fanning out twice cannot make two messages.
CREATE FUNCTION message_id(event_id uuid, subscription_id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(overlay(uuid_send(event_id)
                      PLACING substring(sha256(uuid_send(event_id) || uuid_send(subscription_id)) FROM 1 FOR 7)
                      FROM 10 FOR 7), 'hex')::uuid;
