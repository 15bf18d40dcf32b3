/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - see target.h. */
#include "tests/support/target.h"

#include "tests/support/check.h"

void expect_problem(struct harness *h, struct reply reply, int status, const char *slug,
                    const char *pointer)
{
    assert_problem(h, reply, status, slug, pointer);
}

const char *given_target(struct harness *h, struct tenant *t)
{
    const char *app_id;

    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    app_id = given_app(h, t, "acme");
    (void)given_connection(h, t, app_id, "c1");
    return http_text(h->http, "/v1/apps/%s/subscriptions", app_id);
}

const char *target_subscribe(struct harness *h, const struct tenant *t, const char *target,
                             const char *path, const char *more)
{
    struct reply reply = api_call(h, t->partner, "POST", target,
                                  "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]%s}",
                                  sinker_url(h, path), more);

    assert_status(reply, 201);
    return http_text(h->http, "/v1/subscriptions/%s", reply_text(&reply, "id"));
}

struct reply target_act(struct harness *h, const struct tenant *t, const char *path,
                        const char *action)
{
    return api_call(h, t->partner, "POST", http_text(h->http, "%s/%s", path, action), NULL);
}

void target_wait_active(struct harness *h, const struct tenant *t, const char *path)
{
    api_wait_for(h, t->partner, path, "state", "active", 5000);
}
