/* SPDX-License-Identifier: Apache-2.0 */
/* One worker serves several cells: fairly, and none pays for another that is away. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cell.h"
#include "tests/support/message.h"

#define B 0 /* the cell "b" */

/* A tenant in each of the two cells, with stories at /a and /b. */
struct world {
    struct tenant *in_home, *in_b;
};

static struct world given_world(struct harness *h)
{
    struct world world = {given_tenant(h), given_tenant_in(h, "b")};

    (void)given_story(h, world.in_home, "/a");
    (void)given_story(h, world.in_b, "/b");
    return world;
}

/* ---- both are served ---- */

#define N_SUCCEEDED "SELECT count(*) FROM hookline.message WHERE status = 'succeeded'"

static bool is_recorded_everywhere(void *arg)
{
    return db_int(arg, N_SUCCEEDED) == 30 && cell_int(arg, B, N_SUCCEEDED) == 20;
}

static void test_a_worker_delivers_what_all_cells_have(void **state)
{
    struct harness *h = *state;
    struct world world = given_world(h);
    struct reply stats;

    publish_many(h, world.in_b, 20);
    publish_many(h, world.in_home, 30);
    sinker_wait(h, "/a", 30, 10000);
    sinker_wait(h, "/b", 20, 10000);
    stats = sinker_stats(h, NULL);
    assert_int_equal(reply_int(&stats, "distinct_ids"), 50);
    assert_int_equal(reply_int(&stats, "signature_invalid"), 0);
    assert_true(wait_until(is_recorded_everywhere, h, 10000));
}

/* ---- a cell is away ---- */

static void check_that_home_is_served(struct harness *h, const struct world *world, unsigned n_all)
{
    struct reply stats;

    publish_many(h, world->in_home, 20);
    sinker_wait(h, "/a", n_all, 10000);
    stats = sinker_stats(h, "/a");
    assert_true(reply_int(&stats, "latency_us.p99") < 3000000); /* of a crowded machine */
}

static void test_a_cell_that_is_down_leaves_others_alone_and_is_served_when_it_is_back(void **state)
{
    struct harness *h = *state;
    struct world world = given_world(h);

    sinker_rule(h, "/b", "{\"replies\": [{\"status\": 200}, {\"status\": 500}]}");
    publish_many(h, world.in_b, 2); /* one of them is to be sent again, 5 s later */
    sinker_wait(h, "/b", 2, 10000);
    cell_down(h, B);
    check_that_home_is_served(h, &world, 20);
    cell_up(h, B);
    sinker_wait(h, "/b", 3, 20000);
    check_that_home_is_served(h, &world, 40);
    assert_non_null(strstr(harness_logs(h), "\"cell\":\"b\""));
}

static void test_a_worker_that_starts_without_a_cell_serves_it_when_it_comes(void **state)
{
    struct harness *h = *state;
    struct world world = given_world(h);

    publish_many(h, world.in_b, 5);
    cell_down(h, B);
    (void)harness_start_worker(h);
    check_that_home_is_served(h, &world, 20);
    assert_int_equal(sinker_count(h, "/b"), 0);
    cell_up(h, B);
    sinker_wait(h, "/b", 5, 20000);
}

