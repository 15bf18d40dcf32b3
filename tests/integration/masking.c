/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Support sees masks where an event type or a custom field says so, in every reply: values that are
 * easy to recognise go everywhere, and none comes back. With a reason, which the audit log keeps,
 * it sees more. What is sent stays what was published.
 */
#include <string.h>

#include "tests/integration/isolation_world.h"
#include "tests/integration/tail_stream.h"
#include "tests/support/check.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)
#define IBAN       "NL91CANARY0417164300"
#define NOTE       "canary \\u00e9 note" /* as it is published */
#define NOTE_TEXT  "canary \xc3\xa9 note"
#define TOKEN      "canary-custom-token"
#define PAYLOAD                                                                                    \
    "{\"person\": {\"iban\": \"" IBAN "\", \"name\": \"Ann\"}, \"n\": 1.50, \"lines\": "           \
    "[{\"note\": \"" NOTE "\"}]}"

static const char *const canaries[] = {IBAN, NOTE_TEXT, "canary \\u00e9", TOKEN, "CANARY-CUSTOM"};

struct cage {
    struct harness *h;
    struct tenant *t;
    struct owner own; /* ids for paths of routes */
    const char *event_id, *message_id, *connection_id;
};

static void own(struct cage *c, const char *name, const char *id)
{
    c->own.ids[c->own.n_ids].name = name;
    c->own.ids[c->own.n_ids++].id = id;
}

static void assert_masked(const struct reply *reply)
{
    for (size_t i = 0; i < HK_COUNTOF(canaries); i++) {
        if (strstr(reply->body, canaries[i]) != NULL)
            fail_test("%s shows %s: %s", reply->request, canaries[i], reply->body);
    }
}

static void give_fields(struct cage *c, const char *app_id)
{
    struct harness *h = c->h;

    (void)api_want(h, 201, c->t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", app_id),
                   "{\"key\": \"token\", \"type\": \"text\", \"is_sensitive\": true}");
    (void)api_want(h, 201, c->t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", app_id),
                   "{\"key\": \"plain\", \"type\": \"text\"}");
}

/* An event that is sensitive, to a receiver that says all of it again, in headers and body. */
static struct cage given_cage(struct harness *h)
{
    struct cage c = {.h = h, .t = given_tenant(h)};
    const char *app_id;
    struct subscription hook;
    struct reply reply;

    own(&c, "company_id", given_company(h, c.t, "c1"));
    (void)api_want(h, 201, c.t->admin, "POST", "/v1/event_types",
                   "{\"name\": \"order.paid\", \"enrichable\": true,"
                   " \"sensitive_paths\": [\"$.person.iban\", \"$.lines[*].note\"]}");
    app_id = given_app(h, c.t, "acme");
    give_fields(&c, app_id);
    reply = api_want(h, 201, c.t->admin, "POST", at(h, "/v1/apps/%s/connections", app_id),
                     "{\"companies\": [{\"company\": \"c1\", \"values\":"
                     " {\"token\": \"" TOKEN "\", \"plain\": \"seen\"}}]}");
    c.connection_id = reply_text(&reply, "data.0.id");
    hook = given_subscription(h, c.t, app_id, "/hook", "order.paid");
    sinker_rule(h, "/hook",
                "{\"replies\": [{\"status\": 500, \"body\": \"" TOKEN " is wrong\"}], \"then\":"
                " {\"status\": 200, \"headers\": {\"X-Echo\": \"" IBAN "\"}, \"body\":"
                " \"{\\\"said\\\": \\\"canary \\\\u00e9 note\\\"}\"}}");
    c.event_id = publish(h, c.t, "order.paid", "c1", PAYLOAD);
    reply = api_want(h, 200, c.t->admin, "GET", at(h, "/v1/events/%s", c.event_id), NULL);
    c.message_id = reply_text(&reply, "messages.0.id");
    api_wait_for(h, c.t->admin, at(h, "/v1/messages/%s", c.message_id), "status", "succeeded",
                 SOON_MS);
    own(&c, "app_id", app_id);
    own(&c, "connection_id", c.connection_id);
    own(&c, "subscription_id", hook.id);
    own(&c, "event_id", c.event_id);
    own(&c, "message_id", c.message_id);
    own(&c, "attempt_no", "2");
    own(&c, "name", "order.paid");
    own(&c, "key", "token");
    own(&c, "webhook_id", hook.id);
    return c;
}

