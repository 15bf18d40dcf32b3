-- name: cursor_key_get
-- One row: the key that signs cursors. Seen in the context of the installation only.
SELECT i.secret FROM installation_secret i WHERE i.tenant_id = installation_id() AND i.name = 'cursor';
