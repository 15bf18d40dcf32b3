/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/http/body.h"

static enum hk_code check_is_not_bad(struct hk_str value, struct hk_error *reterr)
{
    if (hk_str_eq(value, HK_STR("bad")))
        return hk_fail(reterr, HK_INVALID_BODY, "/overwritten", "must not be %s", "bad");
    return HK_OK;
}

/* clang-format off */
static const struct body_field credentials[] = {
    {"username", BODY_STRING, BODY_REQUIRED | BODY_NONEMPTY, .max = 8},
    {"password", BODY_STRING, BODY_REQUIRED, .max = 8},
    {0},
};
static const struct body_field company[] = {
    {"company", BODY_STRING, BODY_REQUIRED, .max = 8},
    {"values", BODY_MAP, 0, .max = 3},
    {0},
};
static const struct body_field fields[] = {
    {"name", BODY_STRING, BODY_REQUIRED | BODY_NONEMPTY, .max = 5},
    {"description", BODY_STRING, BODY_NULLABLE, .max = 3},
    {"profile", BODY_STRING, 0, .choices = "standard|basecone"},
    {"state", BODY_STRING, BODY_NULLABLE, .choices = "on|off", .check = check_is_not_bad},
    {"url", BODY_STRING, 0, .max = 10, .check = check_is_not_bad},
    {"timeout_ms", BODY_INTEGER, 0, .max = 30000, .min = 1000},
    {"offset", BODY_INTEGER, BODY_NULLABLE, .max = INT64_MAX, .min = INT64_MIN},
    {"is_on", BODY_BOOLEAN, .flags = 0},
    {"is_set", BODY_BOOLEAN, .flags = BODY_NULLABLE},
    {"event_types", BODY_STRING_LIST, BODY_NONEMPTY, .max = 3, .check = check_is_not_bad},
    {"tags", BODY_STRING_LIST, BODY_NULLABLE, .max = 2},
    {"days", BODY_STRING_LIST, 0, .max = 2, .choices = "sat|sun"},
    {"credentials", BODY_OBJECT, 0, .fields = credentials},
    {"other", BODY_OBJECT, BODY_NULLABLE, .fields = credentials},
    {"companies", BODY_OBJECT_LIST, BODY_NONEMPTY, .max = 2, .fields = company},
    {"values", BODY_MAP, 0, .max = 2},
    {"a/b~c", BODY_BOOLEAN, .flags = 0},
    {"sample", BODY_ANY, .max = 100},
    {0},
};
/* clang-format on */

/* Checks `body`, in memory of its own size, and compares the code, the pointer and the sentence. */
static void expect(struct hk_str body, enum hk_code code, const char *pointer, const char *detail)
{
    struct hk_error error = {.code = HK_OK};
    char *copy = malloc(body.n == 0 ? 1 : body.n);
    enum hk_code actual;

    assert_non_null(copy);
    if (body.n > 0)
        memcpy(copy, body.p, body.n);
    actual = body_check((struct hk_str){copy, body.n}, fields, &error);
    free(copy);

    if (actual != code || error.code != code || strcmp(error.pointer, pointer) != 0 ||
        strcmp(error.detail, detail) != 0)
        fail_msg("%.*s: %d '%s' '%s'", (int)body.n, body.p, actual, error.pointer, error.detail);
}

static void expect_ok(struct hk_str body)
{
    expect(body, HK_OK, "", "");
}

static void expect_invalid(struct hk_str body, const char *pointer, const char *detail)
{
    expect(body, HK_INVALID_BODY, pointer, detail);
}

/* `members` beside the one that is required. */
static void expect_member(const char *members, const char *pointer, const char *detail)
{
    char body[1024];
    int n = snprintf(body, sizeof(body), "{\"name\":\"n\",%s}", members);

    expect((struct hk_str){body, (size_t)n}, pointer == NULL ? HK_OK : HK_INVALID_BODY,
           pointer == NULL ? "" : pointer, pointer == NULL ? "" : detail);
}

static void expect_members_ok(const char *const *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect_member(cases[i], NULL, NULL);
}

static void expect_members_invalid(const char *const *cases, size_t n, const char *pointer,
                                   const char *detail)
{
    for (size_t i = 0; i < n; i++)
        expect_member(cases[i], pointer, detail);
}

