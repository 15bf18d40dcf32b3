/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of flows: what is taken, what it becomes, and where it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/flow_steps.h"

/* clang-format off */
static const char all[] =
    "[ {\"name\": \"only\", \"kind\": \"filter\", \"condition\": \"$.a == \\\"x\\\"\"},\n"
    "  {\"kind\": \"map\", \"name\": \"short\", \"template\": {\"text\": \"{{ $.title | max 200 }}\"}},\n"
    "  {\"name\": \"tweet\", \"kind\": \"http\", \"url\": \"https://api.example/{{ $.id }}?v=2\",\n"
    "   \"headers\": {\"X-Run\": \"{{ $flow.id }}\", \"accept\": \"text/*\"}, \"body\": {\"t\": \"{{ $ }}\"},\n"
    "   \"credentials\": {\"secret\": \"s3\\u00e9cret\", \"kind\": \"basic\" , \"username\": \"u\"},\n"
    "   \"timeout_ms\": 5000, \"schedule\": \"5s 1m*3\", \"on_failure\": \"continue\"},\n"
    "  {\"name\": \"form\", \"kind\": \"http\", \"method\": \"PUT\", \"url\": \"https://api.example\",\n"
    "   \"content_type\": \"application/x-www-form-urlencoded\", \"body\": \"s={{ $.text }}\"},\n"
    "  {\"name\": \"raw\", \"kind\": \"http\", \"url\": \"https://api.example/\", \"body\": \"request\",\n"
    "   \"credentials\": {\"kind\": \"bearer\", \"secret\": \"tok\"}},\n"
    "  {\"name\": \"look\", \"kind\": \"http\", \"method\": \"GET\", \"url\": \"https://api.example/?a={{ $.a }}\",\n"
    "   \"credentials\": {\"kind\": \"oauth2\", \"token_url\": \"https://id.example/t\", \"client_id\": \"c\"}},\n"
    "  {\"name\": \"tell\", \"kind\": \"emit\", \"event_type\": \"post.tweeted\", \"company\": \"{{ $.company }}\"},\n"
    "  {\"name\": \"later\", \"kind\": \"wait\", \"key\": \"order-{{ $.id }}\", \"timeout_seconds\": 60, \"on_timeout\": \"continue\"} ]";
/* clang-format on */

#define assert_str(s, text)                                                                        \
    do {                                                                                           \
        struct hk_str s_ = (s);                                                                    \
        assert_int_equal(s_.n, sizeof(text) - 1);                                                  \
        assert_memory_equal(s_.p, text, sizeof(text) - 1);                                         \
    } while (0)

static void steps_of_all_kinds_are_read(void **state)
{
    struct hk_flow_steps steps;
    struct hk_error error = {.detail = ""};

    (void)state;
    if (hk_flow_steps_parse(hk_str(all), "/steps", false, &steps, &error) != HK_OK)
        fail_msg("%s: %s", error.pointer, error.detail);
    assert_int_equal(steps.n, 8);
    assert_str(steps.step[0].condition, "$.a == \"x\"");
    assert_str(steps.step[1].name, "short");
    assert_str(steps.step[1].template, "{\"text\": \"{{ $.title | max 200 }}\"}");
    assert_str(steps.step[2].method, "POST");
    assert_str(steps.step[2].url, "https://api.example/{{ $.id }}?v=2");
    assert_int_equal(steps.step[2].n_headers, 2);
    assert_str(steps.step[2].headers[0].name, "X-Run");
    assert_str(steps.step[2].headers[0].value, "{{ $flow.id }}");
    assert_int_equal(steps.step[2].body, HK_STEP_BODY_JSON);
    assert_str(steps.step[2].template, "{\"t\": \"{{ $ }}\"}");
    assert_str(steps.step[2].content_type, "application/json");
    assert_int_equal(steps.step[2].credentials, HK_STEP_BASIC);
    assert_str(steps.step[2].username, "u");
    assert_str(steps.step[2].secret, "s3\303\251cret");
    assert_int_equal(steps.step[2].timeout_ms, 5000);
    assert_str(steps.step[2].schedule, "5s 1m*3");
    assert_true(steps.step[2].goes_on);
    assert_int_equal(steps.step[3].body, HK_STEP_BODY_TEXT);
    assert_str(steps.step[3].template, "s={{ $.text }}");
    assert_int_equal(steps.step[3].timeout_ms, 10000);
    assert_null(steps.step[3].schedule.p);
    assert_int_equal(steps.step[4].body, HK_STEP_BODY_REQUEST);
    assert_null(steps.step[4].content_type.p);
    assert_false(steps.step[4].goes_on);
    assert_int_equal(steps.step[5].body, HK_STEP_BODY_NONE);
    assert_int_equal(steps.step[5].credentials, HK_STEP_OAUTH2);
    assert_str(steps.step[6].event_type, "post.tweeted");
    assert_null(steps.step[6].template.p);
    assert_str(steps.step[7].key, "order-{{ $.id }}");
    assert_int_equal(steps.step[7].timeout_s, 60);
    assert_true(steps.step[7].goes_on);
    assert_int_equal(hk_flow_steps_find(&steps, HK_STR("raw")), 4);
    assert_int_equal(hk_flow_steps_find(&steps, HK_STR("none")), HK_FLOW_MAX_STEPS);
    hk_flow_steps_done(&steps);
}

