/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flood of requests for tenants that nobody has: the home cell is asked for each of them, and
 * tenants of all cells are served as before.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "hk/clock.h"
#include "hk/flow_key.h"
#include "tests/support/check.h"

enum { N_FLOODERS = 2, N_PUBLISHED = 60, N_MADE_UP = 1000, WAIT_MS = 60000, SLOW_US = 100000 };

struct flooder {
    struct harness *h;
    pthread_t thread;
    atomic_bool is_stopping;
    atomic_uint n_sent, n_wrong;
};

static void *flood(void *arg)
{
    struct flooder *flooder = arg;
    struct hk_id_source source = {0};
    struct http *http = http_new();

    while (!flooder->is_stopping) {
        struct hk_flow_key key = {.tenant_id = hk_id_new(&source, hk_wall_us() / 1000)};
        char text[HK_FLOW_KEY_LENGTH + 1];
        struct reply reply;

        hk_flow_key_write(&key, text);
        reply = http_call(http, "POST", flooder->h->api_url, http_text(http, "/in/%s", text), NULL,
                          HK_STR("{}"), NULL);
        flooder->n_sent++;
        flooder->n_wrong += reply.status != 404 && reply.status != 429;
    }
    http_free(http);
    return NULL;
}

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* The median of some publishing, in microseconds. */
static int64_t measure(struct harness *h, struct tenant *const tenants[], size_t n_tenants)
{
    int64_t took_us[N_PUBLISHED];

    for (size_t i = 0; i < N_PUBLISHED; i++) {
        int64_t start_us = now_us();

        (void)publish(h, tenants[i % n_tenants], "order.paid", "c1", "{}");
        took_us[i] = now_us() - start_us;
    }
    qsort(took_us, N_PUBLISHED, sizeof(took_us[0]), compare);
    return took_us[N_PUBLISHED / 2];
}

static bool has_flooded(void *arg)
{
    const struct flooder *flooders = arg;

    return flooders[0].n_sent + flooders[1].n_sent >= N_MADE_UP;
}

static void test_made_up_tenants_do_not_slow_down_others(void **state)
{
    struct harness *h = *state;
    struct tenant *tenants[] = {given_tenant(h), given_tenant_in(h, "b")};
    struct flooder flooders[N_FLOODERS] = {{.h = h}, {.h = h}};
    int64_t before_us, during_us;

    for (size_t i = 0; i < HK_COUNTOF(tenants); i++)
        (void)given_story(h, tenants[i], i == 0 ? "/a" : "/b");
    before_us = measure(h, tenants, HK_COUNTOF(tenants));
    for (size_t i = 0; i < N_FLOODERS; i++)
        assert_int_equal(pthread_create(&flooders[i].thread, NULL, flood, &flooders[i]), 0);
    during_us = measure(h, tenants, HK_COUNTOF(tenants));
    assert_true(wait_until(has_flooded, flooders, WAIT_MS));
    for (size_t i = 0; i < N_FLOODERS; i++) {
        flooders[i].is_stopping = true;
        assert_int_equal(pthread_join(flooders[i].thread, NULL), 0);
        assert_int_equal(flooders[i].n_wrong, 0);
    }
    /* They take turns on two processors; what is to be seen is a queue. */
    if (during_us > 10 * before_us && during_us > SLOW_US)
        fail_test("%lld us instead of %lld us", (long long)during_us, (long long)before_us);
    sinker_wait(h, "/a", N_PUBLISHED, WAIT_MS);
    sinker_wait(h, "/b", N_PUBLISHED, WAIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_made_up_tenants_do_not_slow_down_others, .n_cells = 1,
                     .env = (const char *const[]){"HOOKLINE_API_AUTH_FAILURES_PER_MINUTE=0", NULL}),
    };

    return cmocka_run_group_tests_name("cells_flood", tests, NULL, NULL);
}
