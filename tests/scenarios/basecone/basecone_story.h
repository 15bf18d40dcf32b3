/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/scenarios/basecone/basecone_story.h - what the stories of the scenario Basecone start with
 * and look at, all through REST.
 *
 * A bookkeeping product is the tenant. Companies "a" and "b" are its customers; a document of
 * theirs is uploaded ("document.uploaded", enrichable), a transaction finished
 * ("transaction.finished", not enrichable). Partner "acme" has apps, whose subscriptions have the
 * profile basecone.
 */
#ifndef SCENARIOS_BASECONE_STORY_H
#define SCENARIOS_BASECONE_STORY_H

#include "tests/support/harness.h"

#define SOON_MS 20000 /* for conditions that come true at once, but not on a busy machine */

/* One hour of a schedule is 100 ms. */
#define HOUR_IS_100_MS                                                                             \
    .env = (const char *const[])                                                                   \
    {                                                                                              \
        "HOOKLINE_WORKER_SCHEDULE_DIVISOR=36000", "HOOKLINE_WORKER_POLL_MS=20", NULL               \
    }

/* A custom field that has to be filled in, as a member of a registration. */
#define WITH_ADMIN_CODE                                                                            \
    ", \"custom_fields\": [{\"key\": \"adminCode\", \"type\": \"text\", \"required\": true}]"

/* What a partner gets when it registers. */
struct registration {
    const char *app_id;
    struct subscription subscription;
};

/* The tenant with its companies and event types. */
struct tenant *given_basecone(struct harness *h);

/*
 * The partner registers an app that wants both event types at <sinker 0><path>. `more` is further
 * members of the app, each after a comma, or "".
 */
struct registration given_registration(struct harness *h, const struct tenant *t, const char *path,
                                       const char *more);

/* The same, and the admin connects company "a". */
struct registration given_connected_app(struct harness *h, const struct tenant *t,
                                        const char *path);

/* The admin connects a company with these values (a JSON object); the reply has one connection. */
struct reply connect_with(struct harness *h, const struct tenant *t, const char *app_id,
                          const char *company, const char *values);

/* A further subscription of an app, to both event types. `more` as above. */
struct subscription given_subscription_to(struct harness *h, const struct tenant *t,
                                          const char *app_id, const char *url, const char *more);

void set_values(struct harness *h, const struct tenant *t, const char *connection_id,
                const char *values);

/* Publishes a document.uploaded of company "a". */
const char *publish_document(struct harness *h, const struct tenant *t);

/* The message that an event became for a subscription. */
const char *message_of(struct harness *h, const struct tenant *t, const char *event_id,
                       const char *subscription_id);
struct reply message_get(struct harness *h, const struct tenant *t, const char *message_id);
void message_wait(struct harness *h, const struct tenant *t, const char *message_id,
                  const char *status);
const char *message_resend(struct harness *h, const struct tenant *t, const char *message_id,
                           const char *body);

/* Waits until the attempt is recorded. */
struct reply attempt_wait(struct harness *h, const struct tenant *t, const char *message_id,
                          unsigned attempt_no);

/* Waits until the subscription is in that state. */
void subscription_wait(struct harness *h, const struct tenant *t, const char *subscription_id,
                       const char *state);

struct reply event_get(struct harness *h, const struct tenant *t, const char *event_id);

/* The test fails, and shows both, unless a request's body has (or has not) the text in it. */
#define assert_sent(request, text)     request_check(&(request), (text), true, __FILE__, __LINE__)
#define assert_not_sent(request, text) request_check(&(request), (text), false, __FILE__, __LINE__)
void request_check(const struct reply *request, const char *text, bool is_wanted, const char *file,
                   int line);

#endif