/* A server that takes connections and never says a word. */
static int listen_silently(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void test_a_cell_that_never_answers_leaves_others_alone(void **state)
{
    struct harness *h = *state;
    struct world world = given_world(h);
    size_t n = strlen(h->cells_variable);
    int port, fd = listen_silently(&port);

    (void)snprintf(h->cells_variable + n, sizeof(h->cells_variable) - n,
                   "silent hookline host=127.0.0.1 port=%d dbname=none\n", port);
    (void)harness_start_worker(h);
    check_that_home_is_served(h, &world, 20);
    publish_many(h, world.in_b, 5);
    sinker_wait(h, "/b", 5, 10000);
    harness_stop_worker(h, 0); /* a drain does not wait for it */
    (void)close(fd);
}

/* The name of a host that nobody answers for: libpq would wait for it, and all cells with it. */
static void test_a_cell_whose_name_server_never_answers_leaves_others_alone(void **state)
{
    struct harness *h = *state;
    struct world world = given_world(h);
    size_t n = strlen(h->cells_variable);

    (void)snprintf(h->cells_variable + n, sizeof(h->cells_variable) - n,
                   "lost hookline host=tarpit.example dbname=none\n");
    (void)harness_start_worker(h);
    for (unsigned n_all = 20; n_all <= 100; n_all += 20)
        check_that_home_is_served(h, &world, n_all);
    harness_stop_worker(h, 0);
}

/* libpq was given the address that belongs to the name, and the port. */
static bool says_refused(void *arg)
{
    return strstr(harness_logs(arg), "server at \\\"127.0.0.1\\\", port 1 failed") != NULL;
}

static void test_a_cell_is_found_by_its_name(void **state)
{
    struct harness *h = *state;
    struct world world = given_world(h);
    size_t n = strlen(h->cells_variable);

    (void)snprintf(h->cells_variable + n, sizeof(h->cells_variable) - n,
                   "nobody hookline host=localhost,nowhere.invalid port=1 dbname=none\n");
    (void)harness_start_worker(h);
    check_that_home_is_served(h, &world, 20);
    assert_true(wait_until(says_refused, h, 10000));
    harness_stop_worker(h, 0);
}

/* ---- shares ---- */

static bool is_full(void *arg)
{
    struct reply stats = sinker_stats(arg, "/a");

    return reply_int(&stats, "open") >= 6;
}

static void test_a_cell_full_of_messages_for_a_tarpit_leaves_others_their_share(void **state)
{
    struct harness *h = *state;
    struct world world = given_world(h);
    struct reply stats;

    publish_many(h, world.in_home, 100); /* answered well: its window is open */
    sinker_wait(h, "/a", 100, 10000);
    sinker_rule(h, "/a", "{\"then\": {\"hang\": true}}");
    sinker_rule(h, "/b", "{\"then\": {\"status\": 200, \"delay_ms\": 100}}");
    publish_many(h, world.in_home, 2000);
    assert_true(wait_until(is_full, h, 10000));
    publish_many(h, world.in_b, 100);
    sinker_wait(h, "/b", 100, 15000); /* the tarpit's requests take 30 s each */
    stats = sinker_stats(h, "/b");
    assert_true(reply_int(&stats, "max_open") >= 4);
    harness_kill_worker(h, 0); /* else it waits for the tarpit */
}

/* ---- drain ---- */

static bool are_both_being_sent(void *arg)
{
    struct reply home = sinker_stats(arg, "/a"), b = sinker_stats(arg, "/b");

    return reply_int(&home, "open") == 3 && reply_int(&b, "open") == 3;
}

static void test_a_drain_ends_and_records_what_is_in_flight_of_all_cells(void **state)
{
    static const char n_succeeded[] = N_SUCCEEDED;
    struct harness *h = *state;
    struct world world = given_world(h);

    sinker_rule(h, "/a", "{\"then\": {\"status\": 200, \"delay_ms\": 1500}}");
    sinker_rule(h, "/b", "{\"then\": {\"status\": 200, \"delay_ms\": 1500}}");
    publish_many(h, world.in_home, 3);
    publish_many(h, world.in_b, 3);
    assert_true(wait_until(are_both_being_sent, h, 10000));
    harness_stop_worker(h, 0);
    assert_int_equal(db_int(h, "%s", n_succeeded), 3);
    assert_int_equal(cell_int(h, B, "%s", n_succeeded), 3);
    assert_non_null(strstr(harness_logs(h), "\"n_unfinished\":0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_worker_delivers_what_all_cells_have, .n_cells = 1),
        harness_test(test_a_cell_that_is_down_leaves_others_alone_and_is_served_when_it_is_back,
                     .n_cells = 1),
        harness_test(test_a_worker_that_starts_without_a_cell_serves_it_when_it_comes, .n_cells = 1,
                     .has_no_worker = true),
        harness_test(test_a_cell_that_never_answers_leaves_others_alone, .n_cells = 1,
                     .has_no_worker = true),
        harness_test(test_a_cell_whose_name_server_never_answers_leaves_others_alone, .n_cells = 1,
                     .has_no_worker = true,
                     .env = (const char *const[]){"LD_PRELOAD=" HOOKLINE_SLOW_NAMES,
                                                  "ASAN_OPTIONS=verify_asan_link_order=0", NULL}),
        harness_test(test_a_cell_is_found_by_its_name, .n_cells = 1, .has_no_worker = true),
        harness_test(test_a_cell_full_of_messages_for_a_tarpit_leaves_others_their_share,
                     .n_cells = 1,
                     .env = (const char *const[]){"HOOKLINE_WORKER_MAX_IN_FLIGHT=16", NULL}),
        harness_test(test_a_drain_ends_and_records_what_is_in_flight_of_all_cells, .n_cells = 1),
    };

    return cmocka_run_group_tests_name("cells_worker", tests, NULL, NULL);
}
