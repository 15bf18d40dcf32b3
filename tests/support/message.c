/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - see message.h. */
#include "tests/support/message.h"

#include <stdlib.h>
#include <time.h>

#include "hk/buf.h"

#define WAIT_MS   30000
#define MAX_BATCH 1000

const char *message_path(struct harness *h, const struct tenant *t, const char *event_id,
                         const char *subscription_id)
{
    struct reply reply;
    const char *path = http_text(h->http, "/v1/messages?event_id=%s%s%s", event_id,
                                 subscription_id == NULL ? "" : "&subscription_id=",
                                 subscription_id == NULL ? "" : subscription_id);

    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 1);
    return http_text(h->http, "/v1/messages/%s", reply_text(&reply, "data.0.id"));
}

void message_wait(struct harness *h, const struct tenant *t, const char *path, const char *status)
{
    api_wait_for(h, t->admin, path, "status", status, WAIT_MS);
}

void message_wait_attempts(struct harness *h, const struct tenant *t, const char *path, unsigned n)
{
    api_wait_for(h, t->admin, http_text(h->http, "%s/attempts/%u", path, n), "attempt_no",
                 http_text(h->http, "%u", n), WAIT_MS);
}

struct reply message_get(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply reply = api_call(h, t->admin, "GET", path, NULL);

    assert_status(reply, 200);
    return reply;
}

struct reply message_attempt(struct harness *h, const struct tenant *t, const char *path,
                             unsigned attempt_no)
{
    struct reply reply =
        api_call(h, t->admin, "GET", http_text(h->http, "%s/attempts/%u", path, attempt_no), NULL);

    assert_status(reply, 200);
    return reply;
}

unsigned message_n_attempts(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply reply =
        api_call(h, t->admin, "GET", http_text(h->http, "%s/attempts?limit=250", path), NULL);

    assert_status(reply, 200);
    return (unsigned)reply_count(&reply, "data");
}

unsigned message_count(struct harness *h, const struct tenant *t, const char *status)
{
    unsigned n = 0;
    const char *cursor = "";

    for (;;) {
        struct reply reply = api_call(
            h, t->admin, "GET",
            http_text(h->http, "/v1/messages?status=%s&limit=250%s", status, cursor), NULL);

        assert_status(reply, 200);
        n += (unsigned)reply_count(&reply, "data");
        if (reply_is_null(&reply, "next_cursor"))
            return n;
        cursor = http_text(h->http, "&cursor=%s", reply_text(&reply, "next_cursor"));
    }
}

int64_t message_time_ms(const char *rfc3339)
{
    struct tm tm = {0};
    const char *rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);

    assert_non_null(rest);
    return (int64_t)timegm(&tm) * 1000 + (*rest == '.' ? (int64_t)(strtod(rest, NULL) * 1000) : 0);
}

static void publish_batch(struct harness *h, const struct tenant *t, unsigned n)
{
    struct hk_buf body;
    struct reply reply;

    hk_buf_init(&body, 1u << 20);
    for (unsigned i = 0; i < n; i++)
        hk_buf_printf(&body,
                      "%s{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": %u}",
                      i == 0 ? "{\"events\": [" : ", ", i);
    hk_buf_add_text(&body, "]}");
    reply = api_send(h, t->producer, "POST", "/v1/events", hk_buf_str(&body), NULL);
    hk_buf_done(&body);
    assert_status(reply, 202);
    assert_int_equal(reply_int(&reply, "accepted"), n);
}

void publish_many(struct harness *h, const struct tenant *t, unsigned n)
{
    for (unsigned done = 0; done < n; done += MAX_BATCH)
        publish_batch(h, t, n - done < MAX_BATCH ? n - done : MAX_BATCH);
}
