/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing with an Idempotency-Key: one event, or one batch, however often it is posted. */
#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

#include "hk/clock.h"
#include "tests/support/check.h"

#define EVENT  "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {\"order\": 7}}"
#define HEADER "Idempotency-Key: k1\r\n"

enum { N_PARALLEL = 100, N_LARGE = 600, N_READ_BY_NOBODY = 1000, N_MANY = 300 };

static struct reply post(struct harness *h, const char *key, const char *idempotency_key,
                         const char *body)
{
    const char *const headers[] = {http_text(h->http, "Idempotency-Key: %s", idempotency_key),
                                   NULL};

    return api_send(h, key, "POST", "/v1/events", hk_str(body), headers);
}

static void assert_replay(struct harness *h, const struct reply *first, const struct reply *second)
{
    assert_int_equal(second->status, first->status);
    assert_string_equal(second->body, first->body);
    assert_string_equal(reply_header(h->http, second, "idempotency-replayed"), "true");
    assert_null(reply_header(h->http, first, "idempotency-replayed"));
}

static int64_t count(struct harness *h, const char *table)
{
    return db_int(h, "SELECT count(*) FROM hookline.%s", table);
}

static void test_an_event_is_stored_and_delivered_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first, second;

    (void)given_story(h, t, "/hook");
    first = post(h, t->producer, "k1", EVENT);
    assert_status(first, 202);
    assert_false(reply_bool(&first, "duplicate"));
    second = post(h, t->producer, "k1", EVENT);
    assert_replay(h, &first, &second);
    harness_kill_api(h);
    harness_restart_api(h);
    second = post(h, t->producer, "\"k1\"", EVENT);
    assert_replay(h, &first, &second);
    assert_int_equal(count(h, "event"), 1);
    sinker_wait(h, "/hook", 1, 10000);
    second = post(h, t->producer, "k2", EVENT);
    assert_status(second, 202);
    assert_string_not_equal(reply_text(&second, "id"), reply_text(&first, "id"));
    sinker_wait(h, "/hook", 2, 10000);
    assert_int_equal(sinker_count(h, "/hook"), 2);
}

static void test_another_body_with_the_key_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/hook");
    reply = post(h, t->producer, "k1", EVENT);
    assert_status(reply, 202);
    reply = post(h, t->producer, "k1",
                 "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}");
    assert_problem(h, reply, 422, "idempotency_mismatch", NULL);
    reply = post(h, t->producer, "a b", EVENT);
    assert_problem(h, reply, 400, "invalid_idempotency_key", NULL);
    assert_int_equal(count(h, "event"), 1);
}

static void test_a_refused_event_leaves_its_key_free(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/hook");
    reply = post(h, t->producer, "k1",
                 "{\"event_type\": \"order.paid\", \"company\": \"c2\", \"payload\": {}}");
    assert_problem(h, reply, 422, "invalid_body", "/company");
    assert_int_equal(count(h, "idempotency_key"), 0);
    reply = post(h, t->producer, "k1", EVENT);
    assert_status(reply, 202);
    assert_null(reply_header(h->http, &reply, "idempotency-replayed"));
}

/* More events than a statement of many requests takes, some of them refused before it or by it. */
static const char *large_batch(struct harness *h)
{
    const char *text = "", *part = "";

    for (unsigned i = 0; i < N_LARGE; i++) {
        const char *company = i % 100 == 99 ? "unknown" : "c1";

        part = http_text(h->http,
                         "%s%s{\"event_type\": \"order.paid\", \"company\": \"%s\","
                         " \"external_id\": \"x%u\", \"payload\": %u%s}",
                         part, i == 0 ? "" : ",", company, i / 2, i,
                         i % 100 == 50 ? ", \"what\": 1" : "");
        if (i % 50 == 49) { /* short texts are put together first */
            text = http_text(h->http, "%s%s", text, part);
            part = "";
        }
    }
    return http_text(h->http, "{\"events\": [%s]}", text);
}

static void test_a_batch_is_stored_as_a_whole_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *body = large_batch(h);
    struct reply first, second;

    (void)given_story(h, t, "/hook");
    first = post(h, t->producer, "k1", body);
    assert_status(first, 202);
    assert_int_equal(reply_count(&first, "data"), N_LARGE);
    assert_int_equal(reply_int(&first, "rejected"), N_LARGE / 100 * 2);
    assert_int_equal(reply_int(&first, "accepted"), count(h, "event"));
    assert_int_equal(reply_int(&first, "duplicates"),
                     N_LARGE - reply_int(&first, "rejected") - reply_int(&first, "accepted"));
    second = post(h, t->producer, "k1", body);
    assert_replay(h, &first, &second);
    assert_int_equal(reply_int(&first, "accepted"), count(h, "event"));
}

static void test_R_34_a_hundred_equal_posts_make_one_event(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply replies[N_PARALLEL];
    int fds[N_PARALLEL];
    unsigned n_first = 0;

    (void)given_story(h, t, "/hook");
    harness_start_other_api(h);
    for (size_t i = 0; i < N_PARALLEL; i++)
        fds[i] = raw_start_at(h, i % 2 == 0 ? h->api_url : h->other_api_url, t->producer, "POST",
                              "/v1/events", HEADER, EVENT);
    for (size_t i = 0; i < N_PARALLEL; i++)
        replies[i] = raw_finish(h, fds[i]);
    for (size_t i = 0; i < N_PARALLEL; i++) {
        assert_status(replies[i], 202);
        assert_string_equal(replies[i].body, replies[0].body);
        n_first += reply_header(h->http, &replies[i], "idempotency-replayed") == NULL;
    }
    assert_int_equal(n_first, 1);
    assert_int_equal(count(h, "event"), 1);
    sinker_wait(h, "/hook", 1, 10000);
}