static void test_a_body_with_all_members_is_accepted(void **state)
{
    (void)state;

    expect_ok(
        HK_STR(" {\"name\":\"n\",\"description\":null,\"profile\":\"basecone\",\"state\":\"on\","
               "\"url\":\"good\",\"timeout_ms\":5000,\"offset\":-1,\"is_on\":true,\"is_set\":null,"
               "\"event_types\":[\"a\",\"b\"],\"tags\":[],\"days\":[\"sat\",\"sun\"],"
               "\"credentials\":{\"username\":\"u\",\"password\":\"\"},\"other\":null,"
               "\"companies\":[{\"company\":\"c\",\"values\":{\"k\":1}},{\"company\":\"d\"}],"
               "\"values\":{\"k\":\"v\",\"l\":null},\"a/b~c\":false,\"sample\":{\"x\":[1,{}]}}\n"));
    expect_ok(HK_STR("{\"name\":\"n\"}"));
}

static void test_what_is_not_json_is_malformed(void **state)
{
    (void)state;

    expect(HK_STR_NULL, HK_MALFORMED_JSON, "", "The body is empty.");
    expect(HK_STR(""), HK_MALFORMED_JSON, "", "The body is empty.");
    expect(HK_STR("{\"name\":"), HK_MALFORMED_JSON, "", "The body ends too early.");
    expect(HK_STR("{\"name\":x}"), HK_MALFORMED_JSON, "",
           "The body stops being JSON at byte offset 8.");
    expect(HK_STR("{} x"), HK_MALFORMED_JSON, "", "The body stops being JSON at byte offset 3.");
    expect(HK_STR("\xef\xbb\xbf{}"), HK_MALFORMED_JSON, "",
           "The body stops being JSON at byte offset 0.");
    expect(HK_STR("{\"name\":\"\xff\"}"), HK_MALFORMED_JSON, "",
           "The body stops being JSON at byte offset 9.");
    expect(HK_STR("{\"name\":\"\\ud800\"}"), HK_MALFORMED_JSON, "",
           "The body stops being JSON at byte offset 9.");
    expect(HK_STR("{\"name\":\"a\0\"}"), HK_MALFORMED_JSON, "",
           "The body stops being JSON at byte offset 10.");
    expect(HK_STR("{\"name\":1.5\0}"), HK_MALFORMED_JSON, "",
           "The body stops being JSON at byte offset 11.");
}

static void test_a_body_is_an_object(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("[]"), HK_STR("1"), HK_STR("\"x\""), HK_STR("null"), HK_STR("[{\"name\":\"n\"}]"),
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_invalid(cases[i], "", "must be an object");
}

static void test_an_unknown_member_is_refused_where_it_stands(void **state)
{
    (void)state;

    expect_member("\"nam\":1", "/nam", "is not a member of this object");
    expect_member("\"Name\":\"n\"", "/Name", "is not a member of this object");
    expect_member("\"\":1", "/", "is not a member of this object");
    expect_member("\"a/b\":1", "/a~1b", "is not a member of this object");
    expect_member("\"a~b\":1", "/a~0b", "is not a member of this object");
    expect_member("\"~1/\":1", "/~01~1", "is not a member of this object");
    expect_member("\"\xe2\x82\xac\":1", "/\xe2\x82\xac", "is not a member of this object");
    expect_member("\"credentials\":{\"username\":\"u\",\"password\":\"p\",\"x\":1}",
                  "/credentials/x", "is not a member of this object");
    expect_member("\"companies\":[{\"company\":\"c\"},{\"company\":\"c\",\"x\":1}]",
                  "/companies/1/x", "is not a member of this object");
}

static void test_a_pointer_is_never_cut(void **state)
{
    static const char too_long[] = "has a member whose name is too long";
    static const char unknown[] = "is not a member of this object";
    char body[1200];
    char pointer[256];
    char longest[255];
    int n;

    (void)state;

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    (void)snprintf(pointer, sizeof(pointer), "/%s", longest);
    n = snprintf(body, sizeof(body), "{\"%s\":1}", longest);
    expect_invalid((struct hk_str){body, (size_t)n}, pointer, unknown);
    n = snprintf(body, sizeof(body), "{\"%sx\":1}", longest);
    expect_invalid((struct hk_str){body, (size_t)n}, "", too_long);
    longest[sizeof(longest) - 2] = '/'; /* takes two characters */
    n = snprintf(body, sizeof(body), "{\"%s\":1}", longest);
    expect_invalid((struct hk_str){body, (size_t)n}, "", too_long);
    n = snprintf(body, sizeof(body), "{\"values\":{\"%s\":[]}}", longest);
    expect_invalid((struct hk_str){body, (size_t)n}, "/values", too_long);
    n = snprintf(body, sizeof(body), "{\"sample\":{\"%s%s\":1,\"%s%s\":2}}", longest, longest,
                 longest, longest);
    expect_invalid((struct hk_str){body, (size_t)n}, "/sample", "is there more than once");
}

