/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standards 3.2: what a hostile receiver can cost a worker. Each attack ends with its own class of
 * failure, gives its slot back by the timeout, and leaves no memory behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk/clock.h"
#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/raw.h"

#define OK_HEAD    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

enum {
    TIMEOUT_MS = 1000,
    SLACK_MS = 2500, /* a crowded machine; the request of the message behind; its record */
    N_SETS = 3,      /* of subscriptions: ... */
    N_ROUNDS = 6,    /* ... none fails so often that it has to rest */
    MAX_GROWTH_KB = 5 * 1024,
};

/* clang-format off */
static const struct attack {
    const char *name;
    struct raw_answer answer;
    const char *outcome;
} attacks[] = {
    {"a body of 1 GB",           {HK_STR(OK_HEAD "content-length: 1073741824\r\n\r\n"), RAW_ENDLESS}, "succeeded"},
    {"a body without end",       {HK_STR(OK_HEAD "\r\n"), RAW_ENDLESS}, "succeeded"},
    {"a chunk without end",      {HK_STR(OK_HEAD "transfer-encoding: chunked\r\n\r\n7fffffff\r\n"), RAW_ENDLESS}, "succeeded"},
    {"chunks without end",       {HK_STR(OK_HEAD "transfer-encoding: chunked\r\n\r\n1\r\n"), RAW_DRIP}, "reset"},
    {"an extension without end", {HK_STR(OK_HEAD "transfer-encoding: chunked\r\n\r\n1;x="), RAW_ENDLESS}, "succeeded"},
    {"no chunk size",            {HK_STR(OK_HEAD "transfer-encoding: chunked\r\n\r\nxyz\r\n"), RAW_CLOSE}, "reset"},
    {"a gzip bomb",              {HK_STR(OK_HEAD "content-encoding: gzip\r\n\r\n\x1f\x8b\x08\x00"), RAW_ENDLESS}, "succeeded"},
    {"a body that drips",        {HK_STR(OK_HEAD "\r\n"), RAW_DRIP}, "succeeded"},
    {"a length that is none",    {HK_STR(OK_HEAD "content-length: -5\r\n\r\n"), RAW_CLOSE}, "protocol"},
    {"a length too long",        {HK_STR(OK_HEAD "content-length: 100\r\n\r\nhalf"), RAW_CLOSE}, "reset"},
    {"a reset in the body",      {HK_STR(OK_HEAD "content-length: 100\r\n\r\nhalf"), RAW_RESET}, "reset"},
    {"a flood of 1xx",           {HK_STR("HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"), RAW_FLOOD}, "protocol"},
    {"a flood of 100",           {HK_STR("HTTP/1.1 100 Continue\r\n\r\n"), RAW_FLOOD}, "protocol"},
    {"a flood of status lines",  {HK_STR("HTTP/1.1 200 OK\r\n"), RAW_FLOOD}, "protocol"},
    {"a field without end",      {HK_STR(OK_HEAD "x-long: "), RAW_ENDLESS}, "protocol"},
    {"a head that drips",        {HK_STR("HTTP/1.1 200 OK\r\nx-slow: "), RAW_DRIP}, "timeout"},
    {"silence",                  {HK_STR(""), RAW_SILENT}, "timeout"},
    {"silence in the head",      {HK_STR(OK_HEAD), RAW_SILENT}, "timeout"},
    {"no HTTP at all",           {HK_STR("SSH-2.0-x\r\n"), RAW_ENDLESS}, "protocol"},
    {"HTTP/0.9",                 {HK_STR("<html>"), RAW_ENDLESS}, "protocol"},
    {"a close without an answer", {HK_STR(""), RAW_CLOSE}, "reset"},
};
/* clang-format on */

struct world {
    struct harness *h;
    struct tenant *t;
    const char *app_id;
    unsigned n_good;
};

static struct world given_world(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};

    (void)given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.bad");
    given_event_type(h, w.t, "order.good");
    w.app_id = given_app(h, w.t, "acme");
    (void)given_connection(h, w.t, w.app_id, "c1");
    (void)given_subscription(h, w.t, w.app_id, "/good", "order.good");
    return w;
}

static const char *subscribe(struct world *w, const char *url)
{
    struct harness *h = w->h;
    struct reply reply =
        api_want(h, 201, w->t->admin, "POST", at(h, "/v1/apps/%s/subscriptions", w->app_id),
                 at(h, "{\"url\": \"%s\", \"event_types\": [\"order.bad\"], \"timeout_ms\": %d}",
                    url, TIMEOUT_MS));

    return at(h, "/v1/subscriptions/%s", reply_text(&reply, "id"));
}