static void secrets_are_read_and_not_written(void **state)
{
    struct hk_buf once HK_CLEANUP(hk_buf_done), twice HK_CLEANUP(hk_buf_done);
    struct hk_flow_steps steps, again;

    (void)state;
    hk_buf_init(&once, HK_FLOW_MAX_STEPS_BYTES);
    hk_buf_init(&twice, HK_FLOW_MAX_STEPS_BYTES);
    assert_int_equal(hk_flow_steps_parse(hk_str(all), "", false, &steps, NULL), HK_OK);
    hk_flow_steps_write(&steps, &once);
    hk_flow_steps_done(&steps);
    assert_null(strstr(once.p, "secret"));
    assert_null(strstr(once.p, "cret"));
    assert_null(strstr(once.p, "tok\""));
    assert_non_null(strstr(once.p, "{\"kind\":\"basic\",\"username\":\"u\"}"));
    assert_int_equal(hk_flow_steps_parse(hk_buf_str(&once), "", false, &again, NULL), HK_OK);
    assert_null(again.step[2].secret.p);
    hk_flow_steps_write(&again, &twice);
    hk_flow_steps_done(&again);
    assert_string_equal(once.p, twice.p);
}

/* clang-format off */
#define FILTER    "{\"name\": \"a\", \"kind\": \"filter\", \"condition\": \"$.a == 1\"}"
#define HTTP(...) "[{\"name\": \"a\", \"kind\": \"http\", " __VA_ARGS__ "}]"
#define GO        "\"url\": \"https://a.example/\", "
#define AS(...)   HTTP(GO "\"credentials\": {" __VA_ARGS__ "}")

