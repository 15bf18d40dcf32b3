/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that are easy to recognise, in every place that takes or makes one, and traffic that uses
 * them: afterwards they stand nowhere, neither in a dump of the database nor in a log nor in a
 * reply but the one that shows them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hk/encode.h"
#include "tests/integration/tail_stream.h"
#include "tests/support/message.h"
#include "tests/support/oauth.h"
#include "tests/support/sealed.h"
#include "tests/support/tls.h"
#include "tests/support/user.h"

enum { MAX_CANARIES = 64, SOON_MS = 15000 };

struct cage {
    struct harness *h;
    struct tenant *t;
    struct subscription s;
    const char *path; /* of the subscription */
    const char *canaries[MAX_CANARIES];
    size_t n;
    const char *replies; /* those that must not show one */
};

static void add(struct cage *cage, const char *secret)
{
    assert_true(cage->n < MAX_CANARIES && strlen(secret) >= 8);
    cage->canaries[cage->n++] = secret;
}

/* A reply that shows nothing that is secret, or has had its one secret added before. */
static void keep(struct cage *cage, const struct reply *reply)
{
    cage->replies = http_text(cage->h->http, "%s%s\n", cage->replies, reply->body);
}

static struct reply call(struct cage *cage, int status, const char *key, const char *method,
                         const char *path, const char *body)
{
    return api_want(cage->h, status, key, method, path, body);
}

static void keep_get(struct cage *cage, const char *path)
{
    struct reply reply = call(cage, 200, cage->t->admin, "GET", path, NULL);

    keep(cage, &reply);
}

static void give_keys(struct cage *cage)
{
    const struct tenant *t = cage->t;
    const char *const keys[] = {t->admin,    t->partner,  t->support,
                                t->producer, t->receiver, cage->h->operator_key};

    for (size_t i = 0; i < HK_COUNTOF(keys); i++)
        add(cage, keys[i]);
    add(cage, strchr(HARNESS_MASTER_KEY, '=') + 1);
}

/* Those of a subscription: generated, imported, credentials of both kinds, header fields. */
static void give_subscription_secrets(struct cage *cage)
{
    struct harness *h = cage->h;
    const char *admin = cage->t->admin;
    struct reply reply;

    add(cage, cage->s.secret);
    reply = call(cage, 201, admin, "POST", http_text(h->http, "%s/secrets", cage->path),
                 "{\"secret\": \"whsec_Y2FuYXJ5LWltcG9ydGVkLXNlY3JldC0xMjM0\"}");
    sinker_secret(h, "/hook", "whsec_Y2FuYXJ5LWltcG9ydGVkLXNlY3JldC0xMjM0");
    add(cage, "Y2FuYXJ5LWltcG9ydGVkLXNlY3JldC0xMjM0");
    add(cage, "canary-imported-secret-1234");
    reply = call(cage, 200, admin, "PATCH", cage->path,
                 "{\"credentials\": {\"token\": \"canary-bearer-token\"}}");
    keep(cage, &reply);
    reply = call(
        cage, 200, admin, "PATCH", cage->path,
        "{\"credentials\": {\"username\": \"u\", \"password\": \"canary-password-\\u00e9\"},"
        " \"headers\": {\"X-Api-Key\": \"canary-header-1\", \"x-SIGNATURE\": \"canary-header-2\","
        " \"X-Environment\": \"live\"}}");
    keep(cage, &reply);
    add(cage, "canary-bearer-token");
    add(cage, "canary-password");
    add(cage, strchr(basic(h, "u", "canary-password-\xc3\xa9"), 'B') + strlen("Basic "));
    add(cage, "canary-header-");
}

static void give_tenant_secrets(struct cage *cage)
{
    struct harness *h = cage->h;
    struct reply reply = call(cage, 201, cage->t->admin, "POST", "/v1/tenant/secrets", NULL);
    struct client client = given_client(h, cage->t, "\"name\": \"c\", \"role\": \"support\"");
    struct user user = given_user(h, cage->t, "admin", "canary@example.com");
    struct session session = given_session(h, &user, USER_PASSWORD);

    add(cage, reply_text(&reply, "secret"));
    add(cage, client.secret);
    add(cage, given_token(h, &client));
    add(cage, user.password_token);
    add(cage, USER_PASSWORD);
    add(cage, strchr(session.cookie, '=') + 1);
    add(cage, strstr(session.csrf_token, ": ") + 2);
    add(cage, "PRIVATE KEY"); /* as PEM has it */
}

