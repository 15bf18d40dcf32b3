/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials as JSON, what is wrong with them, and the handshakes of providers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/inbound_credential.h"
#include "hk/json_scan.h"

/* clang-format off */
#define HMAC(...) "{\"kind\": \"hmac\", \"header\": \"X-Sig\", \"hash\": \"sha256\"" __VA_ARGS__ "}"

static const struct {
    const char *json, *written; /* NULL: refused, with that pointer: */
    const char *pointer;
} samples[] = {
    {"{\"kind\": \"none\"}", "{\"kind\":\"none\"}", NULL},
    {"{\"secret\": \"p\\u00e4ss\", \"username\": \"\", \"kind\": \"basic\"}", "{\"kind\":\"basic\",\"username\":\"\"}", NULL},
    {"{\"kind\": \"github\", \"secret\": \"s\"}", "{\"kind\":\"github\"}", NULL},
    {"{\"kind\": \"stripe\"}", "{\"kind\":\"stripe\",\"tolerance_seconds\":300}", NULL},
    {"{\"kind\": \"slack\", \"tolerance_seconds\": 60}", "{\"kind\":\"slack\",\"tolerance_seconds\":60}", NULL},
    {"{\"kind\": \"meta\", \"verify_token\": \"t\"}", "{\"kind\":\"meta\",\"verify_token\":\"t\"}", NULL},
    {"{\"kind\": \"api_key\", \"header\": \"X-Key\", \"query\": \"k\", \"prefix\": \"Key \"}",
     "{\"kind\":\"api_key\",\"header\":\"X-Key\",\"query\":\"k\",\"prefix\":\"Key \"}", NULL},
    {HMAC(), "{\"kind\":\"hmac\",\"header\":\"X-Sig\",\"hash\":\"sha256\",\"encoding\":\"hex\",\"signed\":\"{body}\"}", NULL},
    {HMAC(", \"signed\": \"{timestamp}.{body}\", \"prefix\": \"v1=\", \"encoding\": \"base64\""),
     "{\"kind\":\"hmac\",\"header\":\"X-Sig\",\"prefix\":\"v1=\",\"hash\":\"sha256\",\"encoding\":\"base64\","
     "\"signed\":\"{timestamp}.{body}\",\"tolerance_seconds\":300}", NULL},
    /* refused */
    {"", NULL, "/c"},
    {"[]", NULL, "/c"},
    {"{}", NULL, "/c/kind"},
    {"{\"kind\": null}", NULL, "/c/kind"},
    {"{\"kind\": \"NONE\"}", NULL, "/c/kind"},
    {"{\"kind\": \"jwt\"}", NULL, "/c/kind"},
    {"{\"kind\": \"none\", \"kind\": \"none\"}", NULL, "/c/kind"},
    {"{\"kind\": \"none\", \"secret\": \"s\"}", NULL, "/c/secret"},
    {"{\"kind\": \"github\", \"header\": \"X\"}", NULL, "/c/header"},
    {"{\"kind\": \"github\", \"tolerance_seconds\": 1}", NULL, "/c/tolerance_seconds"},
    {"{\"kind\": \"github\", \"secret\": \"\"}", NULL, "/c/secret"},
    {"{\"kind\": \"github\", \"secret\": \"a\\nb\"}", NULL, "/c/secret"},
    {"{\"kind\": \"github\", \"secret\": \"a\\u0000\"}", NULL, "/c/secret"},
    {"{\"kind\": \"github\", \"secret\": 1}", NULL, "/c/secret"},
    {"{\"kind\": \"basic\"}", NULL, "/c/username"},
    {"{\"kind\": \"basic\", \"username\": \"a:b\"}", NULL, "/c/username"},
    {"{\"kind\": \"api_key\"}", NULL, "/c/header"},
    {"{\"kind\": \"api_key\", \"header\": \"a b\"}", NULL, "/c/header"},
    {"{\"kind\": \"api_key\", \"header\": \"\"}", NULL, "/c/header"},
    {"{\"kind\": \"meta\"}", NULL, "/c/verify_token"},
    {"{\"kind\": \"standard_webhooks\", \"secret\": \"plain\"}", NULL, "/c/secret"},
    {"{\"kind\": \"standard_webhooks\", \"secret\": \"whpk_AAAA\"}", NULL, "/c/secret"},
    {"{\"kind\": \"standard_webhooks\", \"secret\": \"whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==\"}", NULL, "/c/secret"},
    {"{\"kind\": \"hmac\", \"hash\": \"sha256\"}", NULL, "/c/header"},
    {"{\"kind\": \"hmac\", \"header\": \"S\", \"hash\": \"md5\"}", NULL, "/c/hash"},
    {HMAC(", \"encoding\": \"base32\""), NULL, "/c/encoding"},
    {HMAC(", \"signed\": \"{timestamp}\""), NULL, "/c/signed"},
    {HMAC(", \"signed\": \"{body}{body}\""), NULL, "/c/signed"},
    {HMAC(", \"signed\": \"{body}{method}\""), NULL, "/c/signed"},
    {HMAC(", \"signed\": \"{body\""), NULL, "/c/signed"},
    {HMAC(", \"signed\": \"{id}{body}\""), NULL, "/c/id_header"},
    {HMAC(", \"timestamp_header\": \"X-Time\""), NULL, "/c/timestamp_header"},
    {HMAC(", \"tolerance_seconds\": 60"), NULL, "/c/tolerance_seconds"},
    {HMAC(", \"signed\": \"{timestamp}.{body}\""), NULL, "/c/prefix"},
    {HMAC(", \"signed\": \"{timestamp}.{body}\", \"prefix\": \"t=\""), NULL, "/c/prefix"},
    {HMAC(", \"signed\": \"{timestamp}.{body}\", \"prefix\": \"v1\""), NULL, "/c/prefix"},
    {HMAC(", \"signed\": \"{timestamp}.{body}\", \"prefix\": \"a,b=\""), NULL, "/c/prefix"},
    {HMAC(", \"signed\": \"{timestamp}.{body}\", \"timestamp_header\": \"T\", \"tolerance_seconds\": 3601"), NULL, "/c/tolerance_seconds"},
    {HMAC(", \"more\": 1"), NULL, "/c/more"},
};
/* clang-format on */

