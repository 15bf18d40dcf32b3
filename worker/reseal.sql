-- What is sealed at rest (include/hk/vault.h), page by page, and put back under the current master key: see
-- worker/reseal.c. A column has two statements.
--
-- reseal_<column>_page: $1 a LIKE pattern of what the current key has sealed text, $2 tenant, $3 owner and $4 row after
-- which the page begins (texts, "" at first), $5 how many rows are looked at integer. Each returns, in the order of their key,
-- tenant, owner ("" when the row's key has none), row, name (of a header field, else ""), the text when it is not sealed with
-- the current key, else NULL, and how many rows of the table were looked at.
--
-- reseal_<column>_put: $1 tenants, $2 owners, $3 rows, $4 names, $5 texts as they were, $6 as they are to be; text[] each.
-- A text that has changed meanwhile stays. Each returns how many rows it has changed.

-- name: reseal_subscription_secret_page
SELECT p.tenant_id::text, p.subscription_id::text, p.id::text, '',
       CASE WHEN p.secret NOT LIKE $1::text THEN p.secret END, count(*) OVER ()
  FROM (SELECT k.tenant_id, k.subscription_id, k.id, k.secret
          FROM subscription_secret k
         WHERE (k.tenant_id, k.subscription_id, k.id)
               > (uuid_or_zero($2::text), uuid_or_zero($3::text), uuid_or_zero($4::text))
         ORDER BY k.tenant_id, k.subscription_id, k.id
         LIMIT $5::integer) p
 ORDER BY p.tenant_id, p.subscription_id, p.id;

-- name: reseal_subscription_secret_put
WITH n AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS u (tenant_id, owner_id, row_id, name, old, new)
), done AS (
    UPDATE subscription_secret k SET secret = n.new
      FROM n
     WHERE k.tenant_id = n.tenant_id::uuid AND k.subscription_id = n.owner_id::uuid AND k.id = n.row_id::uuid
       AND k.secret = n.old
    RETURNING k.id
)
SELECT count(*) FROM done;

-- name: reseal_tenant_secret_page
SELECT p.tenant_id::text, '', p.id::text, '', CASE WHEN p.secret NOT LIKE $1::text THEN p.secret END, count(*) OVER ()
  FROM (SELECT k.tenant_id, k.id, k.secret
          FROM tenant_secret k
         WHERE (k.tenant_id, k.id) > (uuid_or_zero($2::text), uuid_or_zero($4::text)) AND $3::text IS NOT NULL
         ORDER BY k.tenant_id, k.id
         LIMIT $5::integer) p
 ORDER BY p.tenant_id, p.id;

-- name: reseal_tenant_secret_put
WITH n AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS u (tenant_id, owner_id, row_id, name, old, new)
), done AS (
    UPDATE tenant_secret k SET secret = n.new
      FROM n
     WHERE k.tenant_id = n.tenant_id::uuid AND k.id = n.row_id::uuid AND k.secret = n.old
    RETURNING k.id
)
SELECT count(*) FROM done;

-- name: reseal_password_page
SELECT p.tenant_id::text, '', p.subscription_id::text, CASE WHEN p.kind = 'oauth2' THEN 'client_secret' ELSE '' END,
       CASE WHEN p.password NOT LIKE $1::text THEN p.password END, count(*) OVER ()
  FROM (SELECT b.tenant_id, b.subscription_id, b.password, b.kind
          FROM subscription_credentials b
         WHERE (b.tenant_id, b.subscription_id) > (uuid_or_zero($2::text), uuid_or_zero($4::text)) AND $3::text IS NOT NULL
         ORDER BY b.tenant_id, b.subscription_id
         LIMIT $5::integer) p
 ORDER BY p.tenant_id, p.subscription_id;

-- name: reseal_password_put
WITH n AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS u (tenant_id, owner_id, row_id, name, old, new)
), done AS (
    UPDATE subscription_credentials b SET password = n.new
      FROM n
     WHERE b.tenant_id = n.tenant_id::uuid AND b.subscription_id = n.row_id::uuid AND b.password = n.old
    RETURNING b.subscription_id
)
SELECT count(*) FROM done;

-- name: reseal_client_key_page
SELECT p.tenant_id::text, '', p.id::text, '', CASE WHEN p.client_key NOT LIKE $1::text THEN p.client_key END,
       count(*) OVER ()
  FROM (SELECT s.tenant_id, s.id, s.client_key
          FROM subscription s
         WHERE (s.tenant_id, s.id) > (uuid_or_zero($2::text), uuid_or_zero($4::text)) AND $3::text IS NOT NULL
         ORDER BY s.tenant_id, s.id
         LIMIT $5::integer) p
 ORDER BY p.tenant_id, p.id;