/* Asks all that support can GET; how many answered. */
static unsigned check_all_gets(struct cage *c)
{
    struct harness *h = c->h;
    struct listed_route routes[MAX_ROUTES];
    size_t n_routes = list_routes(h, routes, HK_COUNTOF(routes));
    unsigned n_seen = 0;

    for (size_t i = 0; i < n_routes; i++) {
        const char *path = path_of(h, &routes[i], &c->own);
        struct reply reply;

        if (strcmp(routes[i].method, "GET") != 0 || path == NULL ||
            strstr(path, "/tail") != NULL) /* a stream, which does not end */
            continue;
        reply = api_call(h, c->t->support, "GET", path, NULL);
        assert_masked(&reply);
        n_seen += reply.status == 200;
    }
    return n_seen;
}

static void test_no_get_shows_support_what_is_sensitive(void **state)
{
    struct cage c = given_cage(*state);

    assert_in_range(check_all_gets(&c), 25, MAX_ROUTES);
}

static void patch_type(const struct cage *c, const char *body)
{
    (void)api_want(c->h, 200, c->t->admin, "PATCH", "/v1/event_types/order.paid", body);
}

static const char *field_of(const struct cage *c)
{
    return at(c->h, "/v1/apps/%s/custom_fields/token",
              db_text(c->h, "SELECT id FROM hookline.app WHERE partner = 'acme'"));
}

static void test_what_was_sensitive_when_it_was_stored_stays_masked(void **state)
{
    struct harness *h = *state;
    struct cage c = given_cage(h);
    const char *connection = at(h, "/v1/connections/%s", c.connection_id), *id;
    struct reply reply;

    (void)api_want(h, 200, c.t->partner, "PATCH", field_of(&c), "{\"is_sensitive\": false}");
    patch_type(&c, "{\"sensitive_paths\": []}");
    assert_in_range(check_all_gets(&c), 25, MAX_ROUTES);

    /* Another change carries the value into a new version, as it was. */
    (void)api_want(h, 200, c.t->admin, "PATCH", connection, "{\"values\": {\"plain\": \"x\"}}");
    api_wait_for(h, c.t->support, connection, "values.token", "***", SOON_MS);

    /* What is given and published from now on is not sensitive. */
    (void)api_want(h, 200, c.t->admin, "PATCH", connection, "{\"values\": {\"token\": \"new\"}}");
    api_wait_for(h, c.t->support, connection, "values.token", "new", SOON_MS);
    id = publish(h, c.t, "order.paid", "c1", "{\"person\": {\"iban\": \"open\"}}");
    reply = api_want(h, 200, c.t->support, "GET", at(h, "/v1/events/%s", id), NULL);
    assert_string_equal(reply_text(&reply, "payload.person.iban"), "open");
}

static void test_what_is_deleted_or_changes_a_hundred_times_stays_masked(void **state)
{
    struct harness *h = *state;
    struct cage c = given_cage(h);

    (void)api_want(h, 204, c.t->partner, "DELETE", field_of(&c), NULL);
    for (unsigned i = 0; i < 120; i++)
        patch_type(&c, at(h, "{\"sensitive_paths\": [\"$.p%u\"]}", i));
    (void)check_all_gets(&c);
}

