/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets at rest: sealed for their place, one master key after the other, and what when one is
 * lost. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/message.h"
#include "tests/support/oauth.h"
#include "tests/support/sealed.h"

#define RETRY_SOON ((const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL})
#define PASSWORD   "a password of the receiver"
#define API_KEY    "a key of the receiver"

enum { SOON_MS = 10000, NEXT_RETRY_MS = 40000, WALK_MS = 20000 };

struct story {
    struct tenant *t;
    struct subscription s;
    const char *path;
};

/* A subscription of /hook with a secret of every kind. */
static struct story given_secrets(struct harness *h)
{
    struct story story = {.t = given_tenant(h)};

    story.s = given_story(h, story.t, "/hook");
    story.path = http_text(h->http, "/v1/subscriptions/%s", story.s.id);
    (void)api_want(h, 200, story.t->admin, "PATCH", story.path,
                   "{\"credentials\": {\"username\": \"u\", \"password\": \"" PASSWORD "\"},"
                   " \"headers\": {\"X-Api-Key\": \"" API_KEY "\", \"X-Environment\": \"live\"}}");
    return story;
}

/* One event arrives at `path`, the nth of it (from 0), with all its secrets right. */
static void expect_delivery(struct harness *h, const struct story *story, unsigned nth)
{
    struct reply request;

    (void)publish(h, story->t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", nth + 1, SOON_MS);
    request = sinker_request(h, "/hook", nth);
    assert_string_equal(reply_text(&request, "signature"), "valid");
    assert_string_equal(reply_text(&request, "headers.authorization"),
                        basic(h, "u", PASSWORD) + strlen("Authorization: "));
    assert_string_equal(reply_text(&request, "headers.x-api-key"), API_KEY);
    assert_string_equal(reply_text(&request, "headers.x-environment"), "live");
}

static int status_of_secrets(struct harness *h, const char **ret_said)
{
    return harness_cli(h, (const char *const[]){"secrets", "status", NULL}, ret_said);
}

static bool all_are_current(void *arg)
{
    return status_of_secrets(arg, NULL) == 0;
}

static void wait_for_walk(struct harness *h)
{
    if (!wait_until(all_are_current, h, WALK_MS))
        fail_test("the worker has not sealed everything with the current key");
}

static void test_what_is_stored_is_sealed(void **state)
{
    struct harness *h = *state;
    struct story story = given_secrets(h);
    const char *said;

    expect_delivery(h, &story, 0);
    assert_int_equal(status_of_secrets(h, &said), 0);
    assert_non_null(strstr(said, "subscription.headers"));
    assert_non_null(strstr(said, "subscription_credentials.password"));
    assert_non_null(strstr(said, "subscription_secret.secret"));
    assert_null(strstr(said, "not sealed"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription WHERE headers ->> 'X-Environment'"
                               " = 'live' AND headers ->> 'X-Api-Key' LIKE 'v1.%%'"),
                     1);
}

/* A path may spell an id in upper case: the place does not. */
static void test_the_place_of_a_secret_is_the_same_however_its_path_is_spelt(void **state)
{
    struct harness *h = *state;
    struct story story = given_secrets(h);
    char *path = strdup(story.path);
    struct reply reply;

    assert_non_null(path);
    for (char *c = path + strlen("/v1/subscriptions/"); *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    (void)api_want(h, 200, story.t->admin, "PATCH", path,
                   "{\"headers\": {\"X-API-KEY\": \"" API_KEY "\"},"
                   " \"credentials\": {\"username\": \"u\", \"password\": \"" PASSWORD "\"}}");
    reply = api_want(h, 201, story.t->admin, "POST", http_text(h->http, "%s/secrets", path), NULL);
    sinker_secret(h, "/hook", reply_text(&reply, "secret"));
    free(path);
    expect_delivery(h, &story, 0);
}

/* What fails says so in words; what stands beside it goes on. */
static void test_a_secret_of_another_row_does_not_open(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription mine = given_story(h, t, "/a"), theirs = given_story(h, other, "/b");
    const char *event;

    (void)db_text(h,
                  "UPDATE subscription_secret k SET secret = o.secret FROM subscription_secret o"
                  " WHERE k.subscription_id = '%s' AND o.subscription_id = '%s'",
                  mine.id, theirs.id);
    event = publish(h, t, "order.paid", "c1", "{}");
    (void)publish(h, other, "order.paid", "c1", "{}");
    sinker_wait(h, "/b", 1, SOON_MS);
    message_wait_attempts(h, t, message_path(h, t, event, NULL), 2);
    assert_int_equal(sinker_count(h, "/a"), 0);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM attempt WHERE outcome <> 'request_invalid'"
                            " AND tenant_id = '%s'",
                            t->id),
                     0);
    assert_non_null(
        strstr(db_text(h, "SELECT error FROM attempt WHERE tenant_id = '%s' LIMIT 1", t->id),
               "does not open"));
}

/* ---- from before there was a master key ---- */

static void test_rows_in_clear_text_are_delivered_and_then_sealed(void **state)
{
    struct harness *h = *state;
    struct story story = given_secrets(h);
    const char *said;

    (void)db_text(h, "UPDATE subscription_secret SET secret = '%s'", story.s.secret);
    (void)db_text(h, "UPDATE subscription_credentials SET password = '" PASSWORD "'");
    (void)db_text(h,
                  "UPDATE subscription"
                  " SET headers = '{\"X-Api-Key\": \"" API_KEY "\", \"X-Environment\": \"live\"}'");
    expect_delivery(h, &story, 0);
    assert_int_equal(status_of_secrets(h, &said), 1);
    assert_non_null(strstr(said, "not sealed yet"));
    harness_stop_worker(h, 0);
    (void)harness_start_worker(h);
    wait_for_walk(h);
    expect_delivery(h, &story, 1);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM subscription_secret WHERE secret LIKE 'whsec%%'"), 0);
}

