/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI documents as lists of event types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/schema/openapi_import.h"

#define POST(media_type)                                                                           \
    "{\"post\":{\"requestBody\":{\"content\":{\"application/json\":" media_type "}}}}"
#define DOCUMENT(webhooks, components)                                                             \
    "{\"openapi\":\"3.1.0\",\"webhooks\":{" webhooks "},\"components\":{" components "}}"

static void expect(const char *document, const char *types)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    struct hk_error error = {0};

    hk_buf_init(&buf, OPENAPI_MAX_TYPES_BYTES);
    if (openapi_import(hk_str(document), &buf, &error) != HK_OK)
        fail_msg("%s: %s", error.pointer, error.detail);
    assert_string_equal(hk_buf_str(&buf).p, types);
}

static void expect_refused(const char *document, const char *pointer, const char *detail)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    struct hk_error error = {0};

    hk_buf_init(&buf, OPENAPI_MAX_TYPES_BYTES);
    assert_int_equal(openapi_import(hk_str(document), &buf, &error), HK_INVALID_BODY);
    assert_string_equal(error.pointer, pointer);
    if (strstr(error.detail, detail) == NULL)
        fail_msg("not \"%s\" but \"%s\"", detail, error.detail);
}

static void test_each_webhook_is_a_type(void **state)
{
    (void)state;
    expect(DOCUMENT("\"order.paid\":{\"post\":{\"description\":\"Paid.\"}},"
                    "\"job-milestone-changed\":{\"summary\":\"Moved.\",\"put\":{}}",
                    ""),
           "[{\"name\":\"order.paid\",\"description\":\"Paid.\"},"
           "{\"name\":\"job-milestone-changed\",\"description\":\"Moved.\"}]");
}

static void test_a_schema_and_a_sample_keep_their_order(void **state)
{
    (void)state;
    expect(DOCUMENT("\"a\":" POST("{\"schema\":{\"type\":\"object\",\"properties\":{\"z\":{},"
                                  "\"a\":{}}},\"example\":{\"z\":null,\"a\":1.50}}"),
                    ""),
           "[{\"name\":\"a\",\"schema\":{\"type\":\"object\",\"properties\":{\"z\":{},\"a\":{}}},"
           "\"sample\":{\"z\":null,\"a\":1.5}}]");
}

static void test_what_a_schema_refers_to_comes_with_it(void **state)
{
    (void)state;
    expect(DOCUMENT("\"a\":" POST("{\"schema\":{\"$ref\":\"#/components/schemas/Order\"}}"),
                    "\"schemas\":{\"Order\":{\"properties\":{\"line\":{\"$ref\":"
                    "\"#/components/schemas/Line\"}}},\"Line\":{\"items\":[{\"$ref\":"
                    "\"#/components/schemas/Order/properties/line\"}]},\"Other\":{}}"),
           "[{\"name\":\"a\",\"schema\":{\"$ref\":\"#/$defs/Order\",\"$defs\":{"
           "\"Order\":{\"properties\":{\"line\":{\"$ref\":\"#/$defs/Line\"}}},"
           "\"Line\":{\"items\":[{\"$ref\":\"#/$defs/Order/properties/line\"}]}}}}]");
}

static void test_a_schema_that_refers_to_itself_is_taken_once(void **state)
{
    (void)state;
    expect(DOCUMENT("\"a\":" POST("{\"schema\":{\"$ref\":\"#/components/schemas/Tree\"}}"),
                    "\"schemas\":{\"Tree\":{\"items\":{\"$ref\":\"#/components/schemas/Tree\"}}}"),
           "[{\"name\":\"a\",\"schema\":{\"$ref\":\"#/$defs/Tree\",\"$defs\":{\"Tree\":{\"items\":"
           "{\"$ref\":\"#/$defs/Tree\"}}}}}]");
}

static void test_ref_in_data_is_no_reference_and_as_a_property_no_keyword(void **state)
{
    (void)state;
    expect(DOCUMENT("\"a\":" POST("{\"schema\":{\"const\":{\"$ref\":\"x\"},\"properties\":{"
                                  "\"$ref\":{\"type\":\"string\"},\"const\":{\"$ref\":"
                                  "\"#/components/schemas/X\"}}}}"),
                    "\"schemas\":{\"X\":{}}"),
           "[{\"name\":\"a\",\"schema\":{\"const\":{\"$ref\":\"x\"},\"properties\":{\"$ref\":"
           "{\"type\":\"string\"},\"const\":{\"$ref\":\"#/$defs/X\"}},\"$defs\":{\"X\":{}}}}]");
}

static void test_components_of_other_kinds_are_resolved(void **state)
{
    (void)state;
    expect(DOCUMENT("\"a\":{\"$ref\":\"#/components/pathItems/A\"}",
                    "\"pathItems\":{\"A\":{\"post\":{\"requestBody\":{\"$ref\":"
                    "\"#/components/requestBodies/B\"}}}},\"requestBodies\":{\"B\":{\"content\":{"
                    "\"application/vnd.x+json\":{\"examples\":{\"e\":{\"$ref\":"
                    "\"#/components/examples/E\"}}}}}},\"examples\":{\"E\":{\"value\":[7]}}"),
           "[{\"name\":\"a\",\"sample\":[7]}]");
    expect(DOCUMENT("\"a\":" POST("{\"schema\":{\"$ref\":\"#/components/schemas/X\"}}"),
                    "\"schemas\":{\"X\":{\"examples\":[{\"n\":1}]}}"),
           "[{\"name\":\"a\",\"schema\":{\"$ref\":\"#/$defs/X\",\"$defs\":{\"X\":{\"examples\":["
           "{\"n\":1}]}}},\"sample\":{\"n\":1}}]");
}