static const struct {
    const char *json, *pointer; /* NULL: it is taken */
} samples[] = {
    {"[]", NULL},
    {"[" FILTER "]", NULL},
    {"", "/steps"},
    {"{}", "/steps"},
    {"[", "/steps"},
    {"[1]", "/steps/0"},
    {"[{}]", "/steps/0/kind"},
    {"[{\"kind\": 1}]", "/steps/0/kind"},
    {"[{\"kind\": \"exec\"}]", "/steps/0/kind"},
    {"[{\"kind\": \"map\"}]", "/steps/0/name"},
    {"[" FILTER "," FILTER "]", "/steps/1/name"},
    {"[{\"name\": \"A\", \"kind\": \"filter\", \"condition\": \"$.a == 1\"}]", "/steps/0/name"},
    {"[{\"name\": \"-\", \"kind\": \"filter\", \"condition\": \"$.a == 1\"}]", "/steps/0/name"},
    {"[{\"name\": \"a\", \"kind\": \"filter\"}]", "/steps/0/condition"},
    {"[{\"name\": \"a\", \"kind\": \"filter\", \"condition\": \"$.a like_regex 1\"}]", "/steps/0/condition"},
    {"[{\"name\": \"a\", \"kind\": \"filter\", \"condition\": \"$.a == 1\", \"condition\": \"$.a == 1\"}]", "/steps/0/condition"},
    {"[{\"name\": \"a\", \"kind\": \"filter\", \"condition\": \"$.a == 1\", \"url\": \"https://a.example\"}]", "/steps/0/url"},
    {"[{\"name\": \"a\", \"kind\": \"map\", \"template\": \"{{ x }}\"}]", "/steps/0/template"},
    {"[{\"name\": \"a\", \"kind\": \"map\", \"template\": null}]", NULL},
    {"[{\"name\": \"a\", \"kind\": \"emit\", \"event_type\": \"x\"}]", "/steps/0/company"},
    {"[{\"name\": \"a\", \"kind\": \"emit\", \"event_type\": \"x\", \"company\": \"{{\"}]", "/steps/0/company"},
    {"[{\"name\": \"a\", \"kind\": \"emit\", \"event_type\": \"x\", \"company\": \"c\", \"payload\": \"{{\"}]", "/steps/0/payload"},
    {"[{\"name\": \"a\", \"kind\": \"wait\", \"key\": \"k\"}]", "/steps/0/timeout_seconds"},
    {"[{\"name\": \"a\", \"kind\": \"wait\", \"key\": \"k\", \"timeout_seconds\": 0}]", "/steps/0/timeout_seconds"},
    {"[{\"name\": \"a\", \"kind\": \"wait\", \"key\": \"k\", \"timeout_seconds\": 1e3}]", "/steps/0/timeout_seconds"},
    {"[{\"name\": \"a\", \"kind\": \"wait\", \"key\": \"k\", \"timeout_seconds\": 99999999999999999999}]", "/steps/0/timeout_seconds"},
    {"[{\"name\": \"a\", \"kind\": \"wait\", \"key\": \"\", \"timeout_seconds\": 1}]", "/steps/0/key"},
    {"[{\"name\": \"a\", \"kind\": \"wait\", \"key\": \"k\", \"timeout_seconds\": 1, \"on_timeout\": \"retry\"}]", "/steps/0/on_timeout"},
    /* where a call goes */
    {HTTP("\"url\": \"https://a.example\""), NULL},
    {HTTP("\"url\": \"https://a.example?a={{ $.a }}\""), NULL},
    {HTTP("\"url\": \"{{ $.url }}\""), "/steps/0/url"},
    {HTTP("\"url\": \"https://{{ $.host }}/\""), "/steps/0/url"},
    {HTTP("\"url\": \"https://a.example:{{ $.port }}/\""), "/steps/0/url"},
    {HTTP("\"url\": \"https://a.example{{ $.a }}\""), "/steps/0/url"},
    {HTTP("\"url\": \"http://a.example/\""), "/steps/0/url"},
    {HTTP("\"url\": \"https://u:p@a.example/\""), "/steps/0/url"},
    {HTTP("\"url\": \"https://127.0.0.1/\""), "/steps/0/url"},
    {HTTP("\"url\": \"https://a.example/ x\""), "/steps/0/url"},
    {HTTP("\"url\": \"https://a.example/{{ $.a \""), "/steps/0/url"},
    {HTTP("\"url\": \"file:///etc/passwd\""), "/steps/0/url"},
    {HTTP("\"url\": \"\""), "/steps/0/url"},
    /* what it sends */
    {HTTP(GO "\"method\": \"TRACE\""), "/steps/0/method"},
    {HTTP(GO "\"method\": \"GET\", \"body\": {}"), "/steps/0/body"},
    {HTTP(GO "\"body\": \"{{ x }}\""), "/steps/0/body"},
    {HTTP(GO "\"body\": \"{{ x }}\", \"content_type\": \"text/plain\""), "/steps/0/body"},
    {HTTP(GO "\"body\": \"a\\u0000\", \"content_type\": \"text/plain\""), "/steps/0/body"},
    {HTTP(GO "\"content_type\": \"a\\r\\nb: c\""), "/steps/0/content_type"},
    {HTTP(GO "\"timeout_ms\": 30001"), "/steps/0/timeout_ms"},
    {HTTP(GO "\"schedule\": \"soon\""), "/steps/0/schedule"},
    {HTTP(GO "\"schedule\": \"\""), NULL},
    {HTTP(GO "\"headers\": {\"Host\": \"b.example\"}"), "/steps/0/headers/Host"},
    {HTTP(GO "\"headers\": {\"Authorization\": \"Basic x\"}"), "/steps/0/headers/Authorization"},
    {HTTP(GO "\"headers\": {\"a b\": \"x\"}"), "/steps/0/headers"},
    {HTTP(GO "\"headers\": {\"\": \"x\"}"), "/steps/0/headers"},
    {HTTP(GO "\"headers\": {\"a\": \"x\\ny\"}"), "/steps/0/headers/a"},
    {HTTP(GO "\"headers\": {\"a\": 1}"), "/steps/0/headers/a"},
    {HTTP(GO "\"headers\": {\"a\": \"\", \"A\": \"\"}"), "/steps/0/headers/A"},
    {HTTP(GO "\"headers\": {\"a\": \"{{\"}"), "/steps/0/headers/a"},
    {HTTP(GO "\"headers\": []"), "/steps/0/headers"},
    /* as whom */
    {AS("\"kind\": \"header\", \"header\": \"X-Api-Key\", \"secret\": \"k\""), NULL},
    {AS("\"kind\": \"bearer\""), NULL},
    {AS(""), "/steps/0/credentials/kind"},
    {AS("\"kind\": \"digest\""), "/steps/0/credentials/kind"},
    {AS("\"kind\": \"basic\""), "/steps/0/credentials/username"},
    {AS("\"kind\": \"basic\", \"username\": \"a:b\""), "/steps/0/credentials/username"},
    {AS("\"kind\": \"bearer\", \"username\": \"a\""), "/steps/0/credentials/username"},
    {AS("\"kind\": \"bearer\", \"secret\": \"a\\nb\""), "/steps/0/credentials/secret"},
    {AS("\"kind\": \"bearer\", \"secret\": \"\""), "/steps/0/credentials/secret"},
    {AS("\"kind\": \"header\", \"header\": \"Content-Length\""), "/steps/0/credentials/header"},
    {AS("\"kind\": \"oauth2\", \"client_id\": \"c\", \"token_url\": \"http://a.example/\""), "/steps/0/credentials/token_url"},
};
/* clang-format on */

