/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/flow.h"

#define WAIT_MS 20000

/* "{...}" quoted for SQL. */
static const char *quote(struct harness *h, const char *text)
{
    const char *tag = strstr(text, "$$") == NULL ? "" : "hk";

    return http_text(h->http, "$%s$%s$%s$", tag, text, tag);
}

const char *given_flow(struct harness *h, const struct tenant *t, const char *app_id,
                       const char *steps)
{
    return db_text(
        h,
        "SET search_path = hookline;"
        "WITH made AS (INSERT INTO subscription (tenant_id, app_id, url, kind, event_types, "
        "profile,"
        "                                        allows_http)"
        "    SELECT '%s', '%s', 'flow:' || n, 'flow', '{}', 'standard', true"
        "      FROM (SELECT count(*) AS n FROM subscription) s"
        " RETURNING tenant_id, id, app_id), flows AS ("
        "    INSERT INTO flow (tenant_id, id, app_id, name, token, credential, answer, steps)"
        "    SELECT tenant_id, id, app_id, id::text, 'token', '{\"kind\":\"none\"}', '{}', %s"
        "      FROM made RETURNING tenant_id, id, steps), versions AS ("
        "    INSERT INTO flow_version (tenant_id, flow_id, version, steps)"
        "    SELECT tenant_id, id, 1, steps FROM flows)"
        " SELECT id FROM made",
        t->id, app_id, quote(h, steps));
}

void flow_change_steps(struct harness *h, const struct tenant *t, const char *flow_id,
                       const char *steps)
{
    (void)db_text(
        h,
        "WITH changed AS (UPDATE hookline.flow SET version = version + 1, steps = %s"
        "     WHERE tenant_id = '%s' AND id = '%s' RETURNING tenant_id, id, version, steps)"
        " INSERT INTO hookline.flow_version (tenant_id, flow_id, version, steps)"
        " SELECT tenant_id, id, version, steps FROM changed",
        quote(h, steps), t->id, flow_id);
}

static const char *request(struct harness *h, const struct tenant *t, const char *flow_id,
                           const char *content_type, const char *payload, const char *body)
{
    return db_text(
        h,
        "SET search_path = hookline;"
        "WITH stored AS (INSERT INTO event (tenant_id, id, event_type, payload, body, request)"
        "    SELECT f.tenant_id, uuid_v7(), 'flow.request', %s, %s,"
        "           json_build_object('version', f.version, 'method', 'POST', 'path', '/in/x',"
        "                             'query', 'a=1', 'content_type', '%s', 'headers',"
        "                             json_build_array(json_build_array('x-kind', 'test')))"
        "      FROM flow f WHERE f.tenant_id = '%s' AND f.id = '%s'"
        " RETURNING tenant_id, id), made AS ("
        "    INSERT INTO message (tenant_id, id, event_id, subscription_id)"
        "    SELECT tenant_id, message_id(id, '%s'), id, '%s' FROM stored RETURNING *), queued AS ("
        "    INSERT INTO queue (tenant_id, subscription_id, message_id, due_at)"
        "    SELECT tenant_id, subscription_id, id, now() FROM made)"
        " SELECT id FROM made, pg_notify('hookline_due', '')",
        quote(h, payload), body, content_type, t->id, flow_id, flow_id, flow_id);
}

const char *flow_request(struct harness *h, const struct tenant *t, const char *flow_id,
                         const char *payload)
{
    return request(h, t, flow_id, "application/json", payload, "NULL");
}

const char *flow_request_body(struct harness *h, const struct tenant *t, const char *flow_id,
                              const char *content_type, const char *bytea)
{
    return request(h, t, flow_id, content_type, "null", bytea);
}

void flow_signal(struct harness *h, const struct tenant *t, const char *flow_id, const char *key,
                 const char *payload)
{
    (void)db_text(h,
                  "SET search_path = hookline; SET ROLE hookline_ingest;"
                  "WITH made AS MATERIALIZED (SELECT uuid_v7() AS id),"
                  " stored AS (INSERT INTO event (tenant_id, id, event_type, payload, request)"
                  "    SELECT '%s', m.id, 'flow.signal', %s,"
                  "           '{\"version\":1,\"method\":\"POST\",\"headers\":[]}'"
                  "      FROM made m)"
                  " SELECT flow_signal_arrive('%s', '%s', '%s', m.id)"
                  "   FROM made m, pg_notify('hookline_due', '')",
                  t->id, quote(h, payload), t->id, flow_id, key);
}

struct ending {
    struct harness *h;
    const char *run_id, *what, *wanted;
};

static bool is_so(void *arg)
{
    const struct ending *ending = arg;
    const char *now = db_text(ending->h, "%s", ending->what);

    return now != NULL && strcmp(now, ending->wanted) == 0;
}

static void wait_for(struct harness *h, const char *run_id, const char *what, const char *wanted)
{
    struct ending ending = {h, run_id, what, wanted};

    if (!wait_until(is_so, &ending, WAIT_MS))
        fail_test("the run is \"%s\", not \"%s\"; %s", db_text(h, "%s", what), wanted,
                  run_story(h, run_id));
}

void run_wait_ended(struct harness *h, const char *run_id, const char *status, const char *reason)
{
    const char *what = http_text(h->http,
                                 "SELECT status || ' ' || coalesce(status_reason, '-')"
                                 " FROM hookline.message WHERE id = '%s'",
                                 run_id);

    wait_for(h, run_id, what, http_text(h->http, "%s %s", status, reason == NULL ? "-" : reason));
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.queue WHERE message_id = '%s'", run_id), 0);
}

void run_wait_waiting(struct harness *h, const char *run_id)
{
    const char *what = http_text(h->http,
                                 "SELECT count(*) FROM hookline.run r JOIN hookline.queue q"
                                 "    ON q.message_id = r.message_id AND NOT q.leased"
                                 " WHERE r.message_id = '%s' AND r.wait_key IS NOT NULL",
                                 run_id);

    wait_for(h, run_id, what, "1");
}

const char *run_story(struct harness *h, const char *run_id)
{
    return db_text(h,
                   "SELECT coalesce(string_agg(concat(step_name, ':', outcome), ' '"
                   "                           ORDER BY attempt_no), '')"
                   "  FROM hookline.attempt WHERE message_id = '%s'",
                   run_id);
}

const char *run_output(struct harness *h, const char *run_id, const char *step_name)
{
    return db_text(h,
                   "SELECT step_output FROM hookline.attempt"
                   " WHERE message_id = '%s' AND step_name = '%s' ORDER BY attempt_no DESC LIMIT 1",
                   run_id, step_name);
}
