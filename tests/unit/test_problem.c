/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/http/problem.h"

static void expect(struct hk_error error, struct hk_str errors_json, const char *instance,
                   const char *wanted)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 8192);
    problem_write(&buf, &error, errors_json, instance);
    assert_string_equal(hk_buf_str(&buf).p, wanted);
}

static void test_a_code_speaks_with_the_catalogues_words(void **state)
{
    (void)state;
    expect((struct hk_error){.code = HK_NOT_FOUND}, HK_STR_NULL, "r-1",
           "{\"type\":\"/problems/not_found\",\"title\":\"There is no such object.\","
           "\"status\":404,\"detail\":\"There is no such object.\",\"instance\":\"r-1\"}");
}

static void test_a_sentence_becomes_the_detail(void **state)
{
    (void)state;
    expect((struct hk_error){.code = HK_BAD_REQUEST, .detail = "There is no Host header."},
           HK_STR_NULL, "r-1",
           "{\"type\":\"/problems/bad_request\",\"title\":\"The request is not well-formed HTTP.\","
           "\"status\":400,\"detail\":\"There is no Host header.\",\"instance\":\"r-1\"}");
}

static void test_a_pointer_becomes_the_one_error(void **state)
{
    (void)state;
    expect((struct hk_error){.code = HK_INVALID_BODY, .pointer = "/url", .detail = "must be https"},
           HK_STR("[\"not taken\"]"), "r-1",
           "{\"type\":\"/problems/invalid_body\","
           "\"title\":\"The request body does not match the schema.\",\"status\":422,"
           "\"detail\":\"must be https\",\"instance\":\"r-1\","
           "\"errors\":[{\"pointer\":\"/url\",\"detail\":\"must be https\"}]}");
}

/* A query parameter, or the body as a whole: nothing that a pointer could name. */
static void test_422_always_has_errors(void **state)
{
    (void)state;
    expect(
        (struct hk_error){.code = HK_INVALID_PARAMETER, .detail = "limit must be a number"},
        HK_STR_NULL, "r-1",
        "{\"type\":\"/problems/invalid_parameter\",\"title\":\"A query parameter is not valid.\","
        "\"status\":422,\"detail\":\"limit must be a number\",\"instance\":\"r-1\","
        "\"errors\":[{\"pointer\":\"\",\"detail\":\"limit must be a number\"}]}");
    expect((struct hk_error){.code = HK_INVALID_BODY}, HK_STR("[]"), "r-1",
           "{\"type\":\"/problems/invalid_body\","
           "\"title\":\"The request body does not match the schema.\",\"status\":422,"
           "\"detail\":\"The request body does not match the schema.\",\"instance\":\"r-1\","
           "\"errors\":[]}");
}

static void test_errors_of_a_statement_are_taken_as_they_are(void **state)
{
    (void)state;
    expect((struct hk_error){.code = HK_CONFLICT},
           HK_STR("[{\"pointer\":\"\",\"detail\":\"The app is archived.\"}]"), "r-1",
           "{\"type\":\"/problems/conflict\","
           "\"title\":\"The object exists already, or its state does not allow this.\","
           "\"status\":409,"
           "\"detail\":\"The object exists already, or its state does not allow this.\","
           "\"instance\":\"r-1\",\"errors\":[{\"pointer\":\"\",\"detail\":\"The app is archived.\"}"
           "]}");
}

static void test_a_problem_inside_a_batch_has_no_instance(void **state)
{
    (void)state;
    expect((struct hk_error){.code = HK_FORBIDDEN}, HK_STR_NULL, "",
           "{\"type\":\"/problems/forbidden\","
           "\"title\":\"The caller does not have the scope of this route.\",\"status\":403,"
           "\"detail\":\"The caller does not have the scope of this route.\"}");
}

static void test_what_callers_sent_is_escaped(void **state)
{
    struct hk_error error = {.code = HK_INVALID_BODY};
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    json_t *json;

    (void)state;
    (void)hk_fail(&error, HK_INVALID_BODY, "/a\"\\\n", "not \"%s\"", "\x01\x1f<\xc3\xa9>");
    hk_buf_init(&buf, 8192);
    problem_write(&buf, &error, HK_STR_NULL, "r\"1");
    json = json_loadb(buf.p, buf.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "instance")), "r\"1");
    assert_string_equal(json_string_value(json_object_get(json, "detail")),
                        "not \"\x01\x1f<\xc3\xa9>\"");
    json_decref(json);
}

static void test_every_code_makes_a_problem(void **state)
{
    (void)state;
    for (enum hk_code code = HK_OK + 1; code < HK_CODE_COUNT; code++) {
        struct hk_error error = {.code = code};
        struct hk_buf buf HK_CLEANUP(hk_buf_done);
        json_t *json;

        hk_buf_init(&buf, 8192);
        problem_write(&buf, &error, HK_STR_NULL, "");
        json = json_loadb(buf.p, buf.n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        assert_int_equal(json_integer_value(json_object_get(json, "status")),
                         hk_code_info(code)->http_status);
        assert_int_equal(json_object_size(json), hk_code_info(code)->http_status == 422 ? 5 : 4);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_code_speaks_with_the_catalogues_words),
        cmocka_unit_test(test_a_sentence_becomes_the_detail),
        cmocka_unit_test(test_a_pointer_becomes_the_one_error),
        cmocka_unit_test(test_422_always_has_errors),
        cmocka_unit_test(test_errors_of_a_statement_are_taken_as_they_are),
        cmocka_unit_test(test_a_problem_inside_a_batch_has_no_instance),
        cmocka_unit_test(test_what_callers_sent_is_escaped),
        cmocka_unit_test(test_every_code_makes_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