/* ---- another master key ---- */

static void test_one_master_key_takes_the_place_of_another(void **state)
{
    struct harness *h = *state;
    const char *first = h->master_key, *second = another_master_key(h), *said;
    struct story story = given_secrets(h);
    struct client client = given_client(h, story.t, "\"name\": \"c\", \"role\": \"support\"");
    struct reply shared = api_want(h, 201, story.t->admin, "POST", "/v1/tenant/secrets", NULL);

    (void)given_token(h, &client);
    expect_delivery(h, &story, 0);

    h->master_key = second;
    h->master_key_old = as_old_key(h, first);
    restart_with_keys(h);
    expect_delivery(h, &story, 1);
    wait_for_walk(h);
    assert_int_equal(status_of_secrets(h, &said), 0);
    assert_non_null(strstr(said, "HOOKLINE_MASTER_KEY_OLD is not needed"));
    assert_non_null(strstr(harness_logs(h), "\"old_key\":\"not needed\""));

    h->master_key_old = NULL;
    restart_with_keys(h);
    expect_delivery(h, &story, 2);
    (void)given_token(h, &client);
    sinker_secret(h, "/shared", reply_text(&shared, "secret"));
    (void)api_want(h, 200, story.t->admin, "PATCH", story.path,
                   http_text(h->http, "{\"profile\": \"basekit\", \"url\": \"%s\"}",
                             sinker_url(h, "/shared")));
    (void)publish(h, story.t, "order.paid", "c1", "{}");
    sinker_wait(h, "/shared", 1, SOON_MS);
}

/* those endpoints fail closed, others go on, and the key brings them back. */
static void test_R_37_a_key_that_is_missing_fails_its_endpoints_only_until_it_is_back(void **state)
{
    struct harness *h = *state;
    const char *first = h->master_key, *second = another_master_key(h), *event, *said;
    struct story story = given_secrets(h);
    struct tenant *other;

    h->master_key = second;
    restart_with_keys(h);
    event = publish(h, story.t, "order.paid", "c1", "{}");
    message_wait_attempts(h, story.t, message_path(h, story.t, event, NULL), 1);
    other = given_tenant(h);
    (void)given_story(h, other, "/other");
    (void)publish(h, other, "order.paid", "c1", "{}");
    sinker_wait(h, "/other", 1, SOON_MS);
    assert_int_equal(sinker_count(h, "/hook"), 0);
    assert_int_equal(status_of_secrets(h, &said), 1);
    assert_non_null(strstr(said, "KEY IS MISSING"));
    assert_non_null(strstr(harness_logs(h), "secrets.unreadable"));

    h->master_key_old = as_old_key(h, first);
    restart_with_keys(h);
    sinker_wait(h, "/hook", 1, NEXT_RETRY_MS);
    wait_for_walk(h);
}

/* ---- without a good one ---- */

static void test_no_program_starts_without_a_good_master_key(void **state)
{
    static const char *const programs[] = {"hookline-api", "hookline-worker"};
    static const char *const keys[] = {"HOOKLINE_MASTER_KEY=", "HOOKLINE_MASTER_KEY=secret"};
    struct harness *h = *state;

    for (size_t i = 0; i < 4; i++) {
        struct proc proc = {.pid = 0};
        char path[PROC_PATH_SIZE];
        char *said;

        proc_program(programs[i / 2], path);
        proc_start(&proc, "refused", h->directory, (const char *const[]){path, NULL},
                   (const char *const[]){h->url_variable, keys[i % 2], NULL});
        assert_int_equal(proc_wait(&proc, SOON_MS), 78);
        said = proc_read_file(proc.err_path);
        assert_non_null(strstr(said, "HOOKLINE_MASTER_KEY: "));
        assert_non_null(strstr(said, "hookline keys master"));
        free(said);
        (void)unlink(proc.err_path);
        (void)unlink(proc.out_path);
    }
}

static void test_a_new_master_key_from_a_file_starts_the_programs(void **state)
{
    struct harness *h = *state;
    const char *key, *path = http_text(h->http, "%s/master.key", h->directory);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(harness_cli(h, (const char *const[]){"keys", "master", NULL}, &key), 0);
    assert_true(fputs(key, file) >= 0); /* with its line end */
    assert_int_equal(fclose(file), 0);
    h->master_key = http_text(h->http, "HOOKLINE_MASTER_KEY_FILE=%s", path);
    restart_with_keys(h);
    (void)given_tenant(h);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_is_stored_is_sealed),
        harness_test(test_the_place_of_a_secret_is_the_same_however_its_path_is_spelt),
        harness_test(test_a_secret_of_another_row_does_not_open, .env = RETRY_SOON),
        harness_test(test_rows_in_clear_text_are_delivered_and_then_sealed),
        harness_test(test_one_master_key_takes_the_place_of_another),
        harness_test(test_R_37_a_key_that_is_missing_fails_its_endpoints_only_until_it_is_back,
                     .env = RETRY_SOON),
        harness_test(test_no_program_starts_without_a_good_master_key),
        harness_test(test_a_new_master_key_from_a_file_starts_the_programs),
    };

    return cmocka_run_group_tests_name("sealed_secrets", tests, NULL, NULL);
}
