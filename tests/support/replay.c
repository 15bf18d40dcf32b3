/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

const char *const replay_env[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000",
                                  "HOOKLINE_WORKER_LEASE_MS=2000", NULL};

struct counted {
    const struct replay_world *w;
    const char *path;
    int64_t n;
};

static bool queue_is_empty(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.queue") == 0;
}

void make_fail(const struct replay_world *w, unsigned n)
{
    sinker_rule(w->h, "/hook", "{\"then\": {\"status\": 422}}");
    publish_many(w->h, w->t, n);
    assert_true(wait_until(queue_is_empty, w->h, REPLAY_SOON_MS));
    sinker_rule(w->h, "/hook", "{\"then\": {\"status\": 200}}");
}

struct replay_world given_failed(struct harness *h, unsigned n)
{
    struct replay_world w = {.h = h, .t = given_tenant(h)};

    w.hook = given_story(h, w.t, "/hook");
    (void)api_want(h, 200, w.t->admin, "PATCH",
                   http_text(h->http, "/v1/subscriptions/%s", w.hook.id),
                   "{\"overrides\": {\"schedule\": \"1s\"}}");
    make_fail(&w, n);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'failed'"), n);
    return w;
}

const char *replay_ask(const struct replay_world *w, const char *body_format, ...)
{
    char body[1024];
    struct reply reply;
    va_list arguments;

    va_start(arguments, body_format);
    (void)vsnprintf(body, sizeof(body), body_format, arguments);
    va_end(arguments);
    reply = api_want(w->h, 201, w->t->support, "POST", "/v1/replays", body);
    return http_text(w->h->http, "/v1/replays/%s", reply_text(&reply, "id"));
}

const char *replay_recover(const struct replay_world *w, const char *more)
{
    return replay_ask(w,
                      "{\"recover\": {\"subscription_id\": \"%s\","
                      " \"since\": \"2020-01-01T00:00:00Z\"}%s}",
                      w->hook.id, more);
}

struct reply replay_get(const struct replay_world *w, const char *path)
{
    return api_want(w->h, 200, w->t->support, "GET", path, NULL);
}

struct reply replay_do(const struct replay_world *w, const char *path, const char *action,
                       const char *body)
{
    return api_want(w->h, 200, w->t->support, "POST", http_text(w->h->http, "%s/%s", path, action),
                    body);
}

void replay_wait(const struct replay_world *w, const char *path, const char *state)
{
    api_wait_for(w->h, w->t->support, path, "state", state, REPLAY_SOON_MS);
}

static bool has_replayed(void *arg)
{
    const struct counted *counted = arg;
    struct reply reply = replay_get(counted->w, counted->path);

    return reply_int(&reply, "replayed") >= counted->n;
}

void replay_wait_for(const struct replay_world *w, const char *path, int64_t n_replayed)
{
    struct counted counted = {w, path, n_replayed};

    assert_true(wait_until(has_replayed, &counted, REPLAY_SOON_MS));
}

/* How many the list has of that outcome. */
static int64_t count_listed(const struct replay_world *w, const char *path, const char *outcome)
{
    const char *cursor = "";
    int64_t n = 0;

    for (;;) {
        struct reply reply = replay_get(
            w, http_text(w->h->http, "%s/messages?outcome=%s&limit=250%s", path, outcome, cursor));

        n += (int64_t)reply_count(&reply, "data");
        if (reply_is_null(&reply, "next_cursor"))
            return n;
        cursor = http_text(w->h->http, "&cursor=%s", reply_text(&reply, "next_cursor"));
    }
}

void replay_check(const struct replay_world *w, const char *path)
{
    struct reply reply = replay_get(w, path);
    int64_t replayed = reply_int(&reply, "replayed"), skipped = reply_int(&reply, "skipped"),
            remaining = reply_int(&reply, "remaining");
    const char *id = strrchr(path, '/') + 1;

    assert_int_equal(reply_int(&reply, "planned"), replayed + skipped + remaining);
    assert_int_equal(count_listed(w, path, "replayed"), replayed);
    assert_int_equal(count_listed(w, path, "skipped"), skipped);
    assert_int_equal(count_listed(w, path, "remaining"), remaining);
    assert_int_equal(
        db_int(w->h, "SELECT count(*) FROM hookline.message WHERE replay_id = '%s'", id), replayed);
    assert_int_equal(db_int(w->h,
                            "SELECT count(DISTINCT (event_id, subscription_id))"
                            "  FROM hookline.message WHERE replay_id = '%s'",
                            id),
                     replayed);
}