static void test_a_required_member_must_be_there(void **state)
{
    (void)state;

    expect_invalid(HK_STR("{}"), "/name", "is required");
    expect_invalid(HK_STR("{\"is_on\":true}"), "/name", "is required");
    expect_invalid(HK_STR("{\"name\":null}"), "/name", "must be a string of 1 to 5 characters");
    expect_member("\"credentials\":{}", "/credentials/username", "is required");
    expect_member("\"credentials\":{\"username\":\"u\"}", "/credentials/password", "is required");
    expect_member("\"companies\":[{\"company\":\"c\"},{}]", "/companies/1/company", "is required");
}

static void test_a_string_has_a_length_in_characters(void **state)
{
    static const char described[] = "must be a string of 1 to 5 characters";

    (void)state;

    expect_ok(HK_STR("{\"name\":\"12345\"}"));
    expect_ok(HK_STR("{\"name\":\"\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac\\u20ac\"}"));
    expect_invalid(HK_STR("{\"name\":\"123456\"}"), "/name", described);
    expect_invalid(HK_STR("{\"name\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}"),
                   "/name", described);
    expect_invalid(HK_STR("{\"name\":\"\"}"), "/name", described);
    expect_invalid(HK_STR("{\"name\":1}"), "/name", described);
    expect_invalid(HK_STR("{\"name\":[\"a\"]}"), "/name", described);
    expect_invalid(HK_STR("{\"name\":true}"), "/name", described);
    expect_member("\"url\":\"12345678901\"", "/url", "must be a string of at most 10 characters");
    expect_member("\"url\":\"\"", NULL, NULL);
}

static void test_null_is_legal_where_the_table_says_so(void **state)
{
    static const char *const legal[] = {
        "\"description\":null", "\"state\":null", "\"offset\":null", "\"is_set\":null",
        "\"tags\":null",        "\"other\":null", "\"sample\":null",
    };

    (void)state;

    expect_members_ok(legal, HK_COUNTOF(legal));
    expect_member("\"description\":1", "/description",
                  "must be null or a string of at most 3 characters");
    expect_member("\"state\":1", "/state", "must be null or one of: on, off");
    expect_member("\"is_set\":1", "/is_set", "must be null or true or false");
    expect_member("\"tags\":1", "/tags", "must be null or a list of at most 2 strings");
    expect_member("\"other\":1", "/other", "must be null or an object");
    expect_member("\"offset\":true", "/offset",
                  "must be null or an integer from -9223372036854775808 to 9223372036854775807");
    expect_member("\"url\":null", "/url", "must be a string of at most 10 characters");
    expect_member("\"is_on\":null", "/is_on", "must be true or false");
}

static void test_a_choice_is_one_of_its_words(void **state)
{
    static const char *const legal[] = {"\"profile\":\"standard\"", "\"profile\":\"basecone\""};
    static const char *const illegal[] = {
        "\"profile\":\"\"",
        "\"profile\":\"Standard\"",
        "\"profile\":\"stand\"",
        "\"profile\":1",
        "\"profile\":\"standard|basecone\"",
        "\"profile\":\"standards\"",
        "\"profile\":\"|\"",
        "\"profile\":null",
        "\"profile\":[\"standard\"]",
    };

    (void)state;

    expect_members_ok(legal, HK_COUNTOF(legal));
    expect_members_invalid(illegal, HK_COUNTOF(illegal), "/profile",
                           "must be one of: standard, basecone");
}

static void test_a_check_of_the_table_tells_its_own_sentence(void **state)
{
    (void)state;

    expect_member("\"url\":\"bad\"", "/url", "must not be bad");
    expect_member("\"event_types\":[\"a\",\"bad\"]", "/event_types/1", "must not be bad");
}

static void test_an_integer_is_a_json_integer_in_its_range(void **state)
{
    static const char *const legal[] = {
        "\"timeout_ms\":1000",
        "\"timeout_ms\":30000",
        "\"offset\":-0",
        "\"offset\":9223372036854775807",
        "\"offset\":-9223372036854775808",
    };
    static const char *const illegal[] = {
        "\"timeout_ms\":999",   "\"timeout_ms\":30001", "\"timeout_ms\":5000.0",
        "\"timeout_ms\":5e3",   "\"timeout_ms\":true",  "\"timeout_ms\":\"5000\"",
        "\"timeout_ms\":-5000", "\"timeout_ms\":null",  "\"timeout_ms\":[5000]",
    };

    (void)state;

    expect_members_ok(legal, HK_COUNTOF(legal));
    expect_members_invalid(illegal, HK_COUNTOF(illegal), "/timeout_ms",
                           "must be an integer from 1000 to 30000");
}

