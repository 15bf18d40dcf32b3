/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that touches lanes at once: claims, records, what lanes are told, their upkeep, publishing,
 * holding, resuming, sending again. No statement fails, none in a deadlock either, and in the end
 * nothing is left. The workers are threads of the test.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/concurrency/lane_story.h"
#include "tests/support/message.h"

enum { N_WORKERS = 2, N_THREADS = N_WORKERS + 1, N_SUBSCRIPTIONS = 3, N_EVENTS = 60 };

struct storm {
    struct two *two;
    struct subscription subscriptions[N_SUBSCRIPTIONS];
    atomic_bool is_over;
};

struct hand {
    struct storm *storm;
    PGconn *session;
};

static const char *column(const struct claimed *claimed, unsigned i, const char *name)
{
    return PQgetvalue(claimed->rows, (int)i, PQfnumber(claimed->rows, name));
}

/* As a worker: what belongs to one that has been stopped is given back. */
static void record_all(struct hand *hand, struct claimed claimed)
{
    for (unsigned i = 0; i < claimed.n; i++) {
        bool may_send = session_may_send(hand->session, &claimed, i);

        (void)session_record(hand->session, &claimed, i, may_send ? "succeeded" : "release");
        session_tell_answer(hand->session, hand->storm->two->t->id,
                            column(&claimed, i, "subscription_id"));
    }
    claimed_done(&claimed);
}

static void *work(void *arg)
{
    struct hand *hand = arg;

    while (!atomic_load(&hand->storm->is_over)) {
        record_all(hand, session_claim(hand->session, 10, LONG_MS));
        record_all(hand, session_claim_lanes(hand->session, 10, LONG_MS));
    }
    return NULL;
}

static void *tidy_up(void *arg)
{
    struct hand *hand = arg;

    while (!atomic_load(&hand->storm->is_over)) {
        (void)session_sweep_lanes(hand->session);
        (void)session_mend_lanes(hand->session);
    }
    return NULL;
}

static void call(struct storm *storm, const char *path, int status)
{
    struct reply reply = api_call(storm->two->h, storm->two->t->admin, "POST", path, NULL);

    assert_status(reply, status);
}

/* One of the subscriptions is stopped while events are stored, and the oldest message that has been
 * sent is sent again.
 */
static void publish_and_change(struct storm *storm)
{
    struct harness *h = storm->two->h;
    PGconn *ingest = session_ingest(h);

    for (unsigned i = 0; i < N_EVENTS; i++) {
        const char *id = storm->subscriptions[i / 4 % N_SUBSCRIPTIONS].id, *sent;

        if (i % 4 == 0)
            call(storm, http_text(h->http, "/v1/subscriptions/%s/hold", id), 200);
        (void)session_publish(h, ingest, storm->two->t, db_text(h, "SELECT hookline.uuid_v7()"),
                              NULL);
        if (i % 4 == 3)
            call(storm, http_text(h->http, "/v1/subscriptions/%s/resume", id), 200);
        sent = db_text(h, "SELECT min(m.id::text) FROM hookline.message m"
                          " WHERE m.status = 'succeeded' AND m.resend_of IS NULL AND NOT EXISTS"
                          " (SELECT FROM hookline.message x WHERE x.resend_of = m.id)");
        if (i % 4 == 3 && sent != NULL)
            call(storm, http_text(h->http, "/v1/messages/%s/resend", sent), 202);
    }
    PQfinish(ingest);
}

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

static void run(struct storm *storm)
{
    struct harness *h = storm->two->h;
    pthread_t threads[N_THREADS];
    struct hand hands[N_THREADS];
    bool has_ended;

    for (unsigned i = 0; i < N_THREADS; i++) {
        hands[i] = (struct hand){storm, session_worker(h)};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < N_WORKERS ? work : tidy_up, &hands[i]), 0);
    }
    publish_and_change(storm);
    has_ended = wait_until(queue_is_empty, h, 60000);
    atomic_store(&storm->is_over, true);
    for (unsigned i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        PQfinish(hands[i].session);
    }
    assert_true(has_ended);
}

static void test_whatever_meets_at_lanes_nothing_fails_and_nothing_is_left(void **state)
{
    static const char *const settings[N_SUBSCRIPTIONS] = {
        "{\"max_in_flight\": 2}", "{\"ordered\": true}", "{\"rate_per_second\": 200}"};
    struct two two = given_messages(state, settings[0], 0);
    struct storm storm = {.two = &two, .subscriptions = {two.s}};
    const char *app_id = db_text(two.h, "SELECT app_id FROM hookline.subscription");

    for (unsigned i = 1; i < N_SUBSCRIPTIONS; i++) {
        struct reply reply;

        storm.subscriptions[i] = given_subscription(two.h, two.t, app_id, "/hook", "order.paid");
        reply = api_call(two.h, two.t->admin, "PATCH",
                         http_text(two.h->http, "/v1/subscriptions/%s", storm.subscriptions[i].id),
                         "%s", settings[i]);
        assert_status(reply, 200);
    }
    run(&storm);
    assert_int_equal(message_count(two.h, two.t, "failed"), 0);
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.message"
                                   " WHERE status = 'succeeded' AND resend_of IS NULL"),
                     N_EVENTS * N_SUBSCRIPTIONS);
    assert_int_equal(db_int(two.h, "SELECT deadlocks FROM pg_stat_database"
                                   " WHERE datname = current_database()"),
                     0);
    end(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_whatever_meets_at_lanes_nothing_fails_and_nothing_is_left,
                     .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("lane_storm", tests, NULL, NULL);
}