/* A PEM's line ends as JSON has them. */
static const char *json_of(struct harness *h, const char *pem)
{
    const char *text = "";

    for (const char *line = pem; *line != '\0'; line += strcspn(line, "\n") + 1)
        text = http_text(h->http, "%s%.*s\\n", text, (int)strcspn(line, "\n"), line);
    return text;
}

/* What a subscription shows to receivers that want to know who calls. */
static void give_client_secrets(struct cage *cage, const char *subscription_id)
{
    struct harness *h = cage->h;
    const char *path = http_text(h->http, "/v1/subscriptions/%s", subscription_id);
    static struct tls_identity client;
    struct reply reply;

    tls_make(&client, "client", 1);
    add(cage, http_text(h->http, "%.40s", strchr(client.key, '\n') + 1)); /* the key's first line */
    reply =
        call(cage, 200, cage->t->admin, "PATCH", path,
             http_text(h->http,
                       "{\"headers\": {\"Authorization\": null, \"X-Auth\": \"canary-header-4\"},"
                       " \"credentials\": {\"token_url\": \"%s\", \"client_id\": \"us\","
                       " \"client_secret\": \"canary-client-secret\"}}",
                       sinker_url(h, "/token")));
    keep(cage, &reply);
    reply = call(
        cage, 200, cage->t->admin, "PATCH", path,
        http_text(h->http,
                  "{\"client_certificate\": {\"certificate\": \"%s\", \"private_key\": \"%s\"}}",
                  json_of(h, client.certificate), json_of(h, client.key)));
    keep(cage, &reply);
    sinker_rule(h, "/token",
                "{\"then\": {\"status\": 200, \"body\": \"{\\\"access_token\\\":"
                " \\\"canary-access-token\\\", \\\"token_type\\\": \\\"Bearer\\\","
                " \\\"expires_in\\\": 3600}\"}}");
    add(cage, "canary-client-secret");
    add(cage, "canary-access-token");
    add(cage, strchr(basic(h, "us", "canary-client-secret"), 'B') + strlen("Basic "));
}

/* A subscription that is made with all in its first request, whose reply is kept for repeats. */
static void give_repeated(struct cage *cage)
{
    struct harness *h = cage->h;
    static const char *const headers[] = {"Idempotency-Key: canary-idempotency", NULL};
    const char *body =
        http_text(h->http,
                  "{\"name\": \"A\", \"partner\": \"acme\", \"subscription\": {\"url\": \"%s\","
                  " \"event_types\": [\"order.paid\"], \"headers\": {\"Authorization\": "
                  "\"canary-header-3\"}}}",
                  sinker_url(h, "/repeated"));
    struct reply reply = api_send(h, cage->t->admin, "POST", "/v1/apps", hk_str(body), headers);
    const char *secret;

    assert_status(reply, 201);
    secret = http_text(h->http, "%s", reply_text(&reply, "subscription.secret"));
    assert_memory_equal(secret, "whsec_", 6);
    add(cage, secret);
    reply = api_send(h, cage->t->admin, "POST", "/v1/apps", hk_str(body), headers);
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "subscription.secret"), secret);
    give_client_secrets(cage, reply_text(&reply, "subscription.id"));
    (void)given_connection(h, cage->t, reply_text(&reply, "id"), "c1");
}

static void test_messages(struct cage *cage)
{
    struct harness *h = cage->h;
    struct reply reply = call(cage, 201, cage->t->admin, "POST", "/v1/event_types",
                              "{\"name\": \"order.sampled\", \"sample\": {\"a\": 1}}");
    const char *body =
        http_text(h->http,
                  "{\"url\": \"%s\", \"event_types\": [\"order.sampled\"],"
                  " \"secret\": \"whsec_Y2FuYXJ5LXRlc3QtbWVzc2FnZS1zZWNyZXQtMQ==\","
                  " \"credentials\": {\"username\": \"u\", \"password\": \"canary-test-password\"},"
                  " \"headers\": {\"X-Token\": \"canary-test-header\"}}",
                  sinker_url(h, "/test"));

    keep(cage, &reply);
    reply = call(cage, 200, cage->t->admin, "POST", "/v1/test-messages", body);
    keep(cage, &reply);
    add(cage, "Y2FuYXJ5LXRlc3QtbWVzc2FnZS1zZWNyZXQt");
    add(cage, "canary-test-");
}

/* Bad requests, too: what they were given is not written down. */
static void try_bad_requests(struct cage *cage)
{
    struct reply reply = call(cage, 422, cage->t->admin, "PATCH", cage->path,
                              "{\"credentials\": {\"password\": \"canary-refused-1\"}}");

    keep(cage, &reply);
    reply = call(cage, 422, cage->t->admin, "PATCH", cage->path,
                 "{\"headers\": {\"X-Key\": \"canary-refused-2\\n\"}}");
    keep(cage, &reply);
    reply = call(cage, 401, "hk_canary-refused-3", "GET", cage->path, NULL);
    keep(cage, &reply);
    add(cage, "canary-refused-");
}

