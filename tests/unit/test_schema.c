/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas that are refused, and what a payload that does not fit is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/schema/schema.h"
#include "hk/buf.h"

static void must_be_refused(const char *text, const char *pointer, const char *detail)
{
    struct hk_error error = {.code = HK_OK};
    struct schema *schema = schema_compile(hk_str(text), &error);

    if (schema != NULL)
        fail_msg("%s is not refused", text);
    assert_int_equal(error.code, HK_INVALID_BODY);
    assert_string_equal(error.pointer, pointer);
    if (strstr(error.detail, detail) == NULL)
        fail_msg("%s: %s", text, error.detail);
}

static struct schema *given_schema(const char *text)
{
    struct hk_error error = {.code = HK_OK};
    struct schema *schema = schema_compile(hk_str(text), &error);

    if (schema == NULL)
        fail_msg("%s: %s %s", text, error.pointer, error.detail);
    return schema;
}

static void test_a_schema_that_is_none_is_refused_with_the_place(void **state)
{
    static const struct {
        const char *text, *pointer, *detail;
    } cases[] = {
        {"", "", "not well-formed"},
        {"{", "", "not well-formed"},
        {"7", "", "must be a schema"},
        {"{\"type\":\"money\"}", "/type", "must be a type"},
        {"{\"type\":[\"string\",\"money\"]}", "/type", "must be a type"},
        {"{\"type\":[]}", "/type", "must be a type"},
        {"{\"properties\":[]}", "/properties", "must be an object"},
        {"{\"properties\":{\"a/b\":{\"minimum\":\"1\"}}}", "/properties/a~1b/minimum",
         "must be a number"},
        {"{\"items\":{\"maxItems\":-1}}", "/items/maxItems", "not negative"},
        {"{\"maxLength\":1.5}", "/maxLength", "must be an integer"},
        {"{\"multipleOf\":0}", "/multipleOf", "above 0"},
        {"{\"multipleOf\":1234567890123456789}", "/multipleOf", "18 digits"},
        {"{\"required\":\"a\"}", "/required", "must be an array"},
        {"{\"required\":[\"a\",1]}", "/required/1", "must be a string"},
        {"{\"allOf\":[]}", "/allOf", "one schema at least"},
        {"{\"anyOf\":[true,{\"not\":3}]}", "/anyOf/1/not", "must be a schema"},
        {"{\"enum\":1}", "/enum", "must be an array"},
        {"{\"pattern\":\"(\"}", "/pattern", "has a ( without its )"},
        {"{\"patternProperties\":{\"(?=x)\":true}}", "/patternProperties/(?=x)", "not supported"},
        {"{\"uniqueItems\":1}", "/uniqueItems", "true or false"},
        {"{\"type\":\"object\",\"type\":\"array\"}", "/type", "appears twice"},
        {"{\"properties\":{\"a\":true,\"\\u0061\":true}}", "/properties/a", "appears twice"},
        {"{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", "/$schema",
         "must be the URI"},
        {"{\"dependentRequired\":{\"a\":true}}", "/dependentRequired/a", "array of names"},
        {"{\"dependentSchemas\":{\"a\":[]}}", "/dependentSchemas/a", "must be a schema"},
        {"{\"const\":1,\"enum\":[1]}", "/enum", "one of them"},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        must_be_refused(cases[i].text, cases[i].pointer, cases[i].detail);
}

static void test_a_keyword_that_would_not_be_heeded_is_refused(void **state)
{
    static const char *const keywords[] = {"$dynamicRef", "$recursiveRef",   "nullable",
                                           "disallow",    "divisibleBy",     "extends",
                                           "$vocabulary", "additionalItems", "dependencies"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(keywords); i++) {
        char text[128], pointer[64];

        (void)snprintf(text, sizeof(text), "{\"properties\":{\"a\":{\"%s\":true}}}", keywords[i]);
        (void)snprintf(pointer, sizeof(pointer), "/properties/a/%s", keywords[i]);
        must_be_refused(text, pointer, "is not");
    }
    must_be_refused("{\"items\":[{}]}", "/items", "prefixItems");
    must_be_refused(
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"prefixItems\":[{}]}",
        "/prefixItems", "not a keyword of the draft");
}

static void test_references_lead_to_schemas_of_the_document_and_not_in_circles(void **state)
{
    static const struct {
        const char *text, *pointer, *detail;
    } cases[] = {
        {"{\"$ref\":\"https://example.com/x\"}", "/$ref", "outside"},
        {"{\"items\":{\"$ref\":\"other.json#/a\"}}", "/items/$ref", "outside"},
        {"{\"$ref\":\"#/nothing\"}", "/$ref", "points at nothing"},
        {"{\"$ref\":\"#nothing\"}", "/$ref", "points at nothing"},
        {"{\"prefixItems\":[{\"$ref\":\"#/prefixItems/1\"}]}", "/prefixItems/0/$ref",
         "points at nothing"},
        {"{\"title\":\"x\",\"items\":{\"$ref\":\"#/title\"}}", "/title", "must be a schema"},
        {"{\"x\":{\"minimum\":true},\"items\":{\"$ref\":\"#/x\"}}", "/x/minimum",
         "must be a number"},
        {"{\"$ref\":\"#\"}", "", "leads to itself"},
        {"{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"not\":{\"$ref\":\"#/"
         "$defs/a\"}}}}",
         "/$defs/b/not", "leads to itself"},
        {"{\"$defs\":{\"a\":{\"$id\":\"https://example.com/a\"}}}", "/$defs/a/$id",
         "at the root only"},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        must_be_refused(cases[i].text, cases[i].pointer, cases[i].detail);
}

/* n times `opening`, the middle, n times `closing`. */
static void nest(struct hk_buf *buf, int n, const char *opening, const char *middle,
                 const char *closing)
{
    hk_buf_init(buf, 1 << 20);
    for (int i = 0; i < n; i++)
        hk_buf_add_text(buf, opening);
    hk_buf_add_text(buf, middle);
    for (int i = 0; i < n; i++)
        hk_buf_add_text(buf, closing);
}

static void test_everything_that_can_grow_has_a_limit(void **state)
{
    static const struct {
        const char *start, *part, *end, *detail;
        int n_good, n_bad;
    } cases[] = {
        {"", "{\"items\":", "{}", "too deep", 31, 32},
        {"{\"title\":\"", "0123456789abcdef", "\"}", "too long", 2047, 2048},
        {"{\"anyOf\":[", "{},", "{}]}", "one schema too many", 2046, 2047},
        {"{\"required\":[", "", "\"x\"]}", "too many names", 1023, 1024},
        {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{}},\"anyOf\":[",
         "{\"$ref\":\"#/$defs/b\"},", "{}]}", "one reference too many", 511, 512},
        {"{\"anyOf\":[", "{\"pattern\":\"a{1900}\"},", "{}]}", "together they are too large", 10,
         11},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        for (int is_bad = 0; is_bad <= 1; is_bad++) {
            int n = is_bad == 1 ? cases[i].n_bad : cases[i].n_good;
            struct hk_buf buf HK_CLEANUP(hk_buf_done);
            struct hk_error error = {.code = HK_OK};
            struct schema *schema;

            hk_buf_init(&buf, 1 << 20);
            hk_buf_add_text(&buf, cases[i].start);
            for (int k = 0; k < n; k++) {
                if (cases[i].part[0] != '\0')
                    hk_buf_add_text(&buf, cases[i].part);
                else
                    hk_buf_printf(&buf, "\"n%d\",", k);
            }
            hk_buf_add_text(&buf, cases[i].end);
            for (int k = 0; k < n && i == 0; k++)
                hk_buf_add_text(&buf, "}");
            schema = schema_compile(hk_buf_str(&buf), &error);
            if ((schema == NULL) != (is_bad == 1))
                fail_msg("%s: %d: %s", cases[i].detail, n, error.detail);
            if (is_bad == 1 && strstr(error.detail, cases[i].detail) == NULL)
                fail_msg("%s instead of %s", error.detail, cases[i].detail);
            schema_free(schema);
        }
    }
}

static void test_a_fault_says_where_and_what(void **state)
{
    static const struct {
        const char *schema, *value, *pointer, *detail;
    } cases[] = {
        {"{\"type\":\"object\"}", "1", "", "must be an object"},
        {"{\"type\":[\"string\",\"null\"]}", "1", "", "must be a string or null"},
        {"{\"required\":[\"a\",\"b/c\"]}", "{\"a\":1}", "/b~1c", "is required"},
        {"{\"properties\":{\"n\":{\"minimum\":10}}}", "{\"n\":9.99}", "/n", "must be at least 10"},
        {"{\"properties\":{\"n\":{\"exclusiveMaximum\":1e400}}}", "{\"n\":1e400}", "/n",
         "must be below 1e400"},
        {"{\"items\":{\"multipleOf\":0.01}}", "[1,0.015]", "/1", "must be a multiple of 0.01"},
        {"{\"additionalProperties\":false}", "{\"x\":{}}", "/x", "is not allowed by the schema"},
        {"{\"enum\":[1,2]}", "3", "", "must be one of the values that the schema lists"},
        {"{\"const\":\"a\"}", "3", "", "must be \"a\""},
        {"{\"pattern\":\"^\\\\d$\"}", "\"a\"", "", "must match ^\\d$"},
        {"{\"minLength\":2}", "\"\\u00e9\"", "", "must have at least 2 characters"},
        {"{\"maxItems\":1}", "[1,2]", "", "must have at most 1 element"},
        {"{\"uniqueItems\":true}", "[1,2,1.0]", "", "must not have equal elements: 0 and 2 are"},
        {"{\"contains\":{\"type\":\"null\"}}", "[1]", "",
         "must have at least 1 of what the schema's contains"},
        {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "/b", "is required beside \"a\""},
        {"{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}", "/ab",
         "has a name that the schema does not"},
        {"{\"not\":{\"type\":\"null\"}}", "null", "",
         "must not be what the schema's not describes"},
        {"{\"anyOf\":[false,{\"type\":\"null\"}]}", "1", "", "matches none of the alternatives"},
        {"{\"oneOf\":[true,false,true]}", "1", "",
         "matches more than one alternative of the schema's oneOf: 0 and 2"},
        {"{\"properties\":{\"a\":{\"items\":{\"$ref\":\"#/$defs/"
         "x\"}}},\"$defs\":{\"x\":{\"type\":\"null\"}}}",
         "{\"a\":[null,0]}", "/a/1", "must be null"},
        {"{\"additionalProperties\":false}", "{\"\\u00e9~\\u0000\":1}", "/é~0\xef\xbf\xbd",
         "is not allowed"},
    };
    struct schema_report report;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct schema *schema = given_schema(cases[i].schema);

        assert_false(schema_check(schema, hk_str(cases[i].value), SCHEMA_MAX_FAULTS, &report));
        assert_int_equal(report.n, 1);
        assert_string_equal(report.faults[0].pointer, cases[i].pointer);
        if (strncmp(report.faults[0].detail, cases[i].detail, strlen(cases[i].detail)) != 0)
            fail_msg("%s instead of %s", report.faults[0].detail, cases[i].detail);
        schema_free(schema);
    }
}