static void test_what_is_masked_is_there_and_the_rest_is_seen(void **state)
{
    struct harness *h = *state;
    struct cage c = given_cage(h);
    const char *event = at(h, "/v1/events/%s", c.event_id);
    const char *attempt = at(h, "/v1/messages/%s/attempts/2", c.message_id);
    struct reply reply = api_want(h, 200, c.t->support, "GET", event, NULL);

    assert_string_equal(reply_text(&reply, "payload.person.iban"), "***");
    assert_string_equal(reply_text(&reply, "payload.person.name"), "Ann");
    assert_string_equal(reply_text(&reply, "payload.lines.0.note"), "***");
    reply = api_want(h, 200, c.t->support, "GET", attempt, NULL);
    assert_string_equal(reply_text(&reply, "response_body"), "***");
    assert_string_equal(reply_text(&reply, "response_headers"), "***");
    assert_string_equal(reply_text(&reply, "request_headers.webhook-id"), c.message_id);
    reply = api_want(h, 200, c.t->support, "GET", at(h, "/v1/messages/%s/attempts/1", c.message_id),
                     NULL);
    assert_string_equal(reply_text(&reply, "response_body"), "***");
    reply =
        api_want(h, 200, c.t->support, "GET", at(h, "/v1/connections/%s", c.connection_id), NULL);
    assert_string_equal(reply_text(&reply, "values.token"), "***");
    assert_string_equal(reply_text(&reply, "values.plain"), "seen");

    /* The others see what was published, byte for byte. */
    reply = api_want(h, 200, c.t->admin, "GET", event, NULL);
    assert_non_null(strstr(reply.body, PAYLOAD));
    reply = api_want(h, 200, c.t->partner, "GET", event, NULL);
    assert_non_null(strstr(reply.body, PAYLOAD));
    reply = api_want(h, 200, c.t->admin, "GET", attempt, NULL);
    assert_non_null(strstr(reply_text(&reply, "response_headers"), IBAN));
    /* So do receivers. */
    reply = sinker_request(h, "/hook", 1);
    assert_non_null(strstr(reply_text(&reply, "body"), PAYLOAD));
    assert_non_null(strstr(reply_text(&reply, "body"), TOKEN));
    assert_string_equal(reply_text(&reply, "signature"), "valid");
}

static void test_with_a_reason_support_sees_it_and_the_admin_sees_that(void **state)
{
    struct harness *h = *state;
    struct cage c = given_cage(h);
    struct tenant *other = given_tenant(h);
    const char *event = at(h, "/v1/events/%s/unmask", c.event_id);
    const char *attempt = at(h, "/v1/messages/%s/attempts/2/unmask", c.message_id);
    struct reply reply = api_want(h, 200, c.t->support, "POST", event, "{\"reason\": \"case 8\"}");

    assert_non_null(strstr(reply.body, PAYLOAD));
    reply = api_want(h, 200, c.t->support, "POST", attempt, "{\"reason\": \"case 9\"}");
    assert_non_null(strstr(reply_text(&reply, "response_headers"), IBAN));
    reply = api_want(h, 200, c.t->admin, "GET", "/v1/audit-log", NULL);
    assert_non_null(strstr(reply.body, "event.unmasked"));
    assert_non_null(strstr(reply.body, "case 8"));
    assert_non_null(strstr(reply.body, "attempt.unmasked"));
    assert_non_null(strstr(reply.body, "case 9"));

    reply = api_call(h, c.t->support, "POST", event, "{}");
    assert_problem(h, reply, 422, "invalid_body", "/reason");
    reply = api_call(h, c.t->receiver, "POST", event, "{\"reason\": \"x\"}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, other->support, "POST", event, "{\"reason\": \"x\"}");
    assert_problem(h, reply, 404, "not_found", NULL);
    reply = api_call(h, other->support, "POST", attempt, "{\"reason\": \"x\"}");
    assert_problem(h, reply, 404, "not_found", NULL);
    /* It lasts for one reply. */
    reply = api_want(h, 200, c.t->support, "GET", at(h, "/v1/events/%s", c.event_id), NULL);
    assert_masked(&reply);
}

/* What it may see is found by it; what is masked cannot be guessed, as a whole or letter by letter.
 */
static void test_no_query_tells_support_what_is_masked(void **state)
{
    static const struct {
        const char *q; /* of a URL */
        bool is_masked;
    } cases[] = {
        {"path:%22%24.person.iban%20starts%20with%20%5C%22NL%5C%22%22%20since:1h", true},
        {"path:%22%24.person.iban%20==%20%5C%22" IBAN "%5C%22%22%20since:1h", true},
        {"path:%22%24.person.iban%20!=%20%5C%22x%5C%22%22%20since:1h", true},
        {"path:%22%24.person.%5C%22iban%5C%22%20!=%20%5C%22x%5C%22%22%20since:1h", true},
        {"path:%22%24.lines%5B*%5D.note%20starts%20with%20%5C%22c%5C%22%22%20since:1h", true},
        {"path:%22exists(%24.lines%5B*%5D%20?%20(@.note%20!=%20%5C%22x%5C%22))%22%20since:1h",
         true},
        {"path:%22%24.person.name%20starts%20with%20%5C%22A%5C%22%22%20since:1h", false},
        {"attr.iban:" IBAN, true},
        {"attr.iban:" IBAN "%20type:order.*", true},
        {"attr.name:Ann", false},
        {"attr.name:Ann%20type:order.paid", false},
    };
    struct harness *h = *state;
    struct cage c = given_cage(h);

    patch_type(&c, "{\"attributes\": {\"iban\": \"$.person.iban\", \"name\": \"$.person.name\"}}");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        static const char *const paths[] = {"/v1/messages", "/v1/messages/count", "/v1/attempts",
                                            "/v1/messages/export", "/v1/attempts/export"};

        for (size_t j = 0; j < HK_COUNTOF(paths); j++) {
            const char *path = at(h, "%s?q=%s", paths[j], cases[i].q);
            const char *found = j == 1 ? "\"count\" : 1," : c.message_id;
            struct reply reply = api_want(h, 200, c.t->admin, "GET", path, NULL);

            assert_non_null(strstr(reply.body, found));
            reply = api_call(h, c.t->support, "GET", path, NULL);
            if (cases[i].is_masked)
                assert_problem(h, reply, 422, "invalid_parameter", "/q");
            else
                assert_non_null(strstr(reply.body, found));
        }
    }
}

