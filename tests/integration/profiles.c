/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: the shipped ones, a tenant's own, and what becomes of attempts when one changes. */
#include <stdio.h>
#include <string.h>

#include "hk/schedule.h"
#include "tests/support/check.h"
#include "tests/support/message.h"

#define MEMBERS                                                                                    \
    "name,is_shipped,base,envelope,signature,secret_of,starts,verification,responses,timeout_ms,"  \
    "schedule,"                                                                                    \
    "attempts_after_s,gives_up_after_s,"                                                           \
    "jitter_percent,retry_after_cap_ms,failing_after_h,disable_after_h,created_at,updated_at"

static void test_the_shipped_profiles_are_everybodys(void **state)
{
    static const char *const shipped[] = {"acculynx", "basecone",    "basekit",
                                          "basiq",    "cloudevents", "standard"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = api_want(h, 200, t->partner, "GET", "/v1/profiles", NULL);

    assert_int_equal(reply_count(&reply, "data"), HK_COUNTOF(shipped));
    for (size_t i = 0; i < HK_COUNTOF(shipped); i++) {
        const char *at = http_text(h->http, "data.%zu", i);

        assert_members(reply, at, MEMBERS);
        assert_string_equal(reply_text(&reply, http_text(h->http, "%s.name", at)), shipped[i]);
        assert_true(reply_bool(&reply, http_text(h->http, "%s.is_shipped", at)));
    }
    reply = api_want(h, 200, t->support, "GET", "/v1/profiles/basecone", NULL);
    assert_string_equal(reply_text(&reply, "schedule"), "1h*168");
    assert_int_equal(reply_count(&reply, "attempts_after_s"), 169); /* BC-23 */
    assert_int_equal(reply_int(&reply, "attempts_after_s.1"), 3600);
    assert_int_equal(reply_int(&reply, "gives_up_after_s"), 604800);
    reply = api_want(h, 200, t->support, "GET", "/v1/profiles/standard", NULL);
    assert_int_equal(reply_count(&reply, "attempts_after_s"), 10);
    assert_int_equal(reply_int(&reply, "gives_up_after_s"), 272105);
}

/* What GET shows is what the worker does: SQL and C read a schedule alike. */
static void test_a_schedule_is_shown_as_it_is_kept(void **state)
{
    static const char *const schedules[] = {
        "",
        " 1s ",
        "5s 5m 30m 2h 5h 10h 14h 20h 24h",
        "1h*168",
        "1h for 7d",
        "7s for 20s",
        "5s x2 to 1h for 3d",
        "5s x2 for 3d",
        "1s x1.1 for 30d",
        "3s x1.7 to 7m for 5h",
        "1s*2 10s x2 for 1m 1h for 2h 1d",
        "1s*1000",
        "1s for 1000s",
        "1d x10 to 40d for 90d",
    };
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(schedules); i++) {
        struct hk_schedule all, one;

        assert_true(hk_schedule_read(hk_str(schedules[i]), 0, &all));
        assert_int_equal(
            db_int(h, "SELECT cardinality(schedule_attempts_s('%s')) - 1", schedules[i]),
            all.n_delays);
        assert_int_equal(
            db_int(h, "SELECT max(a) FROM unnest(schedule_attempts_s('%s')) a", schedules[i]),
            all.total_ms / 1000);
        for (unsigned nth = 1; nth <= all.n_delays && nth <= 20; nth++) {
            assert_true(hk_schedule_read(hk_str(schedules[i]), nth, &one));
            assert_int_equal(db_int(h, "SELECT (schedule_delays_s('%s'))[%u]", schedules[i], nth),
                             one.delay_ms / 1000);
        }
    }
}