static void credentials_are_read_and_written_without_secrets(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(samples); i++) {
        struct hk_inbound_credential credential, again;
        struct hk_buf buf HK_CLEANUP(hk_buf_done), twice HK_CLEANUP(hk_buf_done);
        struct hk_error error = {.detail = ""};
        enum hk_code code =
            hk_inbound_credential_parse(hk_str(samples[i].json), "/c", &credential, &error);

        hk_buf_init(&buf, 4096);
        hk_buf_init(&twice, 4096);
        if ((code == HK_OK) != (samples[i].written != NULL))
            fail_msg("%s: %s %s", samples[i].json, error.pointer, error.detail);
        if (code != HK_OK) {
            assert_int_equal(code, HK_INVALID_BODY);
            if (strcmp(error.pointer, samples[i].pointer) != 0)
                fail_msg("%s: %s: %s", samples[i].json, error.pointer, error.detail);
            continue;
        }
        hk_inbound_credential_write(&credential, &buf);
        hk_inbound_credential_done(&credential);
        assert_string_equal(buf.p, samples[i].written);
        assert_int_equal(hk_inbound_credential_parse(hk_buf_str(&buf), "", &again, NULL), HK_OK);
        hk_inbound_credential_write(&again, &twice);
        hk_inbound_credential_done(&again);
        assert_string_equal(buf.p, twice.p);
    }
}

