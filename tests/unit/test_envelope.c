/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of the two profiles, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/envelope.h"

#define EVENT_ID "01900000-0000-7000-8000-000000000001" /* its time: 2024-06-10T02:35:18.400Z */

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
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
