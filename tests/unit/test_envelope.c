/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of all profiles, byte for byte; those of the seeds are the seeds' own samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hk/envelope.h"

#define EVENT_ID        "01900000-0000-7000-8000-000000000001" /* its time: 2024-06-10T02:35:18.400Z */
#define SUBSCRIPTION_ID "f30009c1-b6e3-432a-9a0e-6932c9fabdd8"
#define TENANT_ID       "01900000-0000-7000-8000-00000000000a"

/* The sample of the AccuLynx document, as its producer would publish it. */
#define MILESTONE                                                                                  \
    "{\"jobId\":\"24732e2b-bc9f-4a7a-a0a3-6200902a6fb4\","                                         \
    "\"companyId\":\"f218fc64-352c-410d-86b7-36787b88b26e\",\"milestoneId\":3,"                    \
    "\"milestoneName\":\"Approved\",\"companyUserId\":\"e38c052d-38ef-4bb7-90d3-9868bb623aed\","   \
    "\"adminId\":\"d133c31c-78b9-495f-a370-aa2ac43c3545\",\"message\":\"This job was approved\","  \
    "\"actionLocation\":null,\"milestoneDate\":\"2023-07-11T22:38:57.0539859Z\"}"

static struct hk_envelope example(enum hk_envelope_kind kind)
{
    struct hk_envelope envelope = {
        .kind = kind,
        .event_type = HK_STR("invoice-created"),
        .company = HK_STR("ACME"),
        .occurred_at = HK_STR("2026-11-22T07:28:00+01:00"),
        .payload = HK_STR("{\"id\":7}"),
    };

    assert_true(hk_id_parse(HK_STR(EVENT_ID), &envelope.event_id));
    assert_true(hk_id_parse(HK_STR(SUBSCRIPTION_ID), &envelope.subscription_id));
    assert_true(hk_id_parse(HK_STR(TENANT_ID), &envelope.tenant_id));
    return envelope;
}

static void assert_body(const struct hk_envelope *envelope, struct hk_str expected)
{
    struct hk_buf buf;

    hk_buf_init(&buf, 65536);
    hk_envelope_build(envelope, &buf);
    assert_false(buf.is_full);
    assert_int_equal(buf.n, expected.n);
    assert_memory_equal(buf.p, expected.p, expected.n);
    hk_buf_done(&buf);
}

static void test_standard_is_type_timestamp_data(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_STANDARD);

    (void)state;

    assert_body(&envelope, HK_STR("{\"type\":\"invoice-created\","
                                  "\"timestamp\":\"2026-11-22T07:28:00+01:00\","
                                  "\"data\":{\"id\":7}}"));
}

static void test_basecone_names_the_event_and_the_company(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_BASECONE);

    (void)state;

    assert_body(&envelope, HK_STR("{\"type\":\"invoice-created\",\"id\":\"" EVENT_ID "\","
                                  "\"timestamp\":\"2026-11-22T07:28:00+01:00\","
                                  "\"companyId\":\"ACME\",\"data\":{\"id\":7}}"));
}

static void test_BC_10_custom_values_stand_behind_the_data(void **state)
{
    struct hk_envelope standard = example(HK_ENVELOPE_STANDARD),
                       basecone = example(HK_ENVELOPE_BASECONE);

    (void)state;

    standard.custom_values = basecone.custom_values = HK_STR("{\"adminCode\":\"A-1\"}");
    assert_body(&standard,
                HK_STR("{\"type\":\"invoice-created\","
                       "\"timestamp\":\"2026-11-22T07:28:00+01:00\","
                       "\"data\":{\"id\":7},\"custom_fields\":{\"adminCode\":\"A-1\"}}"));
    assert_body(&basecone, HK_STR("{\"type\":\"invoice-created\",\"id\":\"" EVENT_ID "\","
                                  "\"timestamp\":\"2026-11-22T07:28:00+01:00\","
                                  "\"companyId\":\"ACME\",\"data\":{\"id\":7},"
                                  "\"customFields\":{\"adminCode\":\"A-1\"}}"));
}

static void test_BC_10_an_enrichable_type_without_values_has_an_empty_object(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_STANDARD);

    (void)state;

    envelope.custom_values = HK_STR("{}");
    assert_body(&envelope, HK_STR("{\"type\":\"invoice-created\","
                                  "\"timestamp\":\"2026-11-22T07:28:00+01:00\","
                                  "\"data\":{\"id\":7},\"custom_fields\":{}}"));
}

