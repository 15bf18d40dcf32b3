/* SPDX-License-Identifier: Apache-2.0 */
/* basecone_story.c - see basecone_story.h. */
#include "tests/scenarios/basecone/basecone_story.h"

#include <stdio.h>

#include "tests/scenarios/data.h"

#define BOTH_TYPES "[\"document.uploaded\", \"transaction.finished\"]"

static struct reply call_created(struct harness *h, const char *key, const char *path,
                                 const char *body)
{
    struct reply reply = api_call(h, key, "POST", path, "%s", body);

    assert_status(reply, 201);
    return reply;
}

struct tenant *given_basecone(struct harness *h)
{
    struct tenant *t = given_tenant(h);

    (void)given_company(h, t, "a");
    (void)given_company(h, t, "b");
    given_catalogue(h, t, "basecone");
    return t;
}

struct registration given_registration(struct harness *h, const struct tenant *t, const char *path,
                                       const char *more)
{
    struct registration registration;
    struct reply reply;

    reply = call_created(
        h, t->partner, "/v1/apps",
        http_text(h->http,
                  "{\"name\": \"ERP at %s\", \"subscription\": {\"url\": \"%s\", \"event_types\": "
                  "%s, \"profile\": \"basecone\"}%s}",
                  path, sinker_url(h, path), BOTH_TYPES, more));
    registration.app_id = reply_text(&reply, "id");
    registration.subscription.id = reply_text(&reply, "subscription.id");
    registration.subscription.secret = reply_text(&reply, "subscription.secret");
    sinker_secret(h, path, registration.subscription.secret);
    return registration;
}

struct registration given_connected_app(struct harness *h, const struct tenant *t, const char *path)
{
    struct registration registration = given_registration(h, t, path, "");

    (void)given_connection(h, t, registration.app_id, "a");
    return registration;
}

struct reply connect_with(struct harness *h, const struct tenant *t, const char *app_id,
                          const char *company, const char *values)
{
    return call_created(h, t->admin, http_text(h->http, "/v1/apps/%s/connections", app_id),
                        http_text(h->http,
                                  "{\"companies\": [{\"company\": \"%s\", \"values\": %s}]}",
                                  company, values));
}

struct subscription given_subscription_to(struct harness *h, const struct tenant *t,
                                          const char *app_id, const char *url, const char *more)
{
    struct reply reply;

    reply = call_created(
        h, t->partner, http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
        http_text(h->http, "{\"url\": \"%s\", \"event_types\": %s%s}", url, BOTH_TYPES, more));
    return (struct subscription){.id = reply_text(&reply, "id"),
                                 .secret = reply_text(&reply, "secret")};
}

void set_values(struct harness *h, const struct tenant *t, const char *connection_id,
                const char *values)
{
    struct reply reply;

    reply = api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/connections/%s", connection_id),
                     "{\"values\": %s}", values);
    assert_status(reply, 200);
}

const char *publish_document(struct harness *h, const struct tenant *t)
{
    return publish(h, t, "document.uploaded", "a", "{\"documentId\": \"d-1\"}");
}

/* ---- looking ---- */

static struct reply get(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply reply = api_call(h, t->support, "GET", path, NULL);

    assert_status(reply, 200);
    return reply;
}

const char *message_of(struct harness *h, const struct tenant *t, const char *event_id,
                       const char *subscription_id)
{
    struct reply reply = get(h, t,
                             http_text(h->http, "/v1/messages?event_id=%s&subscription_id=%s",
                                       event_id, subscription_id));

    assert_int_equal(reply_count(&reply, "data"), 1);
    return reply_text(&reply, "data.0.id");
}

struct reply message_get(struct harness *h, const struct tenant *t, const char *message_id)
{
    return get(h, t, http_text(h->http, "/v1/messages/%s", message_id));
}

void message_wait(struct harness *h, const struct tenant *t, const char *message_id,
                  const char *status)
{
    api_wait_for(h, t->support, http_text(h->http, "/v1/messages/%s", message_id), "status", status,
                 SOON_MS);
}

const char *message_resend(struct harness *h, const struct tenant *t, const char *message_id,
                           const char *body)
{
    struct reply reply =
        api_call(h, t->support, "POST", http_text(h->http, "/v1/messages/%s/resend", message_id),
                 "%s", body);

    assert_status(reply, 202);
    assert_string_equal(reply_text(&reply, "resend_of"), message_id);
    return reply_text(&reply, "id");
}

struct reply attempt_wait(struct harness *h, const struct tenant *t, const char *message_id,
                          unsigned attempt_no)
{
    const char *path = http_text(h->http, "/v1/messages/%s/attempts/%u", message_id, attempt_no);

    api_wait_for(h, t->support, path, "attempt_no", http_text(h->http, "%u", attempt_no), SOON_MS);
    return get(h, t, path);
}

void subscription_wait(struct harness *h, const struct tenant *t, const char *subscription_id,
                       const char *state)
{
    api_wait_for(h, t->support, http_text(h->http, "/v1/subscriptions/%s", subscription_id),
                 "state", state, SOON_MS);
}

struct reply event_get(struct harness *h, const struct tenant *t, const char *event_id)
{
    return get(h, t, http_text(h->http, "/v1/events/%s", event_id));
}

void request_check(const struct reply *request, const char *text, bool is_wanted, const char *file,
                   int line)
{
    const char *body = reply_text(request, "body");

    if ((strstr(body, text) != NULL) == is_wanted)
        return;
    print_error("%s was %sto be in what was sent: %s\n", text, is_wanted ? "" : "not ", body);
    _fail(file, line);
}
