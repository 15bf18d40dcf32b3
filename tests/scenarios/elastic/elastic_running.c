/* SPDX-License-Identifier: Apache-2.0 */
/* elastic_running.c - the scenario elastic.io: what a flow does with what came in. */
#include "tests/support/check.h"
#include "tests/support/flow.h"
#include "tests/support/inlet.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

#define NONE       "{\"kind\": \"none\"}"

static struct inlet given_steps(struct harness *h, const struct tenant *t, const char *app_id,
                                const char *steps)
{
    return given_inlet(h, t, app_id, NONE, NULL, at(h, ", \"steps\": %s", steps));
}

/* The webhook is the first step here, and one in the middle there. */
static void test_EI_04_the_webhook_is_the_first_step_or_one_in_the_middle(void **state)
{
    static const char *const as_json[] = {"Content-Type: application/json", NULL};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet inlet = given_steps(
        h, t, given_app(h, t, "acme"),
        at(h,
           "[{\"name\":\"ask\",\"kind\":\"http\",\"url\":\"%s\"},"
           "{\"name\":\"answer\",\"kind\":\"wait\",\"key\":\"order-{{ $.id }}\","
           "\"timeout_seconds\":600},"
           "{\"name\":\"tell\",\"kind\":\"http\",\"url\":\"%s\","
           "\"body\":{\"order\":\"{{ $.id }}\",\"answer\":\"{{ $steps.answer.body.ok }}\"}}]",
           sinker_url(h, "/ask"), sinker_url(h, "/tell")));
    const char *run = inlet_run(h, t, &inlet, "application/json", "{\"id\":7}");
    struct inlet wait = {inlet.id, at(h, "%s/wait/order-7", inlet.path)};
    struct reply reply;

    run_wait_waiting(h, run);
    reply = api_call(h, t->admin, "GET", at(h, "/v1/runs/%s", run), NULL);
    assert_status(reply, 200);
    assert_int_equal(sinker_count(h, "/ask"), 1);
    assert_int_equal(sinker_count(h, "/tell"), 0);

    assert_gives(202, inlet_post(h, &wait, HK_STR("{\"ok\":true}"), as_json));
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "ask:succeeded answer:succeeded tell:succeeded");
    reply = sinker_request(h, "/tell", 0);
    assert_string_equal(reply_text(&reply, "body"), "{\"order\":7,\"answer\":true}");
}

/*
 * The document's example: a blog post comes in, becomes a short text, and is posted to two other
 * APIs, each with its own credentials, which nobody sees afterwards.
 */
static void test_EI_07_a_blog_post_is_turned_into_a_tweet(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    unsigned other = harness_start_sinker(h, NULL);
    struct inlet inlet = given_steps(
        h, t, given_app(h, t, "acme"),
        at(h,
           "[{\"name\":\"only-posts\",\"kind\":\"filter\",\"condition\":\"$.type == "
           "\\\"post\\\"\"},"
           "{\"name\":\"short\",\"kind\":\"map\",\"template\":"
           "{\"text\":\"{{ $.title | max 20 }} {{ $.url }}\"}},"
           "{\"name\":\"tweet\",\"kind\":\"http\",\"url\":\"%s\",\"credentials\":"
           "{\"kind\":\"bearer\",\"secret\":\"tweet-token\"}},"
           "{\"name\":\"toot\",\"kind\":\"http\",\"url\":\"%s/toot\",\"credentials\":"
           "{\"kind\":\"basic\",\"username\":\"blog\",\"secret\":\"toot-word\"},"
           "\"body\":{\"status\":\"{{ $.text }}\",\"tweet\":\"{{ $steps.tweet.body.id }}\"}}]",
           sinker_url(h, "/tweet"), h->sinker_urls[other]));
    struct reply reply;
    const char *run;

    sinker_rule(h, "/tweet",
                "{\"then\":{\"status\":201,\"headers\":{\"content-type\":\"application/json\"},"
                "\"body\":\"{\\\"id\\\":\\\"t-1\\\"}\"}}");
    run = inlet_run(h, t, &inlet, "application/json",
                    "{\"type\":\"post\",\"title\":\"A post with a rather long title\","
                    "\"url\":\"https://blog.example/1\"}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run),
                        "only-posts:succeeded short:succeeded tweet:succeeded toot:succeeded");

    reply = sinker_request(h, "/tweet", 0);
    assert_string_equal(reply_text(&reply, "body"),
                        "{\"text\":\"A post with a rather https://blog.example/1\"}");
    assert_string_equal(reply_text(&reply, "headers.authorization"), "Bearer tweet-token");
    reply = http_call(h->http, "GET", h->sinker_urls[other],
                      "/_sinker/requests?path=/toot&number=0", NULL, HK_STR_NULL, NULL);
    assert_string_equal(reply_text(&reply, "requests.0.body"),
                        "{\"status\":\"A post with a rather https://blog.example/1\","
                        "\"tweet\":\"t-1\"}");
    assert_string_equal(reply_text(&reply, "requests.0.headers.authorization"),
                        "Basic YmxvZzp0b290LXdvcmQ=");

    /* What proved who we are is nowhere to be seen. */
    reply = api_call(h, t->admin, "GET", at(h, "/v1/runs/%s", run), NULL);
    assert_status(reply, 200);
    assert_null(strstr(reply.body, "tweet-token"));
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.attempt a"
                            " WHERE a::text LIKE '%%tweet-token%%' OR a::text LIKE '%%toot-word%%'"
                            "    OR a::text LIKE '%%YmxvZzp0b290LXdvcmQ%%'"),
                     0);

    run = inlet_run(h, t, &inlet, "application/json", "{\"type\":\"draft\"}");
    run_wait_ended(h, run, "succeeded", "filtered");
    assert_int_equal(sinker_count(h, "/tweet"), 1);
}