-- name: reseal_client_key_put
WITH n AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS u (tenant_id, owner_id, row_id, name, old, new)
), done AS (
    UPDATE subscription s SET client_key = n.new
      FROM n
     WHERE s.tenant_id = n.tenant_id::uuid AND s.id = n.row_id::uuid AND s.client_key = n.old
    RETURNING s.id
)
SELECT count(*) FROM done;

-- name: reseal_header_page
-- A row for each sensitive field, one for a subscription without.
SELECT p.tenant_id::text, '', p.id::text, coalesce(h.key, ''),
       CASE WHEN h.value NOT LIKE $1::text THEN h.value END, p.n
  FROM (SELECT s.tenant_id, s.id, s.headers, count(*) OVER () AS n
          FROM (SELECT x.tenant_id, x.id, x.headers
                  FROM subscription x
                 WHERE (x.tenant_id, x.id) > (uuid_or_zero($2::text), uuid_or_zero($4::text)) AND $3::text IS NOT NULL
                 ORDER BY x.tenant_id, x.id
                 LIMIT $5::integer) s) p
  LEFT JOIN LATERAL (SELECT f.key, f.value FROM json_each_text(p.headers) f WHERE header_is_sensitive(f.key)) h ON true
 ORDER BY p.tenant_id, p.id;

-- name: reseal_header_put
WITH n AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS u (tenant_id, owner_id, row_id, name, old, new)
), done AS (
    UPDATE subscription s
       SET headers = (SELECT json_object_agg(h.key, coalesce(n.new, h.value) ORDER BY h.nth)
                        FROM json_each_text(s.headers) WITH ORDINALITY AS h (key, value, nth)
                        LEFT JOIN n ON n.tenant_id = s.tenant_id::text AND n.row_id = s.id::text AND n.name = h.key
                                       AND n.old = h.value)
      FROM (SELECT DISTINCT n.tenant_id::uuid AS tenant_id, n.row_id::uuid AS id FROM n) w
     WHERE s.tenant_id = w.tenant_id AND s.id = w.id AND s.headers IS NOT NULL
    RETURNING s.id
)
SELECT count(*) FROM done;

-- name: reseal_signing_key_page
SELECT p.tenant_id::text, '', p.kid, '', CASE WHEN p.private_key NOT LIKE $1::text THEN p.private_key END, count(*) OVER ()
  FROM (SELECT k.tenant_id, k.kid, k.private_key
          FROM signing_key k
         WHERE (k.tenant_id, k.kid) > (uuid_or_zero($2::text), $4::text) AND $3::text IS NOT NULL
         ORDER BY k.tenant_id, k.kid
         LIMIT $5::integer) p
 ORDER BY p.tenant_id, p.kid;

-- name: reseal_signing_key_put
WITH n AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS u (tenant_id, owner_id, row_id, name, old, new)
), done AS (
    UPDATE signing_key k SET private_key = n.new
      FROM n
     WHERE k.tenant_id = n.tenant_id::uuid AND k.kid = n.row_id AND k.private_key = n.old
    RETURNING k.kid
)
SELECT count(*) FROM done;

-- name: reseal_flow_secret_page
SELECT p.tenant_id::text, p.flow_id::text, p.name, '', CASE WHEN p.secret NOT LIKE $1::text THEN p.secret END, count(*) OVER ()
  FROM (SELECT k.tenant_id, k.flow_id, k.name, k.secret
          FROM flow_secret k
         WHERE (k.tenant_id, k.flow_id, k.name) > (uuid_or_zero($2::text), uuid_or_zero($3::text), $4::text)
         ORDER BY k.tenant_id, k.flow_id, k.name
         LIMIT $5::integer) p
 ORDER BY p.tenant_id, p.flow_id, p.name;

-- name: reseal_flow_secret_put
WITH n AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS u (tenant_id, owner_id, row_id, name, old, new)
), done AS (
    UPDATE flow_secret k SET secret = n.new
      FROM n
     WHERE k.tenant_id = n.tenant_id::uuid AND k.flow_id = n.owner_id::uuid AND k.name = n.row_id AND k.secret = n.old
    RETURNING k.name
)
SELECT count(*) FROM done;
