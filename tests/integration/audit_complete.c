/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever route changes something, the audit log tells of it, with the one who did it. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/isolation_world.h"

/* What succeeds without changing anything that a tenant keeps: its place is the delivery log, or
 * nowhere. */
static const char *const silent[] = {
    "POST /v1/events",
    "POST /v1/event_types/:name/validate",
    "POST /v1/test-messages",
    "POST /notifications/messages/test",
    "POST /oauth/token",
    "POST /v1/backfills/:backfill_id/cancel", /* that of the world has ended */
    "POST /v1/replays/:replay_id/cancel",
    "POST /v1/subscriptions/:subscription_id/preview",
    "POST /v1/flows/:flow_id/receive", /* their place is the delivery log */
    "POST /v1/flows/:flow_id/ack",
    "POST /v1/flows/:flow_id/nack",
};

static bool is_silent(const struct listed_route *route)
{
    for (size_t i = 0; i < HK_COUNTOF(silent); i++) {
        size_t n = strcspn(silent[i], " ");

        if (strlen(route->method) == n && memcmp(silent[i], route->method, n) == 0 &&
            strcmp(silent[i] + n + 1, route->path) == 0)
            return true;
    }
    return false;
}

/* The first answer of a caller that the route is for. */
static struct reply ask_own(struct harness *h, const struct world *w,
                            const struct listed_route *route)
{
    const char *const keys[] = {w->t->admin, w->t->partner, w->t->support, h->operator_key};
    const char *path = path_of(h, route, &w->own);
    struct reply reply = {0};

    assert_non_null(path);
    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        reply = api_send(h, keys[i], route->method, path, hk_str(body_of(route)), NULL);
        if (reply.status != 403)
            break;
    }
    return reply;
}

static unsigned check_routes(struct harness *h, const struct world *w, bool wants_delete)
{
    unsigned n_checked = 0;

    for (size_t i = 0; i < w->n_routes; i++) {
        /* What others stand on comes first in the list, and goes last. */
        const struct listed_route *route = &w->routes[wants_delete ? w->n_routes - 1 - i : i];
        int64_t n_lines = db_int(h, "SELECT count(*) FROM hookline.audit_log");
        struct reply reply;

        if (strcmp(route->method, "GET") == 0 || strcmp(route->scope, "public") == 0 ||
            (strcmp(route->method, "DELETE") == 0) != wants_delete)
            continue;
        reply = ask_own(h, w, route);
        if (reply.status > 299 || is_silent(route))
            continue;
        n_checked++;
        if (db_int(h, "SELECT count(*) FROM hookline.audit_log") == n_lines)
            fail_test("%s %s leaves no line in the audit log", route->method, route->path);
    }
    return n_checked;
}

static void test_every_change_is_in_the_audit_log_with_its_actor(void **state)
{
    struct harness *h = *state;
    unsigned n_checked;
    struct world w;

    given_world(h, &w);
    n_checked = check_routes(h, &w, false) + check_routes(h, &w, true);
    if (n_checked < 45)
        fail_test("only %u routes changed something: give isolation_world.c bodies", n_checked);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE actor !~ '^((key|client|user|issuer):|worker )'"
                               "   AND actor <> 'hookline keys create'"),
                     0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE object_id = ''"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_every_change_is_in_the_audit_log_with_its_actor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