static void test_the_first_ten_faults_are_told(void **state)
{
    struct schema *schema = given_schema("{\"items\":{\"type\":\"string\",\"minLength\":1}}");
    struct hk_str value = HK_STR("[\"\",1,2,3,4,5,6,7,8,9,10,11,\"a\"]");
    struct schema_report report;

    (void)state;
    assert_false(schema_check(schema, value, 100, &report));
    assert_int_equal(report.n, SCHEMA_MAX_FAULTS);
    assert_string_equal(report.faults[0].detail, "must have at least 1 character");
    assert_string_equal(report.faults[9].pointer, "/9");
    assert_false(schema_check(schema, value, 2, &report));
    assert_int_equal(report.n, 2);
    assert_true(schema_check(schema, HK_STR("[\"a\"]"), 2, &report));
    assert_int_equal(report.n, 0);
    schema_free(schema);
}

/* Each reference doubles the ways, 2^14 of them; each way matches a long string. */
static void test_work_without_end_is_a_fault_of_its_own(void **state)
{
    struct hk_buf text HK_CLEANUP(hk_buf_done);
    struct schema_report report;
    struct schema *schema;

    (void)state;
    hk_buf_init(&text, 1 << 16);
    hk_buf_add_text(&text,
                    "{\"$ref\":\"#/$defs/d0\",\"$defs\":{\"d14\":{\"pattern\":\"^(.*a){20}$\"}");
    for (int i = 0; i < 14; i++)
        hk_buf_printf(
            &text, ",\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}",
            i, i + 1, i + 1);
    hk_buf_add_text(&text, "}}");
    schema = given_schema(hk_buf_str(&text).p);
    assert_false(schema_check(schema, HK_STR("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""), 10, &report));
    assert_int_equal(report.n, 1);
    assert_string_equal(report.faults[0].pointer, "");
    assert_string_equal(report.faults[0].detail, "is too much work to check against the schema");
    schema_free(schema);
}

static void test_a_deep_value_is_checked_to_its_end(void **state)
{
    struct schema *schema =
        given_schema("{\"items\":{\"$ref\":\"#\"},\"type\":[\"array\",\"null\"]}");
    struct hk_buf deep HK_CLEANUP(hk_buf_done);
    struct schema_report report;

    (void)state;
    nest(&deep, 63, "[", "7", "]");
    assert_false(schema_check(schema, hk_buf_str(&deep), 1, &report));
    assert_string_equal(report.faults[0].detail, "must be an array or null");
    assert_int_equal(strlen(report.faults[0].pointer), 63 * 2);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_schema_that_is_none_is_refused_with_the_place),
        cmocka_unit_test(test_a_keyword_that_would_not_be_heeded_is_refused),
        cmocka_unit_test(test_references_lead_to_schemas_of_the_document_and_not_in_circles),
        cmocka_unit_test(test_everything_that_can_grow_has_a_limit),
        cmocka_unit_test(test_a_fault_says_where_and_what),
        cmocka_unit_test(test_the_first_ten_faults_are_told),
        cmocka_unit_test(test_work_without_end_is_a_fault_of_its_own),
        cmocka_unit_test(test_a_deep_value_is_checked_to_its_end),
    };

    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