static void each_fault_has_its_pointer(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(samples); i++) {
        struct hk_error error = {.pointer = "", .detail = ""};
        struct hk_flow_steps steps;
        enum hk_code code =
            hk_flow_steps_parse(hk_str(samples[i].json), "/steps", false, &steps, &error);

        if (code == HK_OK)
            hk_flow_steps_done(&steps);
        if ((code == HK_OK) != (samples[i].pointer == NULL))
            fail_msg("%s: %s %s", samples[i].json, error.pointer, error.detail);
        if (samples[i].pointer != NULL && strcmp(error.pointer, samples[i].pointer) != 0)
            fail_msg("%s: %s instead of %s", samples[i].json, error.pointer, samples[i].pointer);
    }
}

static void there_is_a_most_of_all(void **state)
{
    struct hk_buf json HK_CLEANUP(hk_buf_done);
    struct hk_flow_steps steps;
    struct hk_error error;

    (void)state;
    hk_buf_init(&json, 1 << 20);
    for (unsigned i = 0; i <= HK_FLOW_MAX_STEPS; i++)
        hk_buf_printf(&json, "%s{\"name\": \"s%u\", \"kind\": \"map\", \"template\": {}}",
                      i == 0 ? "[" : ",", i);
    hk_buf_add_text(&json, "]");
    assert_int_equal(hk_flow_steps_parse(hk_buf_str(&json), "/steps", false, &steps, &error),
                     HK_INVALID_BODY);
    assert_string_equal(error.pointer, "/steps");
    hk_buf_clear(&json);
    hk_buf_add_text(&json, HTTP(GO "\"headers\": {\"h0\": \"\"}"));
    json.n -= 3;
    for (unsigned i = 1; i <= HK_FLOW_MAX_HEADERS; i++)
        hk_buf_printf(&json, ",\"h%u\": \"\"", i);
    hk_buf_add_text(&json, "}}]");
    assert_int_equal(hk_flow_steps_parse(hk_buf_str(&json), "/steps", false, &steps, &error),
                     HK_INVALID_BODY);
    assert_string_equal(error.pointer, "/steps/0/headers");
    hk_buf_clear(&json);
    while (json.n <= HK_FLOW_MAX_STEPS_BYTES)
        hk_buf_add_text(&json, " ");
    hk_buf_add_text(&json, "[]");
    assert_int_equal(hk_flow_steps_parse(hk_buf_str(&json), "/steps", false, &steps, &error),
                     HK_INVALID_BODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_all_kinds_are_read),
        cmocka_unit_test(secrets_are_read_and_not_written),
        cmocka_unit_test(each_fault_has_its_pointer),
        cmocka_unit_test(there_is_a_most_of_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