static void a_secret_is_given_to_who_seals_it(void **state)
{
    struct hk_inbound_credential credential;

    (void)state;
    assert_int_equal(
        hk_inbound_credential_parse(HK_STR("{\"kind\": \"github\", \"secret\": \"\\u00e9\"}"), "",
                                    &credential, NULL),
        HK_OK);
    assert_int_equal(credential.secret.n, 2);
    assert_memory_equal(credential.secret.p, "\303\251", 2);
    assert_true(hk_inbound_needs_secret(&credential));
    assert_null(hk_inbound_secret_fault(&credential, HK_STR("other")));
    assert_non_null(hk_inbound_secret_fault(&credential, HK_STR("")));
    hk_inbound_credential_done(&credential);
    assert_int_equal(
        hk_inbound_credential_parse(HK_STR("{\"kind\": \"none\"}"), "", &credential, NULL), HK_OK);
    assert_false(hk_inbound_needs_secret(&credential));
    assert_non_null(hk_inbound_secret_fault(&credential, HK_STR("s")));
    hk_inbound_credential_done(&credential);
}

static void presets_are_told_as_json(void **state)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    struct hk_json_cursor cursor;
    struct hk_json_span span;
    struct hk_str name;
    size_t at;
    unsigned n = 0;

    (void)state;
    hk_buf_init(&buf, 1 << 16);
    hk_inbound_presets_write(&buf);
    assert_true(hk_json_scan(hk_buf_str(&buf), &span, &at));
    cursor = (struct hk_json_cursor){.bytes = span.bytes};
    while (hk_json_next(&cursor, &name, &span))
        n++;
    assert_int_equal(n, 13);
    assert_non_null(strstr(buf.p, "\"kind\":\"cloudevents\""));
}

/* ---- handshakes ------------------------------------------------------------------------------ */

/* Of now_s 1531420618, by the secret "key". */
#define SLACK_BODY      "{\"token\":\"x\",\"challenge\":\"3eZbrw1a\\\"B\",\"type\":\"url_verification\"}"
#define SLACK_EVENT     "{\"type\":\"event_callback\",\"text\":\"url_verification\"}"
#define SLACK_SIGNATURE "3a05c29a58adf7d73c03084fa67c80350f8e491ee680835d090b666fe7be0443"
#define EVENT_SIGNATURE "17d2fd8e5694c1a3f3343cb677a28f7f459283bd7a66df686cb2b875bfa1489c"
#define NOW_S           1531420618

/* clang-format off */
#define H(name, value) {HK_STR(name), HK_STR(value)}
#define SLACK .credential = "{\"kind\": \"slack\"}", .method = "POST"
#define META  .credential = "{\"kind\": \"meta\", \"verify_token\": \"mine\"}", .method = "GET"
#define X     .credential = "{\"kind\": \"x\"}", .method = "GET"
#define CE    .credential = "{\"kind\": \"cloudevents\"}", .method = "OPTIONS"

