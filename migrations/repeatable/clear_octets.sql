-- How long a text is before it is sealed (hk/vault.h): "v1.<key id>." and base64url of it with 28 bytes more.
CREATE OR REPLACE FUNCTION clear_octets(stored text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN stored ~ '^v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]{38,}$' THEN (octet_length(stored) - 12) * 3 / 4 - 28
            ELSE octet_length(stored) END;
