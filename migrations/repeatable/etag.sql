-- Entity tags (RFC 9110, 8.8.3): strong, of the public JSON form. api/http/reply.c computes the same from
-- the bytes that it sends.
CREATE OR REPLACE FUNCTION etag(representation text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '"' || left(encode(sha256(convert_to(representation, 'UTF8')), 'hex'), 32) || '"';

-- Whether a change may go on: If-Match is absent (NULL), "*", or lists the tag of what is there.
CREATE OR REPLACE FUNCTION etag_matches(if_match text, representation json) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN $1 IS NULL OR trim($1) = '*'
       OR etag($2::text) = ANY (regexp_split_to_array(trim($1), '\s*,\s*'));