static void test_a_tenants_own_begins_as_its_base(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct reply reply = api_want(h, 201, t->admin, "POST", "/v1/profiles",
                                  "{\"name\": \"erp-1\", \"base\": \"basecone\", \"schedule\": "
                                  "\"5m*12\", \"responses\": {\"410\": \"disable\"}}");

    assert_members(reply, "", MEMBERS);
    assert_string_equal(reply_header(h->http, &reply, "location"), "/v1/profiles/erp-1");
    assert_string_equal(reply_text(&reply, "envelope"), "basecone");
    assert_members(reply, "responses", "200,401,410");
    assert_string_equal(reply_text(&reply, "responses.200"), "success");
    assert_string_equal(reply_text(&reply, "schedule"), "5m*12");
    assert_string_equal(reply_text(&reply, "base"), "basecone");
    assert_false(reply_bool(&reply, "is_shipped"));
    reply = api_want(h, 200, t->partner, "GET", "/v1/profiles?limit=4", NULL);
    assert_string_equal(reply_text(&reply, "data.3.name"), "basiq");
    reply = api_want(h, 200, t->partner, "GET", "/v1/profiles/erp-1", NULL);

    (void)api_want(h, 404, other->admin, "GET", "/v1/profiles/erp-1", NULL);
    (void)api_want(h, 404, other->admin, "PATCH", "/v1/profiles/erp-1", "{\"timeout_ms\": 1000}");
    (void)api_want(h, 404, other->admin, "DELETE", "/v1/profiles/erp-1", NULL);
    (void)api_want(h, 201, other->admin, "POST", "/v1/profiles", "{\"name\": \"erp-1\"}");
    reply = api_want(h, 200, other->admin, "GET", "/v1/profiles/erp-1", NULL);
    assert_string_equal(reply_text(&reply, "envelope"), "standard");
}

static void test_an_empty_patch_changes_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *rows;

    (void)api_want(h, 201, t->admin, "POST", "/v1/profiles", "{\"name\": \"erp-1\"}");
    rows = db_all_rows(h);
    (void)api_want(h, 200, t->admin, "PATCH", "/v1/profiles/erp-1", "{}");
    assert_string_equal(db_all_rows(h), rows);
}

static void test_names_are_taken_once_and_shipped_ones_never(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)api_want(h, 201, t->admin, "POST", "/v1/profiles", "{\"name\": \"mine\"}");
    expect_refused(h, t->admin, "POST /v1/profiles", HK_STR("{\"name\": \"mine\"}"), 409,
                   "conflict", "/name");
    expect_refused(h, t->admin, "POST /v1/profiles", HK_STR("{\"name\": \"standard\"}"), 409,
                   "conflict", "/name");
    expect_refused(h, t->admin, "POST /v1/profiles",
                   HK_STR("{\"name\": \"x\", \"base\": \"mine\"}"), 422, "invalid_body", "/base");
    expect_refused(h, t->admin, "PATCH /v1/profiles/standard", HK_STR("{\"timeout_ms\": 1000}"),
                   409, "conflict", "");
    expect_refused(h, t->admin, "DELETE /v1/profiles/standard", HK_STR_NULL, 409, "conflict", "");
    (void)api_want(h, 403, t->partner, "POST", "/v1/profiles", "{\"name\": \"x\"}");
}

static void test_each_setting_is_checked(void **state)
{
    static const char *const wrong[][2] = {
        {"\"name\": \"Mine\"", "/name"},
        {"\"name\": \"-x\"", "/name"},
        {"\"name\": \"a.b\"", "/name"},
        {"\"name\": \"x\", \"envelope\": \"xml\"", "/envelope"},
        {"\"name\": \"x\", \"signature\": \"md5\"", "/signature"},
        {"\"name\": \"x\", \"secret_of\": \"app\"", "/secret_of"},
        {"\"name\": \"x\", \"starts\": \"later\"", "/starts"},
        {"\"name\": \"x\", \"success\": \"2xx\"", "/success"},
        {"\"name\": \"x\", \"responses\": {\"42x\": \"drop\"}", "/responses/42x"},
        {"\"name\": \"x\", \"responses\": {\"1xx\": \"drop\"}", "/responses/1xx"},
        {"\"name\": \"x\", \"responses\": {\"410\": \"fail\"}", "/responses/410"},
        {"\"name\": \"x\", \"responses\": {\"429\": \"throttle 2d\"}", "/responses/429"},
        {"\"name\": \"x\", \"responses\": {\"error\": \"drop\"}", "/responses/error"},
        {"\"name\": \"x\", \"responses\": {\"2xx\": null}", "/responses"},
        {"\"name\": \"x\", \"responses\": null", "/responses"},
        {"\"name\": \"x\", \"timeout_ms\": 30001", "/timeout_ms"},
        {"\"name\": \"x\", \"schedule\": \"1h*\"", "/schedule"},
        {"\"name\": \"x\", \"schedule\": \"1h for 5m\"", "/schedule"},
        {"\"name\": \"x\", \"schedule\": \"5s x2\"", "/schedule"},
        {"\"name\": \"x\", \"schedule\": \"1s*1001\"", "/schedule"},
        {"\"name\": \"x\", \"schedule\": \"500ms\"", "/schedule"},
        {"\"name\": \"x\", \"schedule\": \"1d for 91d\"", "/schedule"},
        {"\"name\": \"x\", \"jitter_percent\": -1", "/jitter_percent"},
        {"\"name\": \"x\", \"retry_after_cap_ms\": 604800001", "/retry_after_cap_ms"},
        {"\"name\": \"x\", \"failing_after_h\": 2161", "/failing_after_h"},
        {"\"name\": \"x\", \"disable_after_h\": -1", "/disable_after_h"},
        {"\"name\": \"x\", \"is_shipped\": true", "/is_shipped"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, t->admin, "POST /v1/profiles",
                       hk_str(http_text(h->http, "{%s}", wrong[i][0])), 422, "invalid_body",
                       wrong[i][1]);
}

static void test_a_changed_profile_is_that_of_the_next_attempt(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;
    const char *path;

    (void)api_want(h, 201, t->admin, "POST", "/v1/profiles",
                   "{\"name\": \"mine\", \"schedule\": \"1s*60\", \"jitter_percent\": 0}");
    (void)api_want(h, 200, t->partner, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                   "{\"profile\": \"mine\"}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 503}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{\"a\":1}"), NULL);
    message_wait_attempts(h, t, path, 1);
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/profiles/mine",
                     "{\"envelope\": \"raw\", \"schedule\": \"\"}");
    assert_string_equal(reply_text(&reply, "envelope"), "raw");
    message_wait(h, t, path, "failed");
    reply = sinker_request(h, "/hook", sinker_count(h, "/hook") - 1);
    assert_string_equal(reply_text(&reply, "body"), "{\"a\":1}");
}

