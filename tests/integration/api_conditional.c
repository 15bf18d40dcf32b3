/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags: a change that has not seen the last one is refused, an unchanged object is not sent
 * again. */
#include <string.h>

#include "tests/support/check.h"

enum { N_PATHS = 6 };

/* A path of each noun that PATCH knows, with a change. */
struct change {
    const char *key, *path, *body;
};

static void make_one_of_each(struct harness *h, struct tenant *t, struct change ret[N_PATHS])
{
    struct subscription subscription = given_story(h, t, "/hook");
    struct reply reply = api_call(h, t->admin, "GET", "/v1/connections", NULL);
    const char *connection_id = reply_text(&reply, "data.0.id");
    const char *app_id = reply_text(&reply, "data.0.app_id");
    const char *company_id = reply_text(&reply, "data.0.company.id");

    reply = api_call(h, t->partner, "POST", http_text(h->http, "/v1/apps/%s/custom_fields", app_id),
                     "{\"key\": \"code\", \"type\": \"text\"}");
    assert_status(reply, 201);
    ret[0] = (struct change){h->operator_key, http_text(h->http, "/v1/tenants/%s", t->id),
                             "{\"name\": \"n2\"}"};
    ret[1] = (struct change){t->partner, http_text(h->http, "/v1/apps/%s", app_id),
                             "{\"description\": \"d2\"}"};
    ret[2] = (struct change){t->admin, http_text(h->http, "/v1/companies/%s", company_id),
                             "{\"name\": \"n2\"}"};
    ret[3] = (struct change){t->admin, http_text(h->http, "/v1/connections/%s", connection_id),
                             "{\"values\": {\"code\": \"x\"}}"};
    ret[4] = (struct change){t->admin, "/v1/event_types/order.paid", "{\"description\": \"d2\"}"};
    ret[5] =
        (struct change){t->partner, http_text(h->http, "/v1/subscriptions/%s", subscription.id),
                        "{\"description\": \"d2\"}"};
}

static struct reply send_with(struct harness *h, const struct change *change, const char *method,
                              const char *name, const char *value)
{
    const char *const headers[] = {http_text(h->http, "%s: %s", name, value), NULL};

    return api_send(h, change->key, method, change->path,
                    strcmp(method, "GET") == 0 ? HK_STR_NULL : hk_str(change->body), headers);
}

static const char *etag_of(struct harness *h, const struct change *change)
{
    struct reply reply = api_call(h, change->key, "GET", change->path, NULL);

    assert_status(reply, 200);
    return reply_header(h->http, &reply, "etag");
}

static void test_a_change_that_has_seen_the_last_one_is_made(void **state)
{
    struct harness *h = *state;
    struct change changes[N_PATHS];
    struct reply reply;

    make_one_of_each(h, given_tenant(h), changes);
    for (size_t i = 0; i < N_PATHS; i++) {
        const char *etag = etag_of(h, &changes[i]);

        assert_non_null(etag);
        assert_int_equal(strlen(etag), 34);
        reply = send_with(h, &changes[i], "PATCH", "If-Match", etag);
        assert_status(reply, 200);
        assert_string_not_equal(reply_header(h->http, &reply, "etag"), etag);
        assert_string_equal(reply_header(h->http, &reply, "etag"), etag_of(h, &changes[i]));
        /* any of a list, or whatever there is */
        etag = http_text(h->http, "\"other\" , %s", reply_header(h->http, &reply, "etag"));
        reply = send_with(h, &changes[i], "PATCH", "If-Match", etag);
        assert_status(reply, 200);
        reply = send_with(h, &changes[i], "PATCH", "If-Match", "*");
        assert_status(reply, 200);
    }
}

