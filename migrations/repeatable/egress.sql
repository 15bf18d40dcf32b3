-- A JSON list of texts as an array; NULL when it is empty, or null.
CREATE OR REPLACE FUNCTION json_texts(list json) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN json_typeof($1) = 'array' THEN (SELECT array_agg(e.value) FROM json_array_elements_text($1) AS e (value)) END
$$;

-- Whether the host of an https:// URL is an address in one of the networks: what hk_url_check() has found wrong with
-- it for everyone is right for a tenant that has them.
CREATE OR REPLACE FUNCTION url_is_in_networks(url text, networks text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT EXISTS (SELECT
                     FROM unnest($2) AS n (network)
                    WHERE trim(substring($1 FROM '(?i)^https://([0-9.]+|\[[0-9a-f:.]+\])(?::[0-9]+)?(?:[/?]|$)'), '[]')::inet
                          <<= n.network::inet)
$$;

-- Why the tenant may not call the URL, which hk_url_check() has found right as if it might call http:// and anything
-- local; `url_fault`: what is wrong otherwise. NULL: nothing.
CREATE OR REPLACE FUNCTION url_fault_for(tenant_id uuid, url text, url_fault text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT $3
      FROM tenant t
     WHERE t.tenant_id = $1 AND NOT t.allow_http AND NOT url_is_in_networks($2, t.allowed_networks)
$$;

-- Where a URL's requests go: scheme, host, and the port unless it is the scheme's own.
CREATE OR REPLACE FUNCTION url_origin(url text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(lower(substring($1 FROM '^[^:]+://[^/?#]*')), '^(https(?=.*:443$)|http(?=.*:80$))(.*):[0-9]+$', '\1\2')
$$;

-- Whether what was meant for the receiver of one URL would reach another one with the next; by https instead of http it is
-- the same one.
CREATE OR REPLACE FUNCTION url_has_moved(old_url text, new_url text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT url_origin($2) NOT IN (url_origin($1), regexp_replace(url_origin($1), '^http:', 'https:'))
$$;