/* A refusal says which type it is because of; without that type the query can be asked. */
static void test_what_is_masked_in_one_type_can_be_asked_of_the_others(void **state)
{
    static const char q[] = "attr.iban:" IBAN;
    struct harness *h = *state;
    struct cage c = given_cage(h);
    struct reply reply;

    patch_type(&c, "{\"attributes\": {\"iban\": \"$.person.iban\"}}");
    (void)api_want(h, 201, c.t->admin, "POST", "/v1/event_types",
                   "{\"name\": \"bank.opened\", \"attributes\": {\"iban\": \"$.iban\"}}");
    reply = api_call(h, c.t->support, "GET", at(h, "/v1/messages?q=%s", q), NULL);
    assert_problem(h, reply, 422, "invalid_parameter", "/q");
    assert_non_null(strstr(reply.body, "attribute.iban is masked for you in order.paid"));
    assert_non_null(strstr(reply.body, "-type:order.paid"));
    (void)api_want(h, 200, c.t->support, "GET", at(h, "/v1/messages?q=%s%%20-type:order.paid", q),
                   NULL);
    (void)api_want(h, 200, c.t->support, "GET", at(h, "/v1/messages?q=%s%%20type:bank.*", q), NULL);
    reply = api_call(h, c.t->support, "GET", at(h, "/v1/tail?q=%s", q), NULL);
    assert_problem(h, reply, 422, "invalid_parameter", "/q");
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'message.exported'"),
                     0);
    reply = api_call(h, c.t->support, "GET", at(h, "/v1/messages/export?q=%s", q), NULL);
    assert_problem(h, reply, 422, "invalid_parameter", "/q");
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'message.exported'"),
                     0);
}

/* Nobody sees payloads or answers there, and what is said of attempts is masked for all: it is read
 * once for all who watch. */
static void test_the_tail_shows_nobody_what_is_sensitive(void **state)
{
    struct harness *h = *state;
    struct cage c = given_cage(h);
    struct stream streams[] = {stream_open(h, c.t->support, "/v1/tail", NULL),
                               stream_open(h, c.t->admin, "/v1/tail", NULL)};

    (void)publish(h, c.t, "order.paid", "c1", PAYLOAD);
    for (size_t i = 0; i < HK_COUNTOF(streams); i++) {
        stream_wait(&streams[i], "event: attempt\n", 1, SOON_MS);
        for (size_t k = 0; k < HK_COUNTOF(canaries); k++)
            assert_int_equal(stream_count(&streams[i], canaries[k]), 0);
        stream_close(&streams[i]);
    }
}

/* It could be asked when it was opened; a type that is sensitive since then is asked of its masks.
 */
