/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that need more than one statement (256 events each) and have events that are refused at
 * the places where a statement ends. One connection: the next statement waits for the one before.
 */
#include "hk/buf.h"
#include "tests/support/message.h"

#define STATEMENT 256

/* `kinds`: a letter for each event, 'g' good, 'b' bad (no company), 'u' unknown company. */
static struct reply publish_kinds(struct harness *h, const struct tenant *t, const char *kinds)
{
    struct hk_buf body;
    struct reply reply;

    hk_buf_init(&body, 1u << 20);
    for (size_t i = 0; kinds[i] != '\0'; i++) {
        const char *company = kinds[i] == 'b'   ? ""
                              : kinds[i] == 'u' ? "\"company\": \"nobody\", "
                                                : "\"company\": \"c1\", ";

        hk_buf_printf(&body, "%s{\"event_type\": \"order.paid\", %s\"payload\": %zu}",
                      i == 0 ? "{\"events\": [" : ", ", company, i);
    }
    hk_buf_add_text(&body, "]}");
    reply = api_send(h, t->producer, "POST", "/v1/events", hk_buf_str(&body), NULL);
    hk_buf_done(&body);
    assert_status(reply, 202);
    return reply;
}

/* The batch: `n` good ones, and what comes before, between and after. */
static void publish_checked(struct harness *h, const struct tenant *t, const char *before,
                            unsigned n, const char *after)
{
    char kinds[1001];
    size_t n_before = strlen(before), n_after = strlen(after);
    struct reply reply;

    memcpy(kinds, before, n_before);
    memset(kinds + n_before, 'g', n);
    memcpy(kinds + n_before + n, after, n_after + 1);
    reply = publish_kinds(h, t, kinds);
    assert_int_equal(reply_int(&reply, "accepted"), n);
    assert_int_equal(reply_int(&reply, "rejected"), n_before + n_after);
    for (size_t i = 0; kinds[i] != '\0'; i++)
        assert_int_equal(reply_has(&reply, http_text(h->http, "data.%zu.id", i)), kinds[i] == 'g');
}

static void test_refused_events_behind_a_full_statement_outlive_nobody(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/hook");
    for (int i = 0; i < 10; i++) {
        publish_checked(h, t, "", STATEMENT, "b");
        publish_checked(h, t, "bb", STATEMENT, "bbbb");
        publish_checked(h, t, "", 2 * STATEMENT, "bbb");
        publish_checked(h, t, "uu", STATEMENT - 2, "ub");
    }
    sinker_wait(h, "/hook", 10 * (5 * STATEMENT - 2), 60000);
    reply = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&reply, "duplicates"), 0);
}

static void test_a_batch_with_nothing_good_stores_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/hook");
    reply = api_call(h, t->producer, "POST", "/v1/events",
                     "{\"events\": [{\"event_type\": \"order.paid\", \"payload\": 1},"
                     " {\"event_type\": \"none\", \"company\": \"c1\", \"payload\": 1}]}");
    assert_status(reply, 422);
    assert_int_equal(reply_count(&reply, "errors"), 2);
    assert_string_equal(reply_text(&reply, "errors.0.pointer"), "/events/0/company");
    assert_string_equal(reply_text(&reply, "errors.1.pointer"), "/events/1/event_type");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 0);
}

static const char *const one_connection[] = {"HOOKLINE_API_INGEST_CONNECTIONS=1", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_refused_events_behind_a_full_statement_outlive_nobody,
                     .env = one_connection),
        harness_test(test_a_batch_with_nothing_good_stores_nothing),
    };

    return cmocka_run_group_tests_name("ingest_refused", tests, NULL, NULL);
}