static void test_the_payload_is_not_touched(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_STANDARD);

    (void)state;

    envelope.payload = HK_STR("{ \"b\":1e2,\"a\" : 0.10,\"a\":12345678901234567890123,"
                              "\"u\":\"\\u0000\\ud83d\",\"n\":null }");
    assert_body(&envelope, HK_STR("{\"type\":\"invoice-created\","
                                  "\"timestamp\":\"2026-11-22T07:28:00+01:00\","
                                  "\"data\":{ \"b\":1e2,\"a\" : 0.10,\"a\":12345678901234567890123,"
                                  "\"u\":\"\\u0000\\ud83d\",\"n\":null }}"));
}

static void test_without_a_time_of_its_own_an_event_has_the_time_it_was_accepted(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_STANDARD);

    (void)state;

    envelope.occurred_at = HK_STR_NULL;
    assert_body(&envelope, HK_STR("{\"type\":\"invoice-created\","
                                  "\"timestamp\":\"2024-06-10T02:35:18.400Z\","
                                  "\"data\":{\"id\":7}}"));
}

static void test_names_are_escaped(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_BASECONE);

    (void)state;

    envelope.company = HK_STR("a\"b\\c");
    assert_body(&envelope, HK_STR("{\"type\":\"invoice-created\",\"id\":\"" EVENT_ID "\","
                                  "\"timestamp\":\"2026-11-22T07:28:00+01:00\","
                                  "\"companyId\":\"a\\\"b\\\\c\",\"data\":{\"id\":7}}"));
}

static void test_what_is_too_long_shows(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_STANDARD);
    struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 40);
    hk_envelope_build(&envelope, &buf);
    assert_true(buf.is_full);
    hk_buf_done(&buf);
}

static void assert_headers(const struct hk_envelope *envelope, const char *expected)
{
    struct hk_buf buf;

    hk_buf_init(&buf, 65536);
    hk_envelope_add_headers(envelope, &buf);
    hk_buf_add(&buf, "", 1);
    assert_string_equal(buf.p, expected);
    hk_buf_done(&buf);
}

static void test_BK_03_raw_is_the_payload_and_nothing_else(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_RAW);

    (void)state;

    envelope.payload = HK_STR(" [1, 2.50 ] ");
    envelope.custom_values = HK_STR("{\"a\":1}");
    assert_body(&envelope, envelope.payload);
    assert_headers(&envelope, "content-type: application/json\n");
}

static void test_BQ_04_basiq_sends_two_ids_and_two_links(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_BASIQ);

    (void)state;

    envelope.event_type = HK_STR("user.created");
    envelope.base_url = HK_STR("https://au-api.basiq.io");
    envelope.payload =
        HK_STR("{\"name\":{\"id\":1},\"id\":\"88a85f64-5717-4562-b3fc-2c963f66af88\"}");
    assert_body(&envelope,
                HK_STR("{\"eventTypeId\":\"user.created\",\"eventId\":\"" EVENT_ID "\","
                       "\"links\":{\"event\":\"https://au-api.basiq.io/events/" EVENT_ID "\","
                       "\"eventEntity\":\"https://au-api.basiq.io/users/"
                       "88a85f64-5717-4562-b3fc-2c963f66af88\"}}"));
}

static void assert_entity(const char *event_type, const char *payload, const char *expected)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_BASIQ);
    struct hk_buf buf;
    const char *entity;

    hk_buf_init(&buf, 4096);
    envelope.event_type = hk_str(event_type);
    envelope.base_url = HK_STR("https://api.example/v2/");
    envelope.payload = hk_str(payload);
    hk_envelope_build(&envelope, &buf);
    hk_buf_add(&buf, "", 1);
    entity = strstr(buf.p, "\"eventEntity\":");
    assert_non_null(entity);
    assert_string_equal(entity + strlen("\"eventEntity\":"), expected);
    hk_buf_done(&buf);
}