static const struct question {
    const char *credential, *method, *query, *body;
    struct hk_inbound_header headers[2];
    enum hk_inbound_handshake result;
    const char *answer, *origin, *rate;
} questions[] = {
    {SLACK, .body = SLACK_BODY, .headers = {H("X-Slack-Signature", "v0=" SLACK_SIGNATURE), H("X-Slack-Request-Timestamp", "1531420618")},
     .result = HK_INBOUND_ANSWERED, .answer = "{\"challenge\":\"3eZbrw1a\\\"B\"}"},
    {SLACK, .body = SLACK_BODY, .headers = {H("X-Slack-Signature", "v0=" EVENT_SIGNATURE), H("X-Slack-Request-Timestamp", "1531420618")},
     .result = HK_INBOUND_REFUSED},
    {SLACK, .body = SLACK_BODY, .result = HK_INBOUND_REFUSED},
    {SLACK, .body = SLACK_EVENT, .headers = {H("X-Slack-Signature", "v0=" EVENT_SIGNATURE), H("X-Slack-Request-Timestamp", "1531420618")},
     .result = HK_INBOUND_NO_HANDSHAKE},
    {SLACK, .body = "{\"type\":\"event_callback\"}", .result = HK_INBOUND_NO_HANDSHAKE},
    {META, .query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=mine", .result = HK_INBOUND_ANSWERED, .answer = "1158201444"},
    {META, .query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=other", .result = HK_INBOUND_REFUSED},
    {META, .query = "hub.mode=subscribe&hub.challenge=1158201444", .result = HK_INBOUND_REFUSED},
    {META, .query = "hub.mode=subscribe&hub.challenge=&hub.verify_token=mine", .result = HK_INBOUND_REFUSED},
    {META, .query = "hub.mode=subscribe&hub.challenge=%3Cb%3E&hub.verify_token=mine", .result = HK_INBOUND_REFUSED},
    {META, .query = "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=mine", .result = HK_INBOUND_REFUSED},
    {.credential = "{\"kind\": \"meta\", \"verify_token\": \"mine\"}", .method = "POST", .query = "hub.mode=subscribe", .result = HK_INBOUND_NO_HANDSHAKE},
    {X, .query = "crc_token=MTIz&nonce=4", .result = HK_INBOUND_ANSWERED, .answer = "{\"response_token\":\"sha256=pB97szqYUtKLCTkfaN5I4gcWOp2pnMYekSg0PfO+3Vk=\"}"},
    {X, .query = "", .result = HK_INBOUND_REFUSED},
    {X, .query = "crc_token=%7B%22a%22%3A1%7D", .result = HK_INBOUND_REFUSED}, /* an HMAC of JSON would be a forged delivery */
    {X, .query = "crc_token=a&crc_token=b", .result = HK_INBOUND_REFUSED},
    {CE, .headers = {H("WebHook-Request-Origin", "events.example"), H("WebHook-Request-Rate", "120")}, .result = HK_INBOUND_ANSWERED, .answer = "",
     .origin = "events.example", .rate = "120"},
    {CE, .headers = {H("webhook-request-origin", "events.example")}, .result = HK_INBOUND_ANSWERED, .answer = "", .origin = "events.example", .rate = "*"},
    {CE, .headers = {H("WebHook-Request-Origin", "events.example"), H("WebHook-Request-Rate", "many")}, .result = HK_INBOUND_ANSWERED, .answer = "",
     .origin = "events.example", .rate = "*"},
    {CE, .headers = {H("WebHook-Request-Origin", "a b")}, .result = HK_INBOUND_REFUSED},
    {CE, .headers = {H("WebHook-Request-Origin", "")}, .result = HK_INBOUND_REFUSED},
    {CE, .result = HK_INBOUND_NO_HANDSHAKE},
    {.credential = "{\"kind\": \"github\"}", .method = "GET", .query = "crc_token=a&hub.challenge=1", .result = HK_INBOUND_NO_HANDSHAKE},
};
/* clang-format on */

static void each_question_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(questions); i++) {
        const struct question *question = &questions[i];
        struct hk_inbound_secrets secrets = {{HK_STR("key")}, 1};
        struct hk_inbound_request request = {.method = hk_str(question->method),
                                             .query = hk_str(question->query),
                                             .headers = question->headers,
                                             .body = hk_str(question->body)};
        struct hk_inbound_credential credential;
        struct hk_inbound_answer answer;
        enum hk_inbound_handshake result;

        while (request.n_headers < 2 && question->headers[request.n_headers].name.p != NULL)
            request.n_headers++;
        assert_int_equal(
            hk_inbound_credential_parse(hk_str(question->credential), "", &credential, NULL),
            HK_OK);
        result = hk_inbound_handshake(&credential, &secrets, &request, NOW_S, &answer);
        hk_inbound_credential_done(&credential);
        if (result != question->result)
            fail_msg("question %zu: %d instead of %d", i, (int)result, (int)question->result);
        if (result != HK_INBOUND_ANSWERED)
            continue;
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.n_body, strlen(question->answer));
        assert_memory_equal(answer.body, question->answer, answer.n_body);
        assert_true(hk_str_eq(answer.allowed_origin, hk_str(question->origin)));
        assert_true(hk_str_eq(answer.allowed_rate, hk_str(question->rate)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_are_read_and_written_without_secrets),
        cmocka_unit_test(a_secret_is_given_to_who_seals_it),
        cmocka_unit_test(presets_are_told_as_json),
        cmocka_unit_test(each_question_has_its_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
