/* SPDX-License-Identifier: Apache-2.0 */
/* The gap report: what never arrived, why, and nothing that did. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=100000",
                                    "HOOKLINE_WORKER_LEASE_MS=2000", NULL};

struct world {
    struct harness *h;
    struct tenant *t;
    struct subscription dead, paused, picky;
    const char *events[4];
};

static struct reply gaps(struct harness *h, const char *key, const char *query)
{
    return api_want(h, 200, key, "GET", at(h, "/v1/gaps?%s", query), NULL);
}

static const char *path_of(struct harness *h, const struct subscription *s, const char *action)
{
    return at(h, "/v1/subscriptions/%s%s", s->id, action);
}

static bool is_recorded(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM queue") == 0;
}

/* What waited is cancelled in steps: until that is done, it is refused. */
static bool has_revived(void *arg)
{
    struct world *w = arg;

    return api_call(w->h, w->t->admin, "POST", path_of(w->h, &w->dead, "/revive"), "{}").status ==
           200;
}

/* Four events of one company, to one subscription that answers 410 to the first and then is
 * revived, and 200 to what comes after; to one that is paused from the second event on; to one that
 * wants another event type. */
static struct world given_gaps(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};
    const char *other_id;

    w.dead = given_story(h, w.t, "/dead");
    other_id = given_app(h, w.t, "other");
    (void)given_connection(h, w.t, other_id, "c1");
    given_event_type(h, w.t, "order.sent");
    w.paused = given_subscription(h, w.t, other_id, "/paused", "order.paid");
    w.picky = given_subscription(h, w.t, other_id, "/picky", "order.sent");
    sinker_rule(h, "/dead", "{\"replies\": [{\"status\": 410}]}");
    w.events[0] = publish(h, w.t, "order.paid", "c1", "{}");
    api_wait_for(h, w.t->admin, path_of(h, &w.dead, ""), "state", "disabled", SOON_MS);
    sinker_wait(h, "/paused", 1, SOON_MS);
    (void)api_want(h, 200, w.t->admin, "POST", path_of(h, &w.paused, "/pause"), NULL);
    w.events[1] = publish(h, w.t, "order.paid", "c1", "{}");
    assert_true(wait_until(has_revived, &w, SOON_MS));
    w.events[2] = publish(h, w.t, "order.paid", "c1", "{}");
    w.events[3] = publish(h, w.t, "order.paid", "c1", "{}");
    sinker_wait(h, "/dead", 3, SOON_MS);
    assert_true(wait_until(is_recorded, h, SOON_MS));
    return w;
}

static void test_each_gap_says_why_and_what_arrived_is_none(void **state)
{
    struct harness *h = *state;
    struct world w = given_gaps(h);
    struct reply reply = gaps(h, w.t->admin, "");

    /* The dead one: event 0 failed, event 1 was skipped; the paused one: events 1 to 3 were
     * skipped. */
    assert_int_equal(reply_count(&reply, "data"), 5);
    assert_members(
        reply, "data.0",
        "event_id,event_type,company,accepted_at,app_id,subscription_id,message_id,state,reason");
    assert_string_equal(reply_text(&reply, "data.0.event_id"), w.events[3]);
    assert_string_equal(reply_text(&reply, "data.0.subscription_id"), w.paused.id);
    assert_string_equal(reply_text(&reply, "data.0.state"), "skipped");
    assert_string_equal(reply_text(&reply, "data.0.reason"), "subscription_paused");
    assert_true(reply_is_null(&reply, "data.0.message_id"));
    assert_string_equal(reply_text(&reply, "data.4.event_id"), w.events[0]);
    assert_string_equal(reply_text(&reply, "data.4.state"), "failed");
    assert_string_equal(reply_text(&reply, "data.4.subscription_id"), w.dead.id);
    assert_string_equal(reply_text(&reply, "data.4.company"), "c1");
    assert_true(is_uuid_v7(reply_text(&reply, "data.4.message_id")));

    reply = gaps(h, w.t->admin, at(h, "subscription_id=%s", w.dead.id));
    assert_int_equal(reply_count(&reply, "data"), 2);
    reply = gaps(h, w.t->admin, "reason=failed");
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = gaps(h, w.t->admin, "reason=subscription_paused");
    assert_int_equal(reply_count(&reply, "data"), 3);
    reply = gaps(h, w.t->admin, "reason=type_not_selected"); /* no gap, unless it is asked for */
    assert_int_equal(reply_count(&reply, "data"), 4);
    reply = gaps(h, w.t->admin, "until=2020-01-01T00:00:00Z");
    assert_int_equal(reply_count(&reply, "data"), 0);
}

static bool has_none(void *arg)
{
    struct world *w = arg;
    struct reply reply = gaps(w->h, w->t->admin, at(w->h, "subscription_id=%s", w->dead.id));

    return reply_count(&reply, "data") == 0;
}

