-- SPDX-License-Identifier: Apache-2.0
-- :n due messages of the one subscription at /hook, a millisecond apart, as if they had been published until now.
SET search_path = hookline;
SET synchronous_commit = off;
CREATE TEMP TABLE seed AS
SELECT (left(uuid_v7_floor(now() - (:n - n) * interval '1 ms')::text, 15) || right(gen_random_uuid()::text, 21))::uuid AS id,
       now() - (:n - n) * interval '1 ms' AS at, s.tenant_id, s.id AS subscription_id, c.id AS connection_id, c.company_id
  FROM generate_series(1, :n) n,
       company y
  JOIN connection c ON c.tenant_id = y.tenant_id AND c.company_id = y.id
  JOIN subscription s ON s.tenant_id = c.tenant_id AND s.app_id = c.app_id
 WHERE y.external_id = 'bench';
INSERT INTO event (tenant_id, id, event_type, company_id, external_id, payload)
SELECT d.tenant_id, d.id, 'document.uploaded', d.company_id, 'upload-' || d.id, '{"id":"doc_8f2c","note":"' || repeat('x', 470) || '"}'
  FROM seed d ORDER BY d.id;
INSERT INTO event_key (tenant_id, external_id, event_id) SELECT d.tenant_id, 'upload-' || d.id, d.id FROM seed d ORDER BY d.id;
INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id)
SELECT d.tenant_id, message_id(d.id, d.subscription_id), d.id, d.subscription_id, d.connection_id FROM seed d ORDER BY d.id;
INSERT INTO queue (tenant_id, subscription_id, message_id, due_at)
SELECT d.tenant_id, d.subscription_id, message_id(d.id, d.subscription_id), d.at FROM seed d ORDER BY d.id;
VACUUM ANALYZE event, message, queue;
CHECKPOINT;