static void test_what_becomes_sensitive_is_found_no_longer_by_who_watches_already(void **state)
{
    static const char path[] =
        "/v1/tail?q=path:%22%24.person.name%20==%20%5C%22Ann%5C%22%22%20since:1h";
    struct harness *h = *state;
    struct cage c = given_cage(h);
    struct stream support = stream_open(h, c.t->support, path, NULL),
                  admin = stream_open(h, c.t->admin, path, NULL);

    (void)publish(h, c.t, "order.paid", "c1", PAYLOAD);
    stream_wait(&support, "event: message\n", 1, SOON_MS);
    patch_type(&c, "{\"sensitive_paths\": [\"$.person\"]}");
    (void)publish(h, c.t, "order.paid", "c1", PAYLOAD);
    stream_wait(&admin, "event: message\n", 2, SOON_MS);
    patch_type(&c, "{\"sensitive_paths\": null}");
    (void)publish(h, c.t, "order.paid", "c1", PAYLOAD);
    stream_wait(&admin, "event: message\n", 3, SOON_MS);
    stream_wait(&support, "event: message\n", 2, SOON_MS); /* the first and the last */
    assert_int_equal(stream_count(&support, "event: message\n"), 2);
    stream_close(&support);
    stream_close(&admin);
}

/* Workers plan it, who ask for whoever has asked. */
static void test_no_replay_tells_support_what_is_masked(void **state)
{
    static const char body[] =
        "{\"q\": \"path:\\\"$.person.iban starts with \\\\\\\"NL\\\\\\\"\\\" since:1h\"}";
    struct harness *h = *state;
    struct cage c = given_cage(h);
    struct reply reply = api_call(h, c.t->support, "POST", "/v1/replays", body), made;

    assert_problem(h, reply, 422, "invalid_body", "/q");
    made = api_want(h, 201, c.t->admin, "POST", "/v1/replays", body);
    api_wait_for(h, c.t->admin, at(h, "/v1/replays/%s", reply_text(&made, "id")), "state",
                 "planned", SOON_MS);
}

static void test_whoever_may_not_read_events_asks_nothing_of_payloads(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply made = api_want(h, 201, t->admin, "POST", "/v1/keys",
                                 "{\"name\": \"k\", \"role\": \"support\", \"scopes\":"
                                 " [\"messages:read\", \"messages:resend\"]}");
    const char *key = reply_text(&made, "key");
    struct reply reply;

    reply = api_call(h, key, "GET", "/v1/messages?q=path:%22%24.a==1%22%20since:1h", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "GET", "/v1/tail?q=attr.path:1", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "POST", "/v1/replays", "{\"q\": \"attr.a:1\"}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "GET", "/v1/messages?q=company:%22a%5C%22path%5C%22:%22", NULL);
    assert_status(reply, 200);
}

/* No copy of it outlives the payload, and nobody looks twice for one line of the audit log. */
static void test_an_unmasked_reply_is_not_kept_for_an_idempotency_key(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: look", NULL};
    struct harness *h = *state;
    struct cage c = given_cage(h);
    const char *const paths[] = {at(h, "/v1/events/%s/unmask", c.event_id),
                                 at(h, "/v1/messages/%s/attempts/2/unmask", c.message_id)};

    for (size_t i = 0; i < 2 * HK_COUNTOF(paths); i++) {
        struct reply reply =
            api_send(h, c.t->support, "POST", paths[i / 2], HK_STR("{\"reason\": \"x\"}"), headers);

        assert_status(reply, 200);
        assert_null(reply_header(h->http, &reply, "idempotency-replayed"));
    }
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action LIKE '%%.unmasked'"), 4);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.idempotency_key"), 0);
}

static void test_what_nobody_can_compare_any_more_is_masked_as_a_whole(void **state)
{
    struct harness *h = *state;
    struct cage c = given_cage(h);
    struct reply reply;

    (void)db_text(h, "UPDATE hookline.event SET payload = 'null', payload_state = 'expired',"
                     " payload_gone_at = now()");
    reply = api_want(h, 200, c.t->support, "GET", at(h, "/v1/messages/%s/attempts", c.message_id),
                     NULL);
    assert_masked(&reply);
    assert_string_equal(reply_text(&reply, "data.0.response_body"), "***");
    assert_string_equal(reply_text(&reply, "data.1.response_headers"), "***");
}

