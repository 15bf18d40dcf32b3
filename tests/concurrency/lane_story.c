/* SPDX-License-Identifier: Apache-2.0 */
/* lane_story.c - see lane_story.h. */
#include "tests/concurrency/lane_story.h"

#include "tests/support/message.h"

struct two given_messages(void **state, const char *settings, unsigned n)
{
    struct harness *h = *state;
    struct two two = {.h = h, .t = given_tenant(h)};
    struct reply reply;

    two.s = given_story(h, two.t, "/hook");
    reply = api_call(h, two.t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", two.s.id),
                     "%s", settings);
    assert_status(reply, 200);
    if (n > 0)
        publish_many(h, two.t, n);
    two.a = session_worker(h);
    two.b = session_worker(h);
    return two;
}

struct two given_lane(void **state, const char *settings, unsigned n)
{
    struct two two = given_messages(state, settings, n);
    struct claimed claimed = session_claim(two.a, n, LONG_MS);

    assert_int_equal(claimed.n, 0);
    assert_int_equal(claimed_n_moved(&claimed), n);
    claimed_done(&claimed);
    session_tell_answer(two.a, two.t->id, two.s.id);
    return two;
}

void end(struct two *two)
{
    PQfinish(two->a);
    PQfinish(two->b);
}

int64_t n_in_flight(struct two *two)
{
    return db_int(two->h, "SELECT count(*) FROM hookline.queue WHERE leased AND due_at > now()");
}

/* Claims of lanes until there is a message, as a worker does that polls. */
struct poll {
    PGconn *session;
    struct claimed claimed;
};

static bool has_claimed(void *arg)
{
    struct poll *poll = arg;

    if (poll->claimed.rows != NULL)
        claimed_done(&poll->claimed);
    poll->claimed = session_claim_lanes(poll->session, 10, LONG_MS);
    return poll->claimed.n > 0;
}

struct claimed wait_for_claim(PGconn *session)
{
    struct poll poll = {session, {NULL, 0}};

    if (!wait_until(has_claimed, &poll, 10000))
        fail_test("a message in a lane is not found");
    return poll.claimed;
}

void assert_claims_none(PGconn *session)
{
    struct claimed none = session_claim_lanes(session, 10, LONG_MS);

    assert_int_equal(none.n, 0);
    claimed_done(&none);
}
