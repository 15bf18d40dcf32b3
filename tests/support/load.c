/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - see load.h. */
#include "tests/support/load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define REPEAT_AFTER_MS 20

struct load {
    struct harness *h;
    struct http *http;
    const char *key;
    pthread_t thread;
    atomic_bool is_stopping;
    atomic_uint n_accepted, n_refused, n_unanswered, n_wrong;
};

/* False when the event has to be published again. */
static bool publish_once(struct load *load, unsigned n)
{
    const char *body = http_text(load->http,
                                 "{\"event_type\": \"order.paid\", \"company\": \"c1\","
                                 " \"external_id\": \"load-%u\", \"payload\": %u}",
                                 n, n);
    struct reply reply = http_call(load->http, "POST", load->h->api_url, "/v1/events", load->key,
                                   hk_str(body), NULL);

    if (reply.status == 202)
        load->n_accepted++;
    else if (reply.status == 503 && reply_header(load->http, &reply, "Retry-After") != NULL)
        load->n_refused++;
    else if (reply.status == 0)
        load->n_unanswered++;
    else
        load->n_wrong++;
    return reply.status == 202;
}

static void *thread_main(void *arg)
{
    struct load *load = arg;

    for (unsigned n = 0; !load->is_stopping; n++) {
        while (!publish_once(load, n))
            proc_pause(REPEAT_AFTER_MS);
    }
    return NULL;
}

struct load *load_start(struct harness *h, const struct tenant *t)
{
    struct load *load = calloc(1, sizeof(*load));

    assert_non_null(load);
    load->h = h;
    load->http = http_new();
    load->key = t->producer;
    assert_int_equal(pthread_create(&load->thread, NULL, thread_main, load), 0);
    return load;
}

struct load_counts load_counts(const struct load *load)
{
    return (struct load_counts){load->n_accepted, load->n_refused, load->n_unanswered,
                                load->n_wrong};
}

struct awaited {
    const struct load *load;
    unsigned n_accepted;
};

static bool has_published(void *arg)
{
    const struct awaited *awaited = arg;

    return awaited->load->n_accepted >= awaited->n_accepted;
}

void load_wait(const struct load *load, unsigned n_accepted, int timeout_ms)
{
    struct awaited awaited = {load, n_accepted};

    if (!wait_until(has_published, &awaited, timeout_ms))
        fail_msg("%u of %u events were accepted in %d ms", load->n_accepted, n_accepted,
                 timeout_ms);
}

struct load_counts load_stop(struct load *load)
{
    struct load_counts counts;

    load->is_stopping = true;
    assert_int_equal(pthread_join(load->thread, NULL), 0);
    counts = load_counts(load);
    http_free(load->http);
    free(load);
    return counts;
}