static void archive(struct world *w, const char *subscription)
{
    (void)api_want(w->h, 204, w->t->admin, "DELETE", subscription, NULL);
}

/* The worker has one slot: what is behind the attack is sent when that has ended. */
static void test_each_attack_has_its_class_and_gives_its_slot_back_by_the_timeout(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    for (size_t i = 0; i < HK_COUNTOF(attacks); i++) {
        const char *subscription = subscribe(&w, raw_url(raw_receive(&attacks[i].answer, 1)));
        const char *path;
        int64_t start_ms = hk_mono_ms(), took_ms;
        struct reply attempt;

        path = message_path(h, w.t, publish(h, w.t, "order.bad", "c1", "{}"), NULL);
        (void)publish(h, w.t, "order.good", "c1", "{}");
        sinker_wait(h, "/good", ++w.n_good, 20000);
        took_ms = hk_mono_ms() - start_ms;
        if (took_ms > TIMEOUT_MS + SLACK_MS)
            fail_test("%s: its slot was free after %d ms", attacks[i].name, (int)took_ms);
        message_wait_attempts(h, w.t, path, 1);
        attempt = message_attempt(h, w.t, path, 1);
        if (strcmp(reply_text(&attempt, "outcome"), attacks[i].outcome) != 0)
            fail_test("%s: %s", attacks[i].name, reply_text(&attempt, "outcome"));
        archive(&w, subscription);
    }
}

/* ---- memory ---- */

enum { N_ATTACKS = HK_COUNTOF(attacks) };

/* One event for all of them at once; waits until each has been attempted. */
static void attack_with_all(struct world *w)
{
    const char *event_id = publish(w->h, w->t, "order.bad", "c1", "{}");
    struct reply list = api_want(w->h, 200, w->t->admin, "GET",
                                 at(w->h, "/v1/messages?event_id=%s", event_id), NULL);

    assert_int_equal(reply_count(&list, "data"), N_ATTACKS);
    for (size_t i = 0; i < N_ATTACKS; i++)
        message_wait_attempts(
            w->h, w->t, at(w->h, "/v1/messages/%s", reply_text(&list, at(w->h, "data.%zu.id", i))),
            1);
}

/* So many rounds to subscriptions that are new. */
static void attack_in_rounds(struct world *w, const char *const urls[N_ATTACKS], unsigned n_rounds)
{
    const char *subscriptions[N_ATTACKS];

    for (size_t i = 0; i < N_ATTACKS; i++)
        subscriptions[i] = subscribe(w, urls[i]);
    for (unsigned i = 0; i < n_rounds; i++)
        attack_with_all(w);
    for (size_t i = 0; i < N_ATTACKS; i++)
        archive(w, subscriptions[i]);
}

static long rss_kb(const struct harness *h)
{
    char *status = proc_read_file(at(h, "/proc/%d/status", (int)h->workers[0].pid));
    const char *line = strstr(status, "VmRSS:");
    long kb = line == NULL ? -1 : strtol(line + 6, NULL, 10);

    free(status);
    assert_true(kb > 0);
    return kb;
}

/* One round, so that what the worker keeps for good is there; then many. */
static void test_the_worker_s_memory_grows_by_5_MB_at_most(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *urls[N_ATTACKS];
    long before_kb, after_kb;

    for (size_t i = 0; i < N_ATTACKS; i++)
        urls[i] = raw_url(raw_receive(&attacks[i].answer, 1));
    attack_in_rounds(&w, urls, 1);
    before_kb = rss_kb(h);
    for (unsigned i = 0; i < N_SETS; i++)
        attack_in_rounds(&w, urls, N_ROUNDS);
    after_kb = rss_kb(h);
    print_message("VmRSS of the worker: %ld kB, %ld kB after %d attacks\n", before_kb, after_kb,
                  N_SETS * N_ROUNDS * N_ATTACKS);
    if (after_kb - before_kb > MAX_GROWTH_KB)
        fail_test("the worker has grown by %ld kB", after_kb - before_kb);
}

/* What is freed must not stay in a sanitizer's quarantine, which is no memory of the worker's. */
#define NO_QUARANTINE "ASAN_OPTIONS=quarantine_size_mb=0:thread_local_quarantine_size_kb=0"

static const char *const one_slot[] = {"HOOKLINE_WORKER_MAX_IN_FLIGHT=1", NULL};
static const char *const measured[] = {NO_QUARANTINE, NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_each_attack_has_its_class_and_gives_its_slot_back_by_the_timeout,
                     .env = one_slot),
        harness_test(test_the_worker_s_memory_grows_by_5_MB_at_most, .env = measured),
    };

    return cmocka_run_group_tests_name("hostile_slots", tests, NULL, NULL);
}
