-- Payloads that are erased on request (POST /v1/events/{id}/expunge): see docs/adr/0031-retention.md.
-- Locks: none that anybody waits for. Time: instant.

-- Of an expunged event's attempts: what a receiver has echoed. What is recorded later, a worker clears.
GRANT UPDATE (response_headers, response_body, request_headers, error) ON attempt TO hookline_api, hookline_worker;
GRANT SELECT, INSERT, UPDATE ON retained_event TO hookline_api;