/* As of another's batch that has stored it and not committed. False: somebody else holds it. */
static bool take_external_id(struct harness *h, struct tenant *t, struct pg_conn *session,
                             const char *external_id)
{
    PGresult *result = PQexec(
        session, http_text(h->http,
                           "INSERT INTO hookline.event_key (tenant_id, external_id, event_id)"
                           " VALUES ('%s', '%s', gen_random_uuid())",
                           t->id, external_id));
    bool is_taken = PQresultStatus(result) == PGRES_COMMAND_OK;

    PQclear(result);
    return is_taken;
}

/* A first one that is behind all others, more than a statement of many requests takes, the last. */
static const char *batch_out_of_order(struct harness *h)
{
    const char *text = "";

    for (unsigned i = 0; i < N_MANY; i++)
        text = http_text(h->http,
                         "%s%s{\"event_type\": \"order.paid\", \"company\": \"c1\","
                         " \"external_id\": \"x%u\", \"payload\": {}}",
                         text, i == 0 ? "" : ",", 999 - i);
    return http_text(h->http, "{\"events\": [%s]}", text);
}

/* All batches take the ids of events in one order; else one tenant stops everybody by deadlocks. */
static void test_a_batch_that_waits_for_an_external_id_holds_none_behind_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    char url[PG_URL_SIZE];
    PGconn *other;
    struct reply reply;
    int fd;

    (void)given_story(h, t, "/hook");
    pg_url(h->database, true, url);
    other = PQconnectdb(url);
    PQclear(PQexec(other, "BEGIN; SET LOCAL lock_timeout = '2s'"));
    assert_true(take_external_id(h, t, other, http_text(h->http, "x%u", 999 - (N_MANY - 1))));
    fd = raw_start_at(h, h->api_url, t->producer, "POST", "/v1/events", HEADER,
                      batch_out_of_order(h));
    assert_true(wait_until(db_has_waiting, h, 10000));
    assert_true(take_external_id(h, t, other, "x999"));
    PQfinish(other);
    reply = raw_finish(h, fd);
    assert_status(reply, 202);
    assert_int_equal(reply_int(&reply, "accepted"), N_MANY);
}

/* Who publishes without a key is not held up by those who wait for one. */
static void test_a_key_that_is_held_up_holds_nobody_else_up(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct pg_conn *lock;
    struct reply reply;
    int fds[5];

    (void)given_story(h, t, "/hook");
    lock = db_lock(h, "idempotency_key");
    for (size_t i = 0; i < HK_COUNTOF(fds); i++)
        fds[i] = raw_start_at(h, h->api_url, t->producer, "POST", "/v1/events", HEADER, EVENT);
    assert_true(wait_until(db_has_waiting, h, 10000));
    reply = api_call(h, t->producer, "POST", "/v1/events", EVENT);
    assert_status(reply, 202);
    db_unlock(lock);
    for (size_t i = 0; i < HK_COUNTOF(fds); i++) {
        reply = raw_finish(h, fds[i]);
        assert_status(reply, 202);
    }
    assert_int_equal(count(h, "event"), 2);
}

static bool all_are_stored(void *arg)
{
    return count(arg, "event") == N_READ_BY_NOBODY;
}

/* A reply that is larger than the buffers, and is not read: the transaction has ended all the same.
 */
static void test_who_does_not_read_its_reply_holds_nobody_up(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *one = "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}";
    const char *some = one, *body;
    int64_t began_ms;
    struct reply reply;
    int fd = http_raw_connect_small(h->api_url);

    (void)given_story(h, t, "/hook");
    for (int i = 1; i < 10; i++)
        some = http_text(h->http, "%s,%s", some, one);
    body = some;
    for (int i = 10; i < N_READ_BY_NOBODY; i += 10)
        body = http_text(h->http, "%s,%s", body, some);
    body = http_text(h->http, "{\"events\":[%s]}", body);
    body = http_text(h->http,
                     "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n" HEADER
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     t->producer, strlen(body), body);
    assert_true(http_raw_send(fd, body, strlen(body)));
    assert_true(wait_until(all_are_stored, h, 20000));

    began_ms = hk_mono_ms();
    reply = post(h, t->producer, "k2", EVENT);
    assert_status(reply, 202);
    assert_true(hk_mono_ms() - began_ms < 10000);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_an_event_is_stored_and_delivered_once),
        harness_test(test_another_body_with_the_key_is_refused),
        harness_test(test_a_refused_event_leaves_its_key_free),
        harness_test(test_who_does_not_read_its_reply_holds_nobody_up, .has_no_worker = true),
        harness_test(test_a_batch_is_stored_as_a_whole_once),
        harness_test(test_a_batch_that_waits_for_an_external_id_holds_none_behind_it),
        harness_test(test_R_34_a_hundred_equal_posts_make_one_event),
        harness_test(test_a_key_that_is_held_up_holds_nobody_else_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