static void test_a_boolean_is_true_or_false(void **state)
{
    static const char *const legal[] = {"\"is_on\":true", "\"is_on\":false"};
    static const char *const illegal[] = {"\"is_on\":0", "\"is_on\":1", "\"is_on\":\"true\"",
                                          "\"is_on\":{}"};

    (void)state;

    expect_members_ok(legal, HK_COUNTOF(legal));
    expect_members_invalid(illegal, HK_COUNTOF(illegal), "/is_on", "must be true or false");
    expect_member("\"a/b~c\":1", "/a~1b~0c", "must be true or false");
}

static void test_a_list_of_strings_has_a_size_and_only_strings(void **state)
{
    static const char described[] = "must be a list of 1 to 3 strings";

    (void)state;

    expect_member("\"event_types\":[\"a\",\"b\",\"c\"]", NULL, NULL);
    expect_member("\"event_types\":[]", "/event_types", described);
    expect_member("\"event_types\":[\"a\",\"b\",\"c\",\"d\"]", "/event_types", described);
    expect_member("\"event_types\":\"a\"", "/event_types", described);
    expect_member("\"event_types\":{}", "/event_types", described);
    expect_member("\"event_types\":[\"a\",1]", "/event_types/1",
                  "must be a string of at most 256 characters");
    expect_member("\"event_types\":[null]", "/event_types/0",
                  "must be a string of at most 256 characters");
    expect_member("\"tags\":[\"a\",\"b\",\"c\"]", "/tags",
                  "must be null or a list of at most 2 strings");
    expect_member("\"days\":[\"sat\",\"mon\"]", "/days/1", "must be one of: sat, sun");
}

static void test_a_list_of_objects_has_a_size_and_only_objects(void **state)
{
    static const char described[] = "must be a list of 1 to 2 objects";

    (void)state;

    expect_member("\"companies\":[]", "/companies", described);
    expect_member("\"companies\":{\"company\":\"c\"}", "/companies", described);
    expect_member("\"companies\":[1,2,3]", "/companies", described);
    expect_member("\"companies\":[{\"company\":\"c\"},1]", "/companies/1", "must be an object");
    expect_member("\"companies\":[[]]", "/companies/0", "must be an object");
    expect_member("\"companies\":[{\"company\":1}]", "/companies/0/company",
                  "must be a string of at most 8 characters");
    expect_member("\"companies\":[{\"company\":\"c\",\"values\":{\"k\":[]}}]",
                  "/companies/0/values/k", "must be a string, a number, true, false or null");
}

static void test_a_map_has_free_names_and_scalar_values(void **state)
{
    static const char described[] = "must be an object of at most 2 members";
    static const char scalar[] = "must be a string, a number, true, false or null";

    (void)state;

    expect_member("\"values\":{}", NULL, NULL);
    expect_member("\"values\":{\"any name/\":\"x\",\"\":1.5}", NULL, NULL);
    expect_member("\"values\":{\"a\":true,\"b\":null}", NULL, NULL);
    expect_member("\"values\":{\"a\":1,\"b\":2,\"c\":3}", "/values", described);
    expect_member("\"values\":[]", "/values", described);
    expect_member("\"values\":null", "/values", described);
    expect_member("\"values\":{\"a\":{}}", "/values/a", scalar);
    expect_member("\"values\":{\"a\":1,\"b/c\":[]}", "/values/b~1c", scalar);
}

static void test_any_value_is_any_value(void **state)
{
    char large[128];
    static const char *const legal[] = {
        "\"sample\":1",    "\"sample\":1.5e3", "\"sample\":\"\"", "\"sample\":[1,[2,{\"a\":null}]]",
        "\"sample\":true", "\"sample\":null",  "\"sample\":{}",
    };

    (void)state;

    expect_members_ok(legal, HK_COUNTOF(legal));
    (void)snprintf(large, sizeof(large), "\"sample\":\"%099d\"", 0);
    expect_member(large, "/sample", "must not be larger than 100 bytes");
}

static void test_a_duplicate_name_is_refused_anywhere(void **state)
{
    static const char twice[] = "is there more than once";

    (void)state;

    expect_member("\"name\":\"m\"", "/name", twice);
    expect_member("\"n\\u0061me\":\"m\"", "/name", twice);
    expect_member("\"sample\":{\"a\":1,\"b\":2,\"a\":3}", "/sample/a", twice);
    expect_member("\"sample\":[0,{\"a\":{\"b\":[1,{\"x/y\":1,\"x/y\":1}]}}]",
                  "/sample/1/a/b/1/x~1y", twice);
}

