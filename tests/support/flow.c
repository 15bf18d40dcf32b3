/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/flow.h"

const char *given_flow(struct harness *h, const struct tenant *t, const char *app_id,
                       const char *name, const char *members)
{
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/flows",
                 "{\"app_id\": \"%s\", \"name\": \"%s\", \"credential\": {\"kind\": \"none\"}%s%s}",
                 app_id, name, members[0] == '\0' ? "" : ", ", members);

    assert_status(reply, 201);
    return reply_text(&reply, "id");
}

/* What api/inbound.sql stores. */
static const char *store(struct harness *h, const char *flow_id, const char *content_type,
                         const char *payload, const char *body)
{
    return db_text(
        h,
        "WITH f AS (SELECT * FROM hookline.flow WHERE id = '%s'), e AS ("
        "    INSERT INTO hookline.event (tenant_id, id, event_type, payload, body, request)"
        "    SELECT tenant_id, hookline.uuid_v7(), 'flow.request', $p$%s$p$, %s,"
        "           json_build_object('version', version, 'method', 'POST', 'query', 'a=1',"
        "                             'headers', '[[\"Content-Type\", \"%s\"],"
        " [\"Authorization\", \"Bearer s3cret\"]]'::json, 'content_type', '%s',"
        "                             'remote_address', '127.0.0.1')"
        "      FROM f RETURNING tenant_id, id"
        "), m AS ("
        "    INSERT INTO hookline.message (tenant_id, id, event_id, subscription_id)"
        "    SELECT e.tenant_id, hookline.message_id(e.id, f.id), e.id, f.id FROM e, f"
        "    RETURNING tenant_id, id, subscription_id"
        "), q AS ("
        "    INSERT INTO hookline.queue (tenant_id, subscription_id, message_id, due_at, "
        "pulled_until)"
        "    SELECT m.tenant_id, m.subscription_id, m.id,"
        "           CASE f.delivery WHEN 'pull' THEN 'infinity' ELSE now() END,"
        "           CASE f.delivery WHEN 'pull' THEN now() END FROM m, f"
        ") SELECT id FROM m",
        flow_id, payload, body, content_type, content_type);
}

const char *given_run(struct harness *h, const char *flow_id, const char *body)
{
    return store(h, flow_id, "application/json", body, "NULL");
}

const char *given_run_of(struct harness *h, const char *flow_id, const char *content_type,
                         const char *body)
{
    return store(h, flow_id, content_type, "null",
                 http_text(h->http, "convert_to($b$%s$b$, 'UTF8')", body));
}