static void test_what_arrives_later_is_no_gap_any_more(void **state)
{
    struct harness *h = *state;
    struct world w = given_gaps(h);
    struct reply reply = gaps(h, w.t->admin, at(h, "subscription_id=%s&reason=failed", w.dead.id));
    const char *message_id = reply_text(&reply, "data.0.message_id");

    (void)api_want(h, 202, w.t->admin, "POST", at(h, "/v1/messages/%s/resend", message_id), NULL);
    (void)api_want(h, 201, w.t->admin, "POST", path_of(h, &w.dead, "/backfill"), "{\"days\": 1}");
    sinker_wait(h, "/dead", 5, SOON_MS);
    assert_true(wait_until(has_none, &w, SOON_MS));
}

static void test_pages_and_the_export_have_each_gap_once(void **state)
{
    struct harness *h = *state;
    struct world w = given_gaps(h);
    const char *cursor = "";
    unsigned n = 0;
    struct reply reply;

    publish_many(h, w.t, 1200); /* of which the paused one gets none */
    do {
        reply = gaps(h, w.t->admin, at(h, "limit=7&subscription_id=%s%s", w.paused.id, cursor));
        n += (unsigned)reply_count(&reply, "data");
        cursor = reply_is_null(&reply, "next_cursor")
                     ? NULL
                     : at(h, "&cursor=%s", reply_text(&reply, "next_cursor"));
    } while (cursor != NULL && n < 2000);
    assert_int_equal(n, 1203);

    reply = api_call(h, w.t->admin, "GET", at(h, "/v1/gaps/export?subscription_id=%s", w.paused.id),
                     NULL);
    assert_status(reply, 200);
    n = 0;
    for (const char *p = reply.body; (p = strchr(p, '\n')) != NULL; p++)
        n++;
    assert_int_equal(n, 1203);
    reply = api_call(h, w.t->admin, "GET",
                     at(h, "/v1/gaps/export?format=csv&subscription_id=%s", w.dead.id), NULL);
    assert_status(reply, 200);
    assert_ptr_equal(strstr(reply.body, "\"event_id\",\"event_type\""), reply.body);
    /* Once an export, however many pages it has. */
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'gap.exported'"), 2);
    assert_string_equal(
        db_text(h, "SELECT detail -> 'filter' ->> 'subscription_id' || (detail ->> 'format')"
                   "  FROM audit_log WHERE action = 'gap.exported' ORDER BY id LIMIT 1"),
        at(h, "%sndjson", w.paused.id));

    reply = api_want(h, 200, w.t->admin, "GET",
                     at(h, "/v1/gaps/hours?subscription_id=%s", w.paused.id), NULL);
    assert_members(reply, "data.0", "at,state,reason,gaps");
    n = 0;
    for (size_t i = 0; i < reply_count(&reply, "data"); i++)
        n += (unsigned)reply_int(&reply, at(h, "data.%zu.gaps", i));
    assert_int_equal(n, 1203);
}

static void test_others_see_their_own_only(void **state)
{
    struct harness *h = *state;
    struct world w = given_gaps(h);
    struct tenant *other = given_tenant(h);
    struct reply reply = gaps(h, w.t->partner, "");

    assert_int_equal(reply_count(&reply, "data"), 2);
    assert_null(strstr(reply.body, w.paused.id));
    reply = gaps(h, w.t->partner, at(h, "subscription_id=%s", w.paused.id));
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = gaps(h, other->admin, "");
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = gaps(h, other->admin, at(h, "subscription_id=%s", w.paused.id));
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = api_call(h, w.t->producer, "GET", "/v1/gaps", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, w.t->admin, "GET", "/v1/gaps?app_id=1", NULL);
    assert_problem(h, reply, 422, "invalid_parameter", NULL);
}

/* What waits for its next attempt, and what is held. */
static void test_what_waits_is_a_gap_so_far(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    publish_many(h, t, 3);
    reply = gaps(h, t->admin, "");
    assert_int_equal(reply_count(&reply, "data"), 3);
    assert_string_equal(reply_text(&reply, "data.0.state"), "pending");
    assert_string_equal(reply_text(&reply, "data.0.reason"), "waiting");
    (void)api_want(h, 200, t->admin, "POST", path_of(h, &s, "/hold"), NULL);
    reply = gaps(h, t->admin, "reason=held");
    assert_int_equal(reply_count(&reply, "data"), 3);
    assert_string_equal(reply_text(&reply, "data.0.reason"), "subscription_held");
    /* As far as nobody has got to them yet, they are none the less: the state is the truth. */
    (void)db_text(h, "UPDATE message SET status = 'pending', status_reason = NULL");
    reply = gaps(h, t->admin, at(h, "reason=held&subscription_id=%s", s.id));
    assert_int_equal(reply_count(&reply, "data"), 3);
    (void)db_text(h, "UPDATE message SET status = 'held', status_reason = 'subscription_held'");
    (void)api_want(h, 200, t->admin, "POST", path_of(h, &s, "/resume"), NULL);
    (void)harness_start_worker(h);
    assert_true(wait_until(has_none, &(struct world){.h = h, .t = t, .dead = s}, SOON_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_each_gap_says_why_and_what_arrived_is_none, .env = quick),
        harness_test(test_what_arrives_later_is_no_gap_any_more, .env = quick),
        harness_test(test_pages_and_the_export_have_each_gap_once, .env = quick),
        harness_test(test_others_see_their_own_only, .env = quick),
        harness_test(test_what_waits_is_a_gap_so_far, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("gaps", tests, NULL, NULL);
}
