/* SPDX-License-Identifier: Apache-2.0 */
/* An Idempotency-Key when many ask at once, in two processes, and when one of them is killed. */
#include <string.h>

#include "tests/support/check.h"

#define COMPANY "{\"external_id\": \"c1\", \"name\": \"One\"}"
#define EVENT   "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {\"order\": 7}}"
#define HEADER  "Idempotency-Key: k1\r\n"

enum { N_PARALLEL = 100 };

static int64_t count(struct harness *h, const char *table)
{
    return db_int(h, "SELECT count(*) FROM hookline.%s", table);
}

/* All at once, to two processes in turn: all answers are equal. */
static void post_in_parallel(struct harness *h, const char *key, const char *path, const char *body,
                             int wanted_status)
{
    struct reply replies[N_PARALLEL];
    int fds[N_PARALLEL];
    unsigned n_first = 0;

    for (size_t i = 0; i < N_PARALLEL; i++)
        fds[i] = raw_start_at(h, i % 2 == 0 ? h->api_url : h->other_api_url, key, "POST", path,
                              HEADER, body);
    for (size_t i = 0; i < N_PARALLEL; i++)
        replies[i] = raw_finish(h, fds[i]);
    for (size_t i = 0; i < N_PARALLEL; i++) {
        assert_status(replies[i], wanted_status);
        assert_string_equal(replies[i].body, replies[0].body);
        n_first += reply_header(h->http, &replies[i], "idempotency-replayed") == NULL;
    }
    assert_int_equal(n_first, 1);
}

static void test_R_34_a_hundred_equal_posts_make_one_company(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    harness_start_other_api(h);
    post_in_parallel(h, t->admin, "/v1/companies", COMPANY, 201);
    assert_int_equal(count(h, "company"), 1);
    assert_int_equal(count(h, "idempotency_key"), 1);
}

/* From now on who wants to keep a reply waits for db_lock(h, "gate"). */
static void build_gate(struct harness *h)
{
    (void)db_text(h, "CREATE TABLE hookline.gate ()");
    (void)db_text(h, "GRANT SELECT ON hookline.gate TO PUBLIC");
    (void)db_text(h, "CREATE FUNCTION hookline.pass_gate() RETURNS trigger LANGUAGE plpgsql AS"
                     " $$BEGIN PERFORM FROM hookline.gate; RETURN NEW; END$$");
    (void)db_text(h, "CREATE TRIGGER pass_gate BEFORE UPDATE ON hookline.idempotency_key"
                     " FOR EACH ROW EXECUTE FUNCTION hookline.pass_gate()");
}

static void test_R_02_killed_before_the_commit_it_leaves_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct pg_conn *gate;
    struct reply reply;
    int fd;

    build_gate(h);
    gate = db_lock(h, "gate");
    fd = raw_start_at(h, h->api_url, t->admin, "POST", "/v1/companies", HEADER, COMPANY);
    assert_true(wait_until(db_has_waiting, h, 10000)); /* the company is made, not committed */
    harness_kill_api(h);
    db_unlock(gate);
    reply = raw_finish(h, fd);
    assert_int_equal(reply.status, 0);
    harness_restart_api(h);
    reply = api_send(h, t->admin, "POST", "/v1/companies", HK_STR(COMPANY),
                     (const char *const[]){"Idempotency-Key: k1", NULL});
    assert_status(reply, 201);
    assert_int_equal(count(h, "company"), 1);
}

static void test_who_comes_second_waits_for_the_first_but_not_for_ever(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct pg_conn *gate;
    struct reply first, second, third;
    int fd, second_fd;

    harness_start_other_api(h);
    build_gate(h);
    gate = db_lock(h, "gate");
    fd = raw_start_at(h, h->api_url, t->admin, "POST", "/v1/companies", HEADER, COMPANY);
    assert_true(wait_until(db_has_waiting, h, 10000));
    second_fd =
        raw_start_at(h, h->other_api_url, t->admin, "POST", "/v1/companies", HEADER, COMPANY);
    second = raw_finish(h, second_fd); /* 4 s */
    assert_problem(h, second, 409, "idempotency_in_progress", NULL);
    assert_string_equal(reply_header(h->http, &second, "retry-after"), "1");
    second_fd =
        raw_start_at(h, h->other_api_url, t->admin, "POST", "/v1/companies", HEADER, COMPANY);
    db_unlock(gate);
    first = raw_finish(h, fd);
    third = raw_finish(h, second_fd);
    assert_status(first, 201);
    assert_status(third, 201);
    assert_string_equal(third.body, first.body);
    assert_int_equal(count(h, "company"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_34_a_hundred_equal_posts_make_one_company),
        harness_test(test_R_02_killed_before_the_commit_it_leaves_nothing),
        harness_test(test_who_comes_second_waits_for_the_first_but_not_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