static void test_BQ_04_the_entity_collection_follows_from_the_type(void **state)
{
    (void)state;

    assert_entity("consent.updated", "{\"id\":7}", "\"https://api.example/v2/consents/7\"}}");
    assert_entity("company.created", "{\"id\":7}", "\"https://api.example/v2/companies/7\"}}");
    assert_entity("survey.closed", "{\"id\":7}", "\"https://api.example/v2/surveys/7\"}}");
    assert_entity("transactions.updated", "{\"id\":7}",
                  "\"https://api.example/v2/transactions/7\"}}");
    assert_entity("user.created", "{\"userId\":\"a/b \\u00e9\"}", "null}}");
    assert_entity("user.created", "{\"userId\":\"a/b\"}",
                  "\"https://api.example/v2/users/a%2Fb\"}}");
    assert_entity("user.created", "{\"id\":null,\"userId\":3}",
                  "\"https://api.example/v2/users/3\"}}");
    assert_entity("user.created", "{\"name\":\"x\"}", "null}}");
    assert_entity("user.created", "[{\"id\":7}]", "null}}");
}

static void test_BQ_04_without_a_base_url_links_are_relative(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_BASIQ);

    (void)state;

    envelope.event_type = HK_STR("user.created");
    assert_body(&envelope, HK_STR("{\"eventTypeId\":\"user.created\",\"eventId\":\"" EVENT_ID "\","
                                  "\"links\":{\"event\":\"/events/" EVENT_ID "\","
                                  "\"eventEntity\":\"/users/7\"}}"));
}

static void test_AL_04_acculynx_is_spelled_as_in_the_sample(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_ACCULYNX);

    (void)state;

    envelope.event_type = HK_STR("job-milestone-changed");
    envelope.occurred_at = HK_STR("2023-07-11T22:38:57.1993216Z");
    envelope.payload = HK_STR(MILESTONE);
    assert_body(&envelope, HK_STR("{\"topicNamee\":\"job-milestone-changed\","
                                  "\"eventDateTime\":\"2023-07-11T22:38:57.1993216Z\","
                                  "\"eventId\":\"" EVENT_ID "\","
                                  "\"subscriptionId\":\"" SUBSCRIPTION_ID "\","
                                  "\"Event\":" MILESTONE "}"));
}

static void test_AL_04_the_variant_is_spelled_as_in_the_table(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_ACCULYNX_TABLE);

    (void)state;

    envelope.occurred_at = HK_STR("2023-07-11T22:38:57.1993216Z");
    assert_body(&envelope, HK_STR("{\"Type\":\"invoice-created\","
                                  "\"EventDateTime\":\"2023-07-11T22:38:57.1993216Z\","
                                  "\"EventId\":\"" EVENT_ID "\","
                                  "\"SubscriptionId\":\"" SUBSCRIPTION_ID "\","
                                  "\"Event\":{\"id\":7}}"));
}

static void assert_event_date_time(const char *occurred_at, const char *expected)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_ACCULYNX);
    char text[256];

    envelope.occurred_at = hk_str(occurred_at);
    (void)snprintf(
        text, sizeof(text),
        "{\"topicNamee\":\"invoice-created\",\"eventDateTime\":\"%s\",\"eventId\":\"%s\","
        "\"subscriptionId\":\"%s\",\"Event\":{\"id\":7}}",
        expected, EVENT_ID, SUBSCRIPTION_ID);
    assert_body(&envelope, hk_str(text));
}

static void test_AL_05_the_time_is_utc_with_the_digits_that_were_given(void **state)
{
    (void)state;

    assert_event_date_time("2023-07-11T22:38:57.1993210Z", "2023-07-11T22:38:57.1993210Z");
    assert_event_date_time("2023-07-12t00:38:57.1993216+02:00", "2023-07-11T22:38:57.1993216Z");
    assert_event_date_time("2023-12-31 20:00:00-05:30", "2024-01-01T01:30:00Z");
    assert_event_date_time("2024-03-01T00:00:00+00:01", "2024-02-29T23:59:00Z");
    assert_event_date_time("2024-03-01T00:00:00z", "2024-03-01T00:00:00Z");
    assert_event_date_time(NULL, "2024-06-10T02:35:18.400Z");
}

