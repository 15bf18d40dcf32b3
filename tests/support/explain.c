/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/explain.h"

#include <string.h>

#include "tests/support/check.h"

static const char *path_of(struct harness *h, const char *event_id, const char *subscription_id)
{
    return http_text(h->http, "/v1/events/%s/explain?subscription_id=%s", event_id,
                     subscription_id);
}

struct reply explain(struct harness *h, const char *key, const char *event_id,
                     const char *subscription_id)
{
    struct reply reply = api_want(h, 200, key, "GET", path_of(h, event_id, subscription_id), NULL);

    if (reply_count(&reply, "data") != 1)
        fail_test("%s: %s", reply.request, reply.body);
    return reply;
}

/* What was seen is what is returned: a moment later it may be another reason. */
struct awaited {
    struct harness *h;
    const char *key, *event_id, *subscription_id, *reason;
    struct reply reply;
};

static bool is_explained_so(void *arg)
{
    struct awaited *a = arg;

    a->reply = explain(a->h, a->key, a->event_id, a->subscription_id);
    return strcmp(reply_text(&a->reply, EXPLAINED "reason"), a->reason) == 0;
}

struct reply explain_wait(struct harness *h, const char *key, const char *event_id,
                          const char *subscription_id, const char *reason)
{
    struct awaited awaited = {h, key, event_id, subscription_id, reason, {0}};

    if (!wait_until(is_explained_so, &awaited, 20000))
        fail_test("not %s: %s", reason, awaited.reply.body);
    return awaited.reply;
}

void explain_check(const struct reply *reply, const char *reason, const char *words,
                   const char *file, int line)
{
    if (strcmp(reply_text(reply, EXPLAINED "reason"), reason) != 0 ||
        strstr(reply_text(reply, EXPLAINED "explanation"), words) == NULL)
        harness_fail(file, line, "not %s, \"%s\": %s", reason, words, reply->body);
}

const char *explain_time(struct harness *h, const char *rfc3339)
{
    return http_text(h->http, "%.10s %.5s UTC", rfc3339, rfc3339 + 11);
}
