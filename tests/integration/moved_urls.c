/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subscription has for its receiver's eyes, credentials and header fields, goes to another
 * host only when somebody says so (docs/adr/0037-secrets-do-not-move-with-a-url.md).
 */
#include "tests/support/check.h"
#include "tests/support/message.h"

#define MOVE "\"url\": \"https://elsewhere.example/hook\""

struct story {
    struct harness *h;
    struct tenant *t;
    const char *path;
};

static void change(const struct story *s, const char *members)
{
    (void)api_want(s->h, 200, s->t->partner, "PATCH", s->path,
                   http_text(s->h->http, "{%s}", members));
}

static void refused(const struct story *s, const char *members, const char *pointer)
{
    expect_refused(s->h, s->t->partner, http_text(s->h->http, "PATCH %s", s->path),
                   hk_str(http_text(s->h->http, "{%s}", members)), 422, "invalid_body", pointer);
}

static struct story given(void **state, const char *members)
{
    struct story s = {.h = *state};

    s.t = given_tenant(s.h);
    s.path = http_text(s.h->http, "/v1/subscriptions/%s", given_story(s.h, s.t, "/hook").id);
    change(&s, "\"url\": \"https://receiver.example/hook\"");
    change(&s, members);
    return s;
}

static int64_t n_credentials(const struct story *s)
{
    return db_int(s->h, "SELECT count(*) FROM hookline.subscription_credentials");
}

static void test_credentials_do_not_go_to_another_host_by_themselves(void **state)
{
    static const char *const credentials[] = {
        "\"credentials\": {\"username\": \"u\", \"password\": \"p\"}",
        "\"credentials\": {\"token\": \"t\"}",
        ("\"credentials\": {\"token_url\": \"https://login.example/\", \"client_id\": \"a\","
         " \"client_secret\": \"b\"}"),
    };
    struct story s = given(state, credentials[0]);
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(credentials); i++) {
        change(&s, credentials[i]);
        refused(&s, MOVE, "/credentials");
        refused(&s, MOVE ", \"keep_credentials\": false", "/credentials");
    }
    reply = api_want(s.h, 200, s.t->partner, "GET", s.path, NULL);
    assert_string_equal(reply_text(&reply, "url"), "https://receiver.example/hook");
    assert_int_equal(n_credentials(&s), 1);
}

static void test_they_are_given_again_taken_away_or_kept(void **state)
{
    static const char *const sayings[] = {
        "\"keep_credentials\": true",
        "\"credentials\": {\"token\": \"new\"}",
        "\"credentials\": null",
    };

    for (size_t i = 0; i < HK_COUNTOF(sayings); i++) {
        struct story s = given(state, "\"credentials\": {\"token\": \"t\"}");

        change(&s, http_text(s.h->http, MOVE ", %s", sayings[i]));
        assert_int_equal(
            db_int(s.h,
                   "SELECT count(*) FROM hookline.subscription_credentials WHERE tenant_id = '%s'",
                   s.t->id),
            i < 2);
    }
}

static void test_sensitive_header_fields_are_credentials_too(void **state)
{
    struct story s = given(
        state, "\"headers\": {\"X-Api-Key\": \"k\", \"X-Auth\": \"a\", \"X-Plan\": \"gold\"}");

    refused(&s, MOVE, "/headers");
    refused(&s, MOVE ", \"headers\": {\"X-Api-Key\": \"new\"}", "/headers"); /* and X-Auth? */
    change(&s, MOVE ", \"headers\": {\"x-api-key\": \"new\", \"X-Auth\": null}");
    change(&s, "\"headers\": null");
    change(&s, "\"url\": \"https://third.example/\"");
}

static void test_the_same_receiver_is_not_asked_about(void **state)
{
    static const char *const urls[] = {
        "https://receiver.example/other?a=1",
        "https://RECEIVER.example:443/",
    };
    struct story s = given(state, "\"credentials\": {\"token\": \"t\"}");

    for (size_t i = 0; i < HK_COUNTOF(urls); i++)
        change(&s, http_text(s.h->http, "\"url\": \"%s\"", urls[i]));
    assert_int_equal(n_credentials(&s), 1);
}

static void test_where_a_url_leads(void **state)
{
    static const struct {
        const char *old_url, *new_url;
        bool has_moved;
    } cases[] = {
        {"https://a.example/x", "https://a.example/y?z", false},
        {"https://a.example", "https://A.EXAMPLE:443", false},
        {"http://a.example/", "http://a.example:80/", false},
        {"http://a.example/", "https://a.example/", false},
        {"http://a.example:80/", "https://a.example:443/", false},
        {"https://a.example/", "http://a.example/", true},
        {"https://a.example/", "https://a.example:8443/", true},
        {"https://a.example:8443/", "https://a.example/", true},
        {"https://a.example/", "https://b.a.example/", true},
        {"https://a.example/", "https://a.example.b/", true},
        {"https://[2001:db8::443]/", "https://[2001:db8::443]:443/", false},
        {"https://[2001:db8::443]/", "https://[2001:db8::1]/", true},
    };
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        if (db_int(h, "SELECT hookline.url_has_moved('%s', '%s')::integer", cases[i].old_url,
                   cases[i].new_url) != cases[i].has_moved)
            fail_test("%s -> %s", cases[i].old_url, cases[i].new_url);
    }
}

static void test_what_has_no_credentials_moves_freely(void **state)
{
    struct story s = given(state, "\"headers\": {\"X-Plan\": \"gold\"}");

    change(&s, MOVE);
}

#define still_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        still_test(test_credentials_do_not_go_to_another_host_by_themselves),
        still_test(test_they_are_given_again_taken_away_or_kept),
        still_test(test_sensitive_header_fields_are_credentials_too),
        still_test(test_the_same_receiver_is_not_asked_about),
        still_test(test_where_a_url_leads),
        still_test(test_what_has_no_credentials_moves_freely),
    };

    return cmocka_run_group_tests_name("moved_urls", tests, NULL, NULL);
}