static void test_a_profile_in_use_is_not_deleted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = http_text(h->http, "/v1/subscriptions/%s", given_story(h, t, "/hook").id);

    (void)api_want(h, 201, t->admin, "POST", "/v1/profiles", "{\"name\": \"mine\"}");
    (void)api_want(h, 200, t->partner, "PATCH", path, "{\"profile\": \"mine\"}");
    (void)api_want(h, 409, t->admin, "DELETE", "/v1/profiles/mine", NULL);
    (void)api_want(h, 204, t->partner, "DELETE", path, NULL);
    (void)api_want(h, 204, t->admin, "DELETE", "/v1/profiles/mine", NULL);
    (void)api_want(h, 404, t->admin, "DELETE", "/v1/profiles/mine", NULL);
    (void)api_want(h, 404, t->admin, "GET", "/v1/profiles/mine", NULL);
    assert_string_equal(db_text(h, "SELECT string_agg(action, ' ' ORDER BY id) FROM audit_log"
                                   " WHERE object_id = 'mine'"),
                        "profile.created profile.deleted");
}

static void test_another_tenants_profile_cannot_be_chosen(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *path =
        http_text(h->http, "PATCH /v1/subscriptions/%s", given_story(h, t, "/hook").id);

    (void)api_want(h, 201, other->admin, "POST", "/v1/profiles", "{\"name\": \"theirs\"}");
    expect_refused(h, t->partner, path, HK_STR("{\"profile\": \"theirs\"}"), 422, "invalid_body",
                   "/profile");
}

static void test_a_tenant_has_fifty_profiles_at_most(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (int i = 0; i < 50; i++)
        (void)api_want(h, 201, t->admin, "POST", "/v1/profiles",
                       http_text(h->http, "{\"name\": \"p%d\"}", i));
    expect_refused(h, t->admin, "POST /v1/profiles", HK_STR("{\"name\": \"p50\"}"), 409, "conflict",
                   "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_shipped_profiles_are_everybodys),
        harness_test(test_a_schedule_is_shown_as_it_is_kept),
        harness_test(test_a_tenants_own_begins_as_its_base),
        harness_test(test_an_empty_patch_changes_nothing, .has_no_worker = true),
        harness_test(test_names_are_taken_once_and_shipped_ones_never),
        harness_test(test_each_setting_is_checked),
        harness_test(test_a_changed_profile_is_that_of_the_next_attempt),
        harness_test(test_a_profile_in_use_is_not_deleted),
        harness_test(test_another_tenants_profile_cannot_be_chosen),
        harness_test(test_a_tenant_has_fifty_profiles_at_most),
    };

    return cmocka_run_group_tests_name("profiles", tests, NULL, NULL);
}