static void test_AL_06_nulls_numbers_and_order_stay(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_ACCULYNX);

    (void)state;

    envelope.payload = HK_STR("{\"z\":null,\"a\":1.50,\"z\":18446744073709551616}");
    assert_body(&envelope, HK_STR("{\"topicNamee\":\"invoice-created\","
                                  "\"eventDateTime\":\"2026-11-22T06:28:00Z\","
                                  "\"eventId\":\"" EVENT_ID "\","
                                  "\"subscriptionId\":\"" SUBSCRIPTION_ID "\","
                                  "\"Event\":{\"z\":null,\"a\":1.50,\"z\":18446744073709551616}}"));
}

static void test_cloudevents_structured_is_one_json_object(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_CLOUDEVENTS);

    (void)state;

    envelope.custom_values = HK_STR("{\"a\":1}");
    assert_body(&envelope,
                HK_STR("{\"specversion\":\"1.0\",\"id\":\"" EVENT_ID "\","
                       "\"source\":\"urn:uuid:" TENANT_ID "\",\"type\":\"invoice-created\","
                       "\"subject\":\"ACME\",\"time\":\"2026-11-22T07:28:00+01:00\","
                       "\"datacontenttype\":\"application/json\","
                       "\"customfields\":\"{\\\"a\\\":1}\",\"data\":{\"id\":7}}"));
    assert_headers(&envelope, "content-type: application/cloudevents+json; charset=UTF-8\n");
}

static void test_cloudevents_binary_has_its_attributes_in_the_header(void **state)
{
    struct hk_envelope envelope = example(HK_ENVELOPE_CLOUDEVENTS_BINARY);

    (void)state;

    envelope.company = HK_STR("Euro € 😀 \"100%\"\n"); /* the binding's own example, and worse */
    envelope.occurred_at = HK_STR_NULL;
    envelope.base_url = HK_STR("https://api.example/");
    assert_body(&envelope, HK_STR("{\"id\":7}"));
    assert_headers(&envelope, "content-type: application/json\n"
                              "ce-specversion: 1.0\n"
                              "ce-id: " EVENT_ID "\n"
                              "ce-source: https://api.example\n"
                              "ce-type: invoice-created\n"
                              "ce-subject: Euro%20%E2%82%AC%20%F0%9F%98%80%20%22100%25%22%0A\n"
                              "ce-time: 2024-06-10T02:35:18.400Z\n");
}

static void test_kinds_have_names(void **state)
{
    enum hk_envelope_kind kind = HK_ENVELOPE_COUNT;

    (void)state;

    assert_true(hk_envelope_kind_from_name(HK_STR("acculynx_table"), &kind));
    assert_int_equal(kind, HK_ENVELOPE_ACCULYNX_TABLE);
    assert_false(hk_envelope_kind_from_name(HK_STR("acculynx_tabl"), &kind));
    assert_false(hk_envelope_kind_from_name(HK_STR(""), &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_is_type_timestamp_data),
        cmocka_unit_test(test_basecone_names_the_event_and_the_company),
        cmocka_unit_test(test_BC_10_custom_values_stand_behind_the_data),
        cmocka_unit_test(test_BC_10_an_enrichable_type_without_values_has_an_empty_object),
        cmocka_unit_test(test_the_payload_is_not_touched),
        cmocka_unit_test(test_without_a_time_of_its_own_an_event_has_the_time_it_was_accepted),
        cmocka_unit_test(test_names_are_escaped),
        cmocka_unit_test(test_what_is_too_long_shows),
        cmocka_unit_test(test_BK_03_raw_is_the_payload_and_nothing_else),
        cmocka_unit_test(test_BQ_04_basiq_sends_two_ids_and_two_links),
        cmocka_unit_test(test_BQ_04_the_entity_collection_follows_from_the_type),
        cmocka_unit_test(test_BQ_04_without_a_base_url_links_are_relative),
        cmocka_unit_test(test_AL_04_acculynx_is_spelled_as_in_the_sample),
        cmocka_unit_test(test_AL_04_the_variant_is_spelled_as_in_the_table),
        cmocka_unit_test(test_AL_05_the_time_is_utc_with_the_digits_that_were_given),
        cmocka_unit_test(test_AL_06_nulls_numbers_and_order_stay),
        cmocka_unit_test(test_cloudevents_structured_is_one_json_object),
        cmocka_unit_test(test_cloudevents_binary_has_its_attributes_in_the_header),
        cmocka_unit_test(test_kinds_have_names),
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