static void test_what_cannot_stand_alone_is_refused(void **state)
{
    (void)state;
    expect_refused(DOCUMENT("\"a\":" POST("{\"schema\":{\"$ref\":\"https://e.com/s\"}}"), ""),
                   "/webhooks/a", "other than components/schemas");
    expect_refused(
        DOCUMENT("\"a\":" POST("{\"schema\":{\"$ref\":\"#/components/schemas/X\"}}"), ""),
        "/webhooks/a", "not in components/schemas");
    expect_refused(DOCUMENT("\"a\":" POST("{\"schema\":{\"$defs\":{\"X\":{}},\"$ref\":"
                                          "\"#/components/schemas/X\"}}"),
                            "\"schemas\":{\"X\":{}}"),
                   "/webhooks/a", "same name");
    expect_refused(DOCUMENT("\"a\":{\"$ref\":\"#/components/pathItems/A\"}",
                            "\"pathItems\":{\"A\":{\"$ref\":\"#/components/pathItems/A\"}}"),
                   "/webhooks/a", "no operation");
    expect_refused(DOCUMENT("\"a\":" POST("{\"schema\":7}"), ""), "/webhooks/a", "none");
}

static void test_other_documents_are_refused(void **state)
{
    (void)state;
    expect_refused("{\"openapi\":\"3.0.3\",\"webhooks\":{\"a\":{\"post\":{}}}}", "/openapi", "3.1");
    expect_refused("{\"openapi\":\"3.1.0\"}", "/webhooks", "1 to 1000");
    expect_refused(DOCUMENT("", ""), "/webhooks", "1 to 1000");
    expect_refused(DOCUMENT("\"a/b\":{\"post\":{}}", ""), "/webhooks", "none of an event type");
    expect_refused("[", "/openapi", "3.1");
}

/* Ten components, each of which refers to the next twice: walked once each, counted in full. */
static void test_a_schema_is_limited_with_all_that_it_refers_to(void **state)
{
    struct hk_buf document HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&document, 1 << 20);
    hk_buf_add_text(
        &document,
        "{\"openapi\":\"3.1.0\",\"webhooks\":{\"a\":" POST(
            "{\"schema\":{\"$ref\":\"#/components/schemas/s0\"}}") "},"
                                                                   "\"components\":{\"schemas\":{");
    for (int i = 0; i < 10; i++)
        hk_buf_printf(&document,
                      "%s\"s%d\":{\"title\":\"%04000d\",\"allOf\":[{\"$ref\":"
                      "\"#/components/schemas/s%d\"},{\"$ref\":\"#/components/schemas/s%d\"}]}",
                      i == 0 ? "" : ",", i, 0, (i + 1) % 10, (i + 1) % 10);
    hk_buf_add_text(&document, "}}}");
    expect_refused(hk_buf_str(&document).p, "/webhooks/a", "larger than 32768 bytes");
}

/* Each refers to the next: a list is walked, not a stack. */
static void test_a_long_chain_of_references_is_no_deep_one(void **state)
{
    struct hk_buf document HK_CLEANUP(hk_buf_done), types HK_CLEANUP(hk_buf_done);
    struct hk_error error = {0};

    (void)state;
    hk_buf_init(&types, OPENAPI_MAX_TYPES_BYTES);
    hk_buf_init(&document, 1 << 20);
    hk_buf_add_text(
        &document,
        "{\"openapi\":\"3.1.0\",\"webhooks\":{\"a\":" POST(
            "{\"schema\":{\"$ref\":\"#/components/schemas/s0\"}}") "},"
                                                                   "\"components\":{\"schemas\":{");
    for (int i = 0; i < 700; i++)
        hk_buf_printf(&document, "\"s%d\":{\"$ref\":\"#/components/schemas/s%d\"},", i, i + 1);
    hk_buf_add_text(&document, "\"s700\":true}}}");
    assert_int_equal(openapi_import(hk_buf_str(&document), &types, &error), HK_OK);
    assert_non_null(strstr(hk_buf_str(&types).p, "\"s700\":true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_webhook_is_a_type),
        cmocka_unit_test(test_a_schema_and_a_sample_keep_their_order),
        cmocka_unit_test(test_what_a_schema_refers_to_comes_with_it),
        cmocka_unit_test(test_a_schema_that_refers_to_itself_is_taken_once),
        cmocka_unit_test(test_ref_in_data_is_no_reference_and_as_a_property_no_keyword),
        cmocka_unit_test(test_components_of_other_kinds_are_resolved),
        cmocka_unit_test(test_what_cannot_stand_alone_is_refused),
        cmocka_unit_test(test_other_documents_are_refused),
        cmocka_unit_test(test_a_schema_is_limited_with_all_that_it_refers_to),
        cmocka_unit_test(test_a_long_chain_of_references_is_no_deep_one),
    };

    return cmocka_run_group_tests_name("openapi_import", tests, NULL, NULL);
}