/* All attempts, as they have come by the tail, which is a reply without an end. */
static void keep_tail(struct cage *cage, struct stream *stream)
{
    size_t n_attempts = (size_t)db_int(cage->h, "SELECT count(*) FROM attempt");

    stream_wait(stream, "event: attempt\n", n_attempts, 4 * SOON_MS);
    cage->replies = http_text(cage->h->http, "%s%s\n", cage->replies, stream->text);
    stream_close(stream);
}

static void deliver(struct cage *cage)
{
    struct harness *h = cage->h;
    struct stream stream = stream_open(h, cage->t->admin, "/v1/tail", NULL);
    const char *event, *path;

    /* A receiver that answers with what it got. */
    sinker_rule(h, "/hook",
                "{\"replies\": [{\"status\": 500, \"headers\": {\"X-Echo\": \"canary-header-1\"},"
                " \"body\": \"canary-header-2 %s canary-password-\\u00e9, that is all\"},"
                " {\"reset\": true}]}",
                basic(h, "u", "canary-password-\xc3\xa9"));
    event = publish(h, cage->t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 3, SOON_MS);
    sinker_wait(h, "/repeated", 1, SOON_MS);
    path = message_path(h, cage->t, event, cage->s.id);
    message_wait(h, cage->t, path, "succeeded");
    keep_get(cage, path);
    keep_get(cage, http_text(h->http, "%s/attempts", path));
    keep_get(cage, http_text(h->http, "%s/attempts/1", path));
    keep_tail(cage, &stream);
}

static void look_around(struct cage *cage)
{
    struct harness *h = cage->h;

    keep_get(cage, cage->path);
    keep_get(cage, http_text(h->http, "%s/secrets", cage->path));
    keep_get(cage, "/v1/subscriptions");
    keep_get(cage, "/v1/tenant/secrets");
    keep_get(cage, "/v1/clients");
    keep_get(cage, "/v1/keys");
    keep_get(cage, "/v1/users");
    keep_get(cage, "/v1/audit-log?limit=250");
}

/* Every row of every table as text; bytes are hexadecimal digits there. */
static const char *dump(struct harness *h)
{
    return db_text(h, "SELECT string_agg(query_to_xml(format('SELECT t::text AS row FROM"
                      " hookline.%%I t', c.relname), true, false, '')::text, E'\\n')"
                      "  FROM pg_class c"
                      " WHERE c.relnamespace = 'hookline'::regnamespace AND NOT c.relispartition"
                      "   AND c.relkind IN ('r', 'p')");
}

static void expect_none(const struct cage *cage, const char *where, const char *text)
{
    for (size_t i = 0; i < cage->n; i++) {
        char hex[4096];

        if (strstr(text, cage->canaries[i]) != NULL)
            fail_test("%s: %s", where, cage->canaries[i]);
        if (2 * strlen(cage->canaries[i]) + 1 > sizeof(hex))
            continue;
        hk_hex_encode(cage->canaries[i], strlen(cage->canaries[i]), hex);
        if (strstr(text, hex) != NULL)
            fail_test("%s, in hexadecimal: %s", where, cage->canaries[i]);
    }
}

static void test_a_planted_secret_is_nowhere(void **state)
{
    struct harness *h = *state;
    struct cage cage = {.h = h, .t = given_tenant(h), .replies = ""};
    const char *rows;

    cage.s = given_story(h, cage.t, "/hook");
    cage.path = http_text(h->http, "/v1/subscriptions/%s", cage.s.id);
    give_keys(&cage);
    give_subscription_secrets(&cage);
    give_tenant_secrets(&cage);
    give_repeated(&cage);
    test_messages(&cage);
    try_bad_requests(&cage);
    deliver(&cage);
    look_around(&cage);

    rows = dump(h);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM attempt"
                            " WHERE convert_from(response_body, 'UTF8') LIKE '%%*, that is all'"),
                     1);
    assert_non_null(strstr(rows, "order.paid")); /* the dump has what it should */
    assert_non_null(strstr(rows, "\"X-Environment\""));
    expect_none(&cage, "the database", rows);
    expect_none(&cage, "a log", harness_logs(h));
    expect_none(&cage, "a reply", cage.replies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_planted_secret_is_nowhere,
                     .env = (const char *const[]){"HOOKLINE_LOG_LEVEL=debug",
                                                  "HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL}),
    };

    return cmocka_run_group_tests_name("canary", tests, NULL, NULL);
}