static void test_paths_are_checked_and_reach_everywhere(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    static const char *const wrong[] = {"",
                                        "$",
                                        "person",
                                        "$.",
                                        "$.a.",
                                        "$a",
                                        "$..a",
                                        "$.a[0]",
                                        "$[*",
                                        "$.a b",
                                        "$.a'",
                                        "$.\\u00e9",
                                        "$.a.a.a.a.a.a.a.a.a.a.a"};
    static const struct {
        const char *path, *payload, *shown;
    } cases[] = {
        {"$.a", "{\"a\": {\"b\": 1}, \"c\": 2}", "{\"a\": \"***\", \"c\": 2}"},
        {"$.a", "[{\"a\": 1}, {\"b\": 2}, 3]", "[{\"a\": \"***\"}, {\"b\": 2}, 3]"},
        {"$.a[*].b", "{\"a\": [{\"b\": 1}, {\"c\": 2}]}",
         "{\"a\": [{\"b\": \"***\"}, {\"c\": 2}]}"},
        {"$.a.b", "{\"a\": [[{\"b\": 1}]]}", "{\"a\": [[{\"b\": \"***\"}]]}"},
        {"$.*.b", "{\"x\": {\"b\": 1}, \"y\": 2}", "{\"x\": {\"b\": \"***\"}, \"y\": 2}"},
        {"$.a.b", "{\"a\": 1.50}", "{\"a\": 1.50}"},
        {"$[*]", "[1, \"x\"]", "[\"***\", \"***\"]"},
        {"$.a", "{\"a\": 1, \"a\": 2}", "{\"a\": \"***\"}"},
        {"$.a", "{\"a\": 1, \"n\": 1e400000}", "\"***\""}, /* jsonb takes no such number */
        {"$.a", "{\"a\": 1, \"n\": \"\\u0000\"}", "\"***\""},
    };

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, t->admin, "POST /v1/event_types",
                       hk_str(at(h, "{\"name\": \"x\", \"sensitive_paths\": [\"%s\"]}", wrong[i])),
                       422, "invalid_body", "/sensitive_paths/0");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        const char *shown;

        (void)db_text(h, "WITH t AS (DELETE FROM hookline.event_type) SELECT 1");
        (void)db_text(
            h,
            "INSERT INTO hookline.event_type (tenant_id, name, enrichable, sensitive_paths)"
            " VALUES ('%s', 'x', false, ARRAY['%s']) RETURNING name",
            t->id, cases[i].path);
        shown =
            db_text(h, "SELECT hookline.payload_shown('%s', 'x', '%s')", t->id, cases[i].payload);
        assert_string_equal(shown, cases[i].shown);
    }
}

int main(void)
{
    static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_no_get_shows_support_what_is_sensitive, .env = quick),
        harness_test(test_what_was_sensitive_when_it_was_stored_stays_masked, .env = quick),
        harness_test(test_what_is_deleted_or_changes_a_hundred_times_stays_masked, .env = quick),
        harness_test(test_what_is_masked_is_there_and_the_rest_is_seen, .env = quick),
        harness_test(test_with_a_reason_support_sees_it_and_the_admin_sees_that, .env = quick),
        harness_test(test_no_query_tells_support_what_is_masked, .env = quick),
        harness_test(test_what_is_masked_in_one_type_can_be_asked_of_the_others, .env = quick),
        harness_test(test_the_tail_shows_nobody_what_is_sensitive, .env = quick),
        harness_test(test_what_becomes_sensitive_is_found_no_longer_by_who_watches_already,
                     .env = quick),
        harness_test(test_no_replay_tells_support_what_is_masked, .env = quick),
        harness_test(test_whoever_may_not_read_events_asks_nothing_of_payloads,
                     .has_no_worker = true),
        harness_test(test_an_unmasked_reply_is_not_kept_for_an_idempotency_key, .env = quick),
        harness_test(test_what_nobody_can_compare_any_more_is_masked_as_a_whole, .env = quick),
        harness_test(test_paths_are_checked_and_reach_everywhere, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("masking", tests, NULL, NULL);
}