static void test_a_change_that_has_missed_one_is_refused(void **state)
{
    struct harness *h = *state;
    struct change changes[N_PATHS];

    make_one_of_each(h, given_tenant(h), changes);
    for (size_t i = 0; i < N_PATHS; i++) {
        const char *stale[] = {etag_of(h, &changes[i]), "\"\"", "", "W/\"x\"", NULL};
        struct reply reply =
            api_send(h, changes[i].key, "PATCH", changes[i].path, hk_str(changes[i].body), NULL);
        const char *rows;

        assert_status(reply, 200);
        stale[4] = http_text(h->http, "W/%s", reply_header(h->http, &reply, "etag"));
        rows = db_all_rows(h);
        for (size_t s = 0; s < HK_COUNTOF(stale); s++) {
            if (stale[s][0] == '\0')
                continue; /* curl leaves an empty header out */
            reply = send_with(h, &changes[i], "PATCH", "If-Match", stale[s]);
            assert_problem(h, reply, 412, "precondition_failed", NULL);
        }
        assert_string_equal(db_all_rows(h), rows);
    }
}

/* Who may not see it learns nothing from a precondition. */
static void test_what_is_not_there_is_404_before_412(void **state)
{
    struct harness *h = *state;
    struct tenant *other;
    struct change changes[N_PATHS];

    make_one_of_each(h, given_tenant(h), changes);
    other = given_tenant(h);
    for (size_t i = 1; i < N_PATHS; i++) {
        struct change foreign = {other->admin, changes[i].path, changes[i].body};
        struct reply reply = send_with(h, &foreign, "PATCH", "If-Match", "\"x\"");

        assert_problem(h, reply, 404, "not_found", NULL);
    }
}

static void test_of_two_changes_that_saw_the_same_one_is_made(void **state)
{
    struct harness *h = *state;
    struct change changes[N_PATHS];

    make_one_of_each(h, given_tenant(h), changes);
    for (size_t i = 0; i < N_PATHS; i++) {
        const char *etag = etag_of(h, &changes[i]);
        struct reply first = send_with(h, &changes[i], "PATCH", "If-Match", etag);
        struct reply second = send_with(h, &changes[i], "PATCH", "If-Match", etag);

        assert_status(first, 200);
        assert_problem(h, second, 412, "precondition_failed", NULL);
    }
}

static void test_an_unchanged_object_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct change changes[N_PATHS];

    make_one_of_each(h, given_tenant(h), changes);
    for (size_t i = 0; i < N_PATHS; i++) {
        const char *etag = etag_of(h, &changes[i]);
        struct reply reply = send_with(h, &changes[i], "GET", "If-None-Match", etag);

        assert_status(reply, 304);
        assert_int_equal(reply.body_n, 0);
        assert_string_equal(reply_header(h->http, &reply, "etag"), etag);
        assert_null(reply_header(h->http, &reply, "content-length"));
        reply = send_with(h, &changes[i], "GET", "If-None-Match",
                          http_text(h->http, "\"a\", W/%s", etag));
        assert_status(reply, 304);
        reply = send_with(h, &changes[i], "GET", "If-None-Match", "*");
        assert_status(reply, 304);
        reply = send_with(h, &changes[i], "GET", "If-None-Match", "\"a\"");
        assert_status(reply, 200);
        reply = send_with(h, &changes[i], "PATCH", "If-Match", etag);
        assert_status(reply, 200);
        reply = send_with(h, &changes[i], "GET", "If-None-Match", etag);
        assert_status(reply, 200);
    }
}

static void test_a_change_may_say_that_it_is_a_merge_patch(void **state)
{
    struct harness *h = *state;
    struct change changes[N_PATHS];
    struct reply reply;

    make_one_of_each(h, given_tenant(h), changes);
    for (size_t i = 0; i < N_PATHS; i++) {
        reply = send_with(h, &changes[i], "PATCH", "Content-Type", "application/merge-patch+json");
        assert_status(reply, 200);
        reply = send_with(h, &changes[i], "PATCH", "Content-Type", "application/json-patch+json");
        assert_problem(h, reply, 415, "unsupported_media_type", NULL);
    }
    changes[0].path = "/v1/tenants";
    reply = send_with(h, &changes[0], "POST", "Content-Type", "application/merge-patch+json");
    assert_problem(h, reply, 415, "unsupported_media_type", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_change_that_has_seen_the_last_one_is_made),
        harness_test(test_a_change_that_has_missed_one_is_refused),
        harness_test(test_what_is_not_there_is_404_before_412),
        harness_test(test_of_two_changes_that_saw_the_same_one_is_made),
        harness_test(test_an_unchanged_object_is_not_sent_again),
        harness_test(test_a_change_may_say_that_it_is_a_merge_patch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