static void test_EI_07_a_call_has_a_key_or_a_token_of_its_own(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet inlet = given_steps(
        h, t, given_app(h, t, "acme"),
        at(h,
           "[{\"name\":\"key\",\"kind\":\"http\",\"url\":\"%s\",\"credentials\":"
           "{\"kind\":\"header\",\"header\":\"X-Odd-Name\",\"secret\":\"key-of-ours\"}},"
           "{\"name\":\"token\",\"kind\":\"http\",\"url\":\"%s\",\"credentials\":"
           "{\"kind\":\"oauth2\",\"token_url\":\"%s\",\"client_id\":\"blog\","
           "\"secret\":\"client-word\"}}]",
           sinker_url(h, "/key"), sinker_url(h, "/with-token"), sinker_url(h, "/token")));
    struct reply reply;
    const char *run;

    sinker_rule(h, "/token",
                "{\"then\":{\"status\":200,\"headers\":{\"content-type\":\"application/json\"},"
                "\"body\":\"{\\\"access_token\\\":\\\"token-1\\\",\\\"token_type\\\":"
                "\\\"Bearer\\\",\\\"expires_in\\\":3600}\"}}");
    run = inlet_run(h, t, &inlet, "application/json", "{}");
    run_wait_ended(h, run, "succeeded", NULL);
    reply = sinker_request(h, "/key", 0);
    assert_string_equal(reply_text(&reply, "headers.x-odd-name"), "key-of-ours");
    reply = sinker_request(h, "/with-token", 0);
    assert_string_equal(reply_text(&reply, "headers.authorization"), "Bearer token-1");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.attempt a"
                               " WHERE a::text LIKE '%%key-of-ours%%'"
                               "    OR a::text LIKE '%%client-word%%'"
                               "    OR a::text LIKE '%%token-1%%'"),
                     0);
}

/* ---- what people do to runs ---- */

static void act(struct harness *h, const struct tenant *t, const char *method, const char *path,
                const char *body)
{
    struct reply reply = api_call(h, t->admin, method, path, body == NULL ? NULL : "%s", body);

    if (reply.status < 200 || reply.status > 299)
        assert_status(reply, 200);
}

static void test_EI_04_a_run_is_cancelled_done_again_and_ends_with_its_flow(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet inlet =
        given_steps(h, t, given_app(h, t, "acme"),
                    at(h,
                       "[{\"name\":\"first\",\"kind\":\"map\",\"template\":{\"n\":\"{{ $.id }}\"}},"
                       "{\"name\":\"call\",\"kind\":\"http\",\"url\":\"%s\"},"
                       "{\"name\":\"answer\",\"kind\":\"wait\",\"key\":\"k{{ $.n "
                       "}}\",\"timeout_seconds\":600}]",
                       sinker_url(h, "/call")));
    const char *run = inlet_run(h, t, &inlet, "application/json", "{\"id\":1}"), *other;

    run_wait_waiting(h, run); /* cancelled while it waits */
    act(h, t, "POST", at(h, "/v1/runs/%s/cancel", run), NULL);
    run_wait_ended(h, run, "cancelled", "run_cancelled");

    sinker_rule(h, "/call", "{\"then\":{\"status\":200,\"delay_ms\":1500}}");
    other = inlet_run(h, t, &inlet, "application/json", "{\"id\":2}");
    sinker_wait(h, "/call", 2, 10000); /* while it is sent */
    act(h, t, "POST", at(h, "/v1/runs/%s/cancel", other), NULL);
    run_wait_ended(h, other, "cancelled", "run_cancelled");
    sinker_rule(h, "/call", "{}");

    /* From the second step on, with what the first one had made. */
    act(h, t, "POST", at(h, "/v1/runs/%s/rerun", run), "{\"from_step\": \"call\"}");
    sinker_wait(h, "/call", 3, 10000);
    other = db_text(h, "SELECT id FROM hookline.message WHERE resend_of = '%s'", run);
    run_wait_waiting(h, other);
    assert_string_equal(run_story(h, other), "call:succeeded");

    act(h, t, "DELETE", at(h, "/v1/flows/%s", inlet.id), NULL);
    run_wait_ended(h, other, "cancelled", "flow_archived");
}

static const char *const settings[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=20",
                                       "HOOKLINE_WORKER_POLL_MS=200", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_EI_04_the_webhook_is_the_first_step_or_one_in_the_middle,
                     .env = settings),
        harness_test(test_EI_07_a_blog_post_is_turned_into_a_tweet, .env = settings),
        harness_test(test_EI_07_a_call_has_a_key_or_a_token_of_its_own, .env = settings),
        harness_test(test_EI_04_a_run_is_cancelled_done_again_and_ends_with_its_flow,
                     .env = settings),
    };

    return cmocka_run_group_tests_name("elastic_running", tests, NULL, NULL);
}
