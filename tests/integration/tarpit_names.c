/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host whose name server never answers (tests/bench/names.c) takes no more than its share of
 * a worker.
 */
#include "tests/support/message.h"

/* The programs may be built with ASan, which wants to be the first library. */
#define WITH_SLOW_NAMES                                                                            \
    .env = (const char *const[])                                                                   \
    {                                                                                              \
        "LD_PRELOAD=" HOOKLINE_SLOW_NAMES, "ASAN_OPTIONS=verify_asan_link_order=0", NULL           \
    }

static bool is_sending(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue WHERE leased") > 0;
}

/* A tenant whose only subscription leads to that name. */
static struct tenant *given_tarpit(struct harness *h)
{
    struct tenant *t = given_tenant(h);
    const char *app_id;
    struct reply reply;

    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    app_id = given_app(h, t, "acme");
    (void)given_connection(h, t, app_id, "c1");
    reply = api_call(h, t->partner, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                     "{\"url\": \"http://tarpit.example/\", \"event_types\": [\"order.paid\"]}");
    assert_status(reply, 201);
    return t;
}

static void test_R_21_a_name_server_that_never_answers_does_not_hold_up_others(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tarpit(h), *other = given_tenant(h);
    struct reply stats;

    (void)given_story(h, other, "/healthy");
    publish_many(h, t, 2000);
    assert_true(wait_until(is_sending, h, 10000));
    publish_many(h, other, 200);
    sinker_wait(h, "/healthy", 200, 10000);
    stats = sinker_stats(h, "/healthy");
    assert_int_equal(reply_int(&stats, "distinct_ids"), 200);
    assert_true(reply_int(&stats, "latency_us.p99") < 3000000); /* of a crowded machine */
    harness_kill_worker(h, 0); /* or its threads would be waited for: the name takes 20 s */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_21_a_name_server_that_never_answers_does_not_hold_up_others,
                     WITH_SLOW_NAMES),
    };

    return cmocka_run_group_tests_name("tarpit_names", tests, NULL, NULL);
}
