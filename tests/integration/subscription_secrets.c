/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription's signing secrets: rotation with an overlap, import, limits. */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

struct story {
    struct tenant *t;
    struct subscription subscription; /* of /hook */
    const char *path;                 /* of its secrets */
};

static struct story given(struct harness *h)
{
    struct story s = {.t = given_tenant(h)};

    s.subscription = given_story(h, s.t, "/hook");
    s.path = http_text(h->http, "/v1/subscriptions/%s/secrets", s.subscription.id);
    return s;
}

static struct reply create(struct harness *h, const struct story *s, const char *body)
{
    return api_want(h, 201, s->t->partner, "POST", s->path, body);
}

/* The path's sinker knows these secrets only. */
static void expect_secret(struct harness *h, const char *secret)
{
    sinker_rule(h, "/hook", "{\"secret\": \"%s\"}", secret);
}

/* What the sinker, which knows one secret, says of the signatures of one event. */
static const char *send_one(struct harness *h, const struct story *s, struct reply *ret)
{
    unsigned n = sinker_count(h, "/hook");

    (void)publish(h, s->t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", n + 1, 10000);
    *ret = sinker_request(h, "/hook", n);
    return reply_text(ret, "signature");
}

static unsigned count_signatures(const struct reply *request)
{
    const char *at = reply_text(request, "headers.webhook-signature");
    unsigned n = 0;

    for (; (at = strstr(at, "v1,")) != NULL; at += 3)
        n++;
    return n;
}

static void test_both_secrets_sign_during_the_overlap(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply made = create(h, &s, "{\"overlap_s\": 3600}"), request, list;
    const char *secret = reply_text(&made, "secret");

    assert_members(made, "", "id,kind,public_key,created_at,expires_at,secret");
    assert_true(reply_is_null(&made, "expires_at"));
    assert_string_equal(reply_header(h->http, &made, "location"),
                        http_text(h->http, "%s/%s", s.path, reply_text(&made, "id")));
    expect_secret(h, s.subscription.secret);
    assert_string_equal(send_one(h, &s, &request), "valid");
    expect_secret(h, secret);
    assert_string_equal(send_one(h, &s, &request), "valid");
    assert_int_equal(count_signatures(&request), 2);

    list = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    assert_int_equal(reply_count(&list, "data"), 2);
    assert_members(list, "data.0", "id,kind,public_key,created_at,expires_at");
    assert_string_equal(reply_text(&list, "data.0.id"), reply_text(&made, "id"));
    assert_false(reply_is_null(&list, "data.1.expires_at"));
    assert_null(strstr(list.body, "whsec_"));
}

static void test_without_an_overlap_the_old_one_ends_at_once(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply made = create(h, &s, "{\"overlap_s\": 0}"), request, list;

    expect_secret(h, reply_text(&made, "secret"));
    assert_string_equal(send_one(h, &s, &request), "valid");
    assert_int_equal(count_signatures(&request), 1);
    list = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    assert_int_equal(reply_count(&list, "data"), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription_secret"), 1);
}

static bool first_has_expired(void *h)
{
    return db_int(h, "SELECT count(*) FROM subscription_secret WHERE expires_at <= now()") == 1;
}

static void test_an_expired_secret_signs_no_more_and_is_as_missing(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply first = api_want(h, 200, s.t->partner, "GET", s.path, NULL), request;
    const char *path = http_text(h->http, "%s/%s", s.path, reply_text(&first, "data.0.id"));

    (void)create(h, &s, "{\"overlap_s\": 1}");
    (void)api_want(h, 200, s.t->partner, "GET", path, NULL);
    assert_true(wait_until(first_has_expired, h, 10000));
    expect_secret(h, s.subscription.secret);
    assert_string_equal(send_one(h, &s, &request), "invalid");
    (void)api_want(h, 404, s.t->partner, "GET", path, NULL);
    (void)api_want(h, 404, s.t->partner, "DELETE", path, NULL);
}

static void test_a_later_rotation_does_not_let_a_secret_live_longer(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *before;
    struct reply list;

    (void)create(h, &s, "{\"overlap_s\": 60}");
    list = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    before = reply_text(&list, "data.1.expires_at");
    (void)create(h, &s, "{}"); /* a day */
    list = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    assert_string_equal(reply_text(&list, "data.2.expires_at"), before);
    assert_int_equal(db_int(h,
                            "SELECT floor(extract(epoch FROM expires_at - now()) / 3600)::integer"
                            "  FROM subscription_secret WHERE id = '%s'",
                            reply_text(&list, "data.1.id")),
                     23);
}

static void test_ten_secrets_are_live_at_most(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply request;

    for (int i = 0; i < 9; i++)
        (void)create(h, &s, NULL);
    expect_refused(h, s.t->partner, http_text(h->http, "POST %s", s.path), HK_STR("{}"), 409,
                   "conflict", "");
    expect_secret(h, s.subscription.secret);
    assert_string_equal(send_one(h, &s, &request), "valid");
    assert_int_equal(count_signatures(&request), 10);
    (void)create(h, &s, "{\"overlap_s\": 0}"); /* makes room by itself */
}

static void test_a_secret_can_be_imported_and_its_form_is_checked(void **state)
{
    static const char *const wrong[] = {
        "w",
        "whsec_%",
        "whsec_wronglength",
        "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        "whsk_6Xb/dCcHpPea21PS1N9VY/"
        "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kv",
        "hwsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "whsec_C2FVsBQIhrscChlQIM+b5sSYspob",
        "whsec_"
        "V09IYXZUaFJoSnFobnpJQkpPMXdpdGFNWnJsRzAxdXZCeTVndVpwRmxSSXFsc0oyYzBTRWRUekJhYnlaZ0JSRGNP"
        "Q3BGZG1xYjFVVmRGQ3UK",
        "",
    };
    struct harness *h = *state;
    struct story s = given(h);
    struct reply made, request;

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, s.t->partner, http_text(h->http, "POST %s", s.path),
                       hk_str(http_text(h->http, "{\"secret\": \"%s\"}", wrong[i])), 422,
                       "invalid_body", "/secret");
    made = create(h, &s, "{\"secret\": \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr\"}");
    assert_string_equal(reply_text(&made, "secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr==");
    expect_secret(h, reply_text(&made, "secret"));
    assert_string_equal(send_one(h, &s, &request), "valid");
}

static void test_the_only_secret_that_does_not_expire_stays(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply list, made;
    const char *old;

    list = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    old = http_text(h->http, "%s/%s", s.path, reply_text(&list, "data.0.id"));
    (void)api_want(h, 409, s.t->partner, "DELETE", old, NULL);
    made = create(h, &s, "{}");
    (void)api_want(h, 409, s.t->partner, "DELETE",
                   http_text(h->http, "%s/%s", s.path, reply_text(&made, "id")), NULL);
    (void)api_want(h, 204, s.t->partner, "DELETE", old, NULL);
    (void)api_want(h, 404, s.t->partner, "DELETE", old, NULL);
}

static void test_changes_are_in_the_audit_log_without_the_secret(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply list = api_want(h, 200, s.t->partner, "GET", s.path, NULL), made;

    made = create(h, &s, "{}");
    (void)api_want(h, 204, s.t->partner, "DELETE",
                   http_text(h->http, "%s/%s", s.path, reply_text(&list, "data.0.id")), NULL);
    assert_string_equal(db_text(h,
                                "SELECT string_agg(action, ' ' ORDER BY id) FROM audit_log"
                                " WHERE object_id = '%s' AND action LIKE 'subscription_secret.%%'",
                                s.subscription.id),
                        "subscription_secret.created subscription_secret.deleted");
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM audit_log WHERE detail::text LIKE '%%whsec_%%'"), 0);
    assert_null(strstr(harness_logs(h), reply_text(&made, "secret")));
}

static void test_partners_and_tenants_have_only_their_own(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *neighbour = given_key(h, s.t, "partner", "other");
    struct tenant *other = given_tenant(h);

    (void)api_want(h, 404, neighbour, "GET", s.path, NULL);
    (void)api_want(h, 404, neighbour, "POST", s.path, "{}");
    (void)api_want(h, 404, other->admin, "POST", s.path, "{}");
    (void)api_want(h, 403, s.t->support, "GET", s.path, NULL);
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription_secret"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_both_secrets_sign_during_the_overlap),
        harness_test(test_without_an_overlap_the_old_one_ends_at_once),
        harness_test(test_an_expired_secret_signs_no_more_and_is_as_missing),
        harness_test(test_a_later_rotation_does_not_let_a_secret_live_longer),
        harness_test(test_ten_secrets_are_live_at_most),
        harness_test(test_a_secret_can_be_imported_and_its_form_is_checked),
        harness_test(test_the_only_secret_that_does_not_expire_stays),
        harness_test(test_changes_are_in_the_audit_log_without_the_secret),
        harness_test(test_partners_and_tenants_have_only_their_own),
    };

    return cmocka_run_group_tests_name("subscription_secrets", tests, NULL, NULL);
}