static void test_u_0000_is_refused_anywhere(void **state)
{
    static const char in_value[] = "must not hold the character U+0000";
    static const char in_name[] = "has a member whose name holds the character U+0000";

    (void)state;

    expect_invalid(HK_STR("{\"name\":\"a\\u0000\"}"), "/name", in_value);
    expect_member("\"sample\":[\"a\",\"\\u0000\"]", "/sample/1", in_value);
    expect_member("\"sample\":{\"a\":1,\"\\u0000\":1}", "/sample", in_name);
    expect_member("\"a\\u0000\":1", "", in_name);
}

static void test_a_number_beyond_int64_or_double_is_refused(void **state)
{
    static const char too_large[] = "is a number that is too large";

    (void)state;

    expect_member("\"offset\":9223372036854775808", "/offset", too_large);
    expect_member("\"offset\":-9223372036854775809", "/offset", too_large);
    expect_member("\"sample\":{\"a\":[1,1e400]}", "/sample/a/1", too_large);
    expect_member("\"sample\":1e-400", NULL, NULL);
}

/* {"name":"n","sample":[[...]]} of `depth` levels in all. */
static void expect_depth(size_t depth, enum hk_code code, const char *detail)
{
    char body[256] = "{\"name\":\"n\",\"sample\":";
    size_t n = strlen(body);

    memset(body + n, '[', depth - 1);
    memset(body + n + depth - 1, ']', depth - 1);
    n += 2 * (depth - 1);
    body[n++] = '}';
    expect((struct hk_str){body, n}, code, "", detail);
}

static void test_the_depth_is_limited(void **state)
{
    static const char too_deep[] = "must not be nested more than 32 levels deep";

    (void)state;

    expect_depth(32, HK_OK, "");
    expect_depth(33, HK_INVALID_BODY, too_deep);
    expect_depth(100, HK_INVALID_BODY, too_deep);
    expect_member("\"sample\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"", NULL, NULL);
}

static void test_the_first_fault_in_the_text_is_told(void **state)
{
    (void)state;

    expect_invalid(HK_STR("{\"x\":1,\"name\":1}"), "/x", "is not a member of this object");
    expect_invalid(HK_STR("{\"name\":1,\"x\":1}"), "/name",
                   "must be a string of 1 to 5 characters");
    expect_invalid(HK_STR("{\"is_on\":1}"), "/is_on", "must be true or false");
}

static void test_the_sentence_may_be_left_out(void **state)
{
    (void)state;

    assert_int_equal(body_check(HK_STR("{}"), fields, NULL), HK_INVALID_BODY);
    assert_int_equal(body_check(HK_STR("{"), fields, NULL), HK_MALFORMED_JSON);
    assert_int_equal(body_check(HK_STR("{\"name\":\"n\"}"), fields, NULL), HK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_body_with_all_members_is_accepted),
        cmocka_unit_test(test_what_is_not_json_is_malformed),
        cmocka_unit_test(test_a_body_is_an_object),
        cmocka_unit_test(test_an_unknown_member_is_refused_where_it_stands),
        cmocka_unit_test(test_a_pointer_is_never_cut),
        cmocka_unit_test(test_a_required_member_must_be_there),
        cmocka_unit_test(test_a_string_has_a_length_in_characters),
        cmocka_unit_test(test_null_is_legal_where_the_table_says_so),
        cmocka_unit_test(test_a_choice_is_one_of_its_words),
        cmocka_unit_test(test_a_check_of_the_table_tells_its_own_sentence),
        cmocka_unit_test(test_an_integer_is_a_json_integer_in_its_range),
        cmocka_unit_test(test_a_boolean_is_true_or_false),
        cmocka_unit_test(test_a_list_of_strings_has_a_size_and_only_strings),
        cmocka_unit_test(test_a_list_of_objects_has_a_size_and_only_objects),
        cmocka_unit_test(test_a_map_has_free_names_and_scalar_values),
        cmocka_unit_test(test_any_value_is_any_value),
        cmocka_unit_test(test_a_duplicate_name_is_refused_anywhere),
        cmocka_unit_test(test_u_0000_is_refused_anywhere),
        cmocka_unit_test(test_a_number_beyond_int64_or_double_is_refused),
        cmocka_unit_test(test_the_depth_is_limited),
        cmocka_unit_test(test_the_first_fault_in_the_text_is_told),
        cmocka_unit_test(test_the_sentence_may_be_left_out),
    };

    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
