-- What growth.py has to find, and what it must not: it reads this file each time before it looks at the tree. Never applied.
CREATE TABLE a (tenant_id uuid, id uuid, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, id)) PARTITION BY RANGE (id);
CREATE TABLE b (id uuid PRIMARY KEY, tenant_id uuid); -- finds tenant-first
CREATE TABLE c (tenant_id uuid NOT NULL REFERENCES tenant, name text UNIQUE); -- finds tenant-first
CREATE TABLE d (tenant_id uuid, id uuid, CONSTRAINT d_a FOREIGN KEY (tenant_id, id) REFERENCES a (tenant_id, id));
CREATE TABLE e (tenant_id uuid, id uuid, CONSTRAINT e_a FOREIGN KEY (id, tenant_id) REFERENCES a); -- finds tenant-first
CREATE TABLE f (tenant_id uuid, n bigserial); -- finds no-sequence
CREATE UNIQUE INDEX a_id ON a (id); -- finds tenant-first
CREATE UNIQUE INDEX a_tenant ON a USING btree (tenant_id, id);
CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION t(); -- finds no-trigger
ALTER TABLE app ADD COLUMN x text, ADD COLUMN y text;
ALTER TABLE app ADD COLUMN x text CONSTRAINT app_x CHECK (x <> '');
ALTER TABLE app ADD COLUMN x text CHECK (x <> ''); -- finds named
ALTER TABLE app ADD COLUMN x text, ADD CONSTRAINT app_x CHECK (x <> ''); -- finds one-alter
ALTER TABLE app ADD FOREIGN KEY (tenant_id) REFERENCES tenant; -- finds named
ALTER TABLE app ALTER COLUMN name SET STORAGE EXTERNAL; -- finds alter-kind
ALTER TABLE message ADD CONSTRAINT m FOREIGN KEY (tenant_id, event_id) REFERENCES event; -- finds no-key-of-log
DO $$ BEGIN EXECUTE 'ALTER TABLE event DETACH PARTITION x CONCURRENTLY'; END $$; -- finds no-detach-concurrently
CREATE FUNCTION g() RETURNS void LANGUAGE sql SET enable_sort = off AS $$ SELECT $$;
CREATE FUNCTION h() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET LOCAL enable_sort = off; END $$; -- finds planner-setting
-- statements
SELECT a.id FROM app a WHERE a.tenant_id = $1 AND a.id = $2;
SELECT a.id FROM app a WHERE a.id = $2; -- finds relation
SELECT id FROM app WHERE $1 = tenant_id;
SELECT a.id FROM app a JOIN company c ON c.id = a.id WHERE a.tenant_id = $1; -- finds relation
SELECT a.id FROM app a JOIN company c USING (tenant_id, id) WHERE a.tenant_id = $1;
SELECT a.id FROM app a, company c WHERE (c.tenant_id, c.id) = (a.tenant_id, a.id) AND a.tenant_id = $1;
SELECT a.id FROM app a, company c WHERE a.tenant_id = $1; -- finds relation
SELECT a.id FROM app a WHERE a.tenant_id = $1 AND EXISTS (SELECT FROM company c WHERE c.id = a.id); -- finds relation
SELECT a.id FROM app a CROSS JOIN LATERAL (SELECT FROM company a WHERE a.id = $2) c WHERE a.tenant_id = $1; -- finds relation
WITH app AS (SELECT 1 AS id) SELECT a.id FROM app a;
SELECT extract(epoch FROM now()), a.id IS DISTINCT FROM company FROM app a WHERE a.tenant_id = $1;
INSERT INTO app (tenant_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING;
INSERT INTO app AS a (id, tenant_id) VALUES ($1, $2); -- finds relation
INSERT INTO app (tenant_id, id) VALUES ($1, $2) ON CONFLICT (tenant_id, id) DO UPDATE SET at = now(); -- finds conflict
WITH a AS (INSERT INTO app (tenant_id, id) VALUES ($1, $2) ON CONFLICT (tenant_id, id) DO UPDATE SET at = excluded.at) SELECT now();
UPDATE app SET id = $2 WHERE tenant_id = $1;
UPDATE app a SET id = c.id FROM company c WHERE c.tenant_id = $1 AND c.tenant_id = a.tenant_id;
DELETE FROM app a USING company c WHERE a.tenant_id = $1; -- finds relation
INSERT INTO app (tenant_id, id) SELECT $1, gen_random_uuid(); -- finds volatile
UPDATE tenant t SET name = $2 WHERE t.tenant_id = $1; -- finds hot-writes-directory
MERGE INTO app a USING company c ON a.tenant_id = c.tenant_id WHEN MATCHED THEN DELETE; -- finds no-merge
