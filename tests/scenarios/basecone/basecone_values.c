/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basecone_values.c - the scenario Basecone: custom values go with the event of their company
 * (BC-09 to BC-12), and the producer's bytes go unchanged.
 */
#include "tests/scenarios/basecone/basecone_story.h"
#include "tests/scenarios/data.h"

#define DOCUMENT "basecone/events/document.uploaded.json"
#define ENRICHED "basecone/expected/document.uploaded.json"
#define AT       "2026-01-02T03:04:05.6Z"

/* ---- BC-09, BC-10: what is enriched, with whose values ---- */

static void test_BC_09_only_enrichable_types_carry_custom_values(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", WITH_ADMIN_CODE);
    struct reply request;

    (void)connect_with(h, t, erp.app_id, "a", "{\"adminCode\": \"A-1\"}");
    (void)publish(h, t, "transaction.finished", "a", "{\"n\": 1}");
    sinker_wait(h, "/erp", 1, SOON_MS);
    request = sinker_request(h, "/erp", 0);
    assert_not_sent(request, "customFields");

    (void)publish(h, t, "document.uploaded", "a", "{\"n\": 2}");
    sinker_wait(h, "/erp", 2, SOON_MS);
    request = sinker_request(h, "/erp", 1);
    assert_sent(request, "\"data\":{\"n\": 2},\"customFields\":{\"adminCode\":\"A-1\"}}");
}

static void test_BC_09_an_event_type_becomes_enrichable(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", WITH_ADMIN_CODE);
    struct reply reply;

    (void)connect_with(h, t, erp.app_id, "a", "{\"adminCode\": \"A-1\"}");
    reply = api_call(h, t->admin, "PATCH", "/v1/event_types/transaction.finished",
                     "{\"enrichable\": true}");
    assert_status(reply, 200);
    assert_true(reply_bool(&reply, "enrichable"));
    (void)publish(h, t, "transaction.finished", "a", "{}");
    sinker_wait(h, "/erp", 1, SOON_MS);
    reply = sinker_request(h, "/erp", 0);
    assert_sent(reply, "\"customFields\":{\"adminCode\":\"A-1\"}");
}

static void test_BC_10_each_companys_event_carries_its_own_values(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", WITH_ADMIN_CODE);

    (void)connect_with(h, t, erp.app_id, "a", "{\"adminCode\": \"A-1\"}");
    (void)connect_with(h, t, erp.app_id, "b", "{\"adminCode\": \"B-2\"}");
    for (unsigned i = 0; i < 4; i++) {
        const char *company = i % 2 == 0 ? "a" : "b", *code = i % 2 == 0 ? "A-1" : "B-2";
        const char *event_id = publish_data(h, t, "document.uploaded", company, AT, DOCUMENT);

        sinker_wait(h, "/erp", i + 1, SOON_MS);
        assert_body(h, "/erp", i, ENRICHED,
                    VALUES("event_id", event_id, "company", company, "admin_code", code));
    }
}

static void test_BC_10_values_keep_their_types_and_the_fields_order(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp;
    struct reply request;

    erp = given_registration(
        h, t, "/erp",
        ", \"custom_fields\": [{\"key\": \"z\", \"type\": \"number\"}, "
        "{\"key\": \"on\", \"type\": \"boolean\"}, "
        "{\"key\": \"a\", \"type\": \"date\"}, "
        "{\"key\": \"kind\", \"type\": \"choice\", \"choices\": [\"x\", \"y\"]}, "
        "{\"key\": \"empty\", \"type\": \"text\"}]");
    (void)connect_with(h, t, erp.app_id, "a",
                       "{\"kind\": \"y\", \"a\": \"2026-02-28\", \"on\": true, \"z\": 1.50}");
    (void)publish_document(h, t);
    sinker_wait(h, "/erp", 1, SOON_MS);
    request = sinker_request(h, "/erp", 0);
    assert_sent(request, "\"customFields\":{\"z\":1.50,\"on\":true,\"a\":\"2026-02-28\","
                         "\"kind\":\"y\"}}");
}

/* ---- BC-11: a required field that is not filled ---- */

static void test_BC_11_nothing_is_sent_until_required_fields_are_filled(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", WITH_ADMIN_CODE);
    struct reply connection = connect_with(h, t, erp.app_id, "a", "{}"), reply;
    const char *event_id;

    assert_string_equal(reply_text(&connection, "data.0.state"), "incomplete");
    assert_int_equal(reply_count(&connection, "data.0.missing"), 1);
    assert_string_equal(reply_text(&connection, "data.0.missing.0"), "adminCode");
    reply = event_get(h, t, publish_document(h, t));
    assert_int_equal(reply_count(&reply, "messages"), 0);
    assert_string_equal(reply_text(&reply, "skips.0.reason"), "connection_incomplete");
    assert_string_equal(reply_text(&reply, "skips.0.subscription_id"), erp.subscription.id);

    set_values(h, t, reply_text(&connection, "data.0.id"), "{\"adminCode\": \"A-1\"}");
    event_id = publish_document(h, t);
    message_wait(h, t, message_of(h, t, event_id, erp.subscription.id), "succeeded");
    assert_int_equal(sinker_count(h, "/erp"), 1);
    reply = sinker_request(h, "/erp", 0);
    assert_sent(reply, event_id);
}

static void test_BC_11_a_field_that_becomes_required_makes_connections_incomplete(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    const char *list = http_text(h->http, "/v1/connections?app_id=%s", erp.app_id);
    const char *fields = http_text(h->http, "/v1/apps/%s/custom_fields", erp.app_id);
    struct reply reply;

    reply = api_call(h, t->partner, "POST", fields,
                     "{\"key\": \"vat\", \"type\": \"text\", \"required\": true}");
    assert_status(reply, 201);
    reply = api_call(h, t->partner, "GET", list, NULL);
    assert_string_equal(reply_text(&reply, "data.0.state"), "incomplete");
    assert_string_equal(reply_text(&reply, "data.0.missing.0"), "vat");

    reply = api_call(h, t->partner, "DELETE", http_text(h->http, "%s/vat", fields), NULL);
    assert_status(reply, 204);
    reply = api_call(h, t->partner, "GET", list, NULL);
    assert_string_equal(reply_text(&reply, "data.0.state"), "active");
}

/* ---- BC-12: values are those of the time of the event ---- */

static void test_BC_12_a_retry_carries_the_values_of_the_time_of_the_event(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", WITH_ADMIN_CODE);
    struct reply connection, last;
    const char *event_id, *message_id;
    unsigned n;

    connection = connect_with(h, t, erp.app_id, "a", "{\"adminCode\": \"old\"}");
    sinker_rule(h, "/erp", "{\"then\": {\"status\": 500}}");
    event_id = publish_data(h, t, "document.uploaded", "a", AT, DOCUMENT);
    message_id = message_of(h, t, event_id, erp.subscription.id);
    sinker_wait(h, "/erp", 1, SOON_MS);
    set_values(h, t, reply_text(&connection, "data.0.id"), "{\"adminCode\": \"new\"}");
    sinker_rule(h, "/erp", "{}");

    message_wait(h, t, message_id, "succeeded");
    n = sinker_count(h, "/erp");
    assert_true(n >= 2);
    for (unsigned i = 0; i < n; i++)
        assert_body(h, "/erp", i, ENRICHED,
                    VALUES("event_id", event_id, "company", "a", "admin_code", "old"));
    last = sinker_request(h, "/erp", n - 1);
    assert_int_equal(reply_int(&last, "status"), 200);
    assert_string_equal(reply_text(&last, "signature"), "valid");
}

static void test_BC_12_a_resend_carries_the_old_values_or_todays(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", WITH_ADMIN_CODE);
    struct reply connection, request[3];
    const char *message_id, *current_id;

    connection = connect_with(h, t, erp.app_id, "a", "{\"adminCode\": \"old\"}");
    message_id = message_of(h, t, publish_document(h, t), erp.subscription.id);
    message_wait(h, t, message_id, "succeeded");
    set_values(h, t, reply_text(&connection, "data.0.id"), "{\"adminCode\": \"new\"}");

    message_wait(h, t, message_resend(h, t, message_id, "{}"), "succeeded");
    current_id = message_resend(h, t, message_id, "{\"values\": \"current\"}");
    message_wait(h, t, current_id, "succeeded");
    for (unsigned i = 0; i < 3; i++) {
        request[i] = sinker_request(h, "/erp", i);
        assert_string_equal(reply_text(&request[i], "headers.webhook-id"),
                            i < 2 ? message_id : current_id); /* one id, one body */
    }
    assert_string_equal(reply_text(&request[1], "body"), reply_text(&request[0], "body"));
    assert_sent(request[1], "\"adminCode\":\"old\"");
    assert_sent(request[2], "\"adminCode\":\"new\"");
}

/* ---- the producer's bytes ---- */

/* What a parser would change: numbers beyond a double and int64, their spelling, the order of
 * names, a name that comes twice, nulls, blanks, escapes, raw UTF-8. */
#define PAYLOAD                                                                                    \
    "{ \"big\": 123456789012345678901234567890, \"exact\":0.1,\"e\":1e2 "                          \
    ",\"E\":1E-7,\t\"neg\":-0.0,"                                                                  \
    "\r\n \"z\":1,\"a\":{\"b\":[ ],\"a\":null},\"dup\":1, \"dup\":\"2\",\"1.10\":1.10,\"\":null, " \
    "\"esc\":\"\\u00e9\\/\\\\ \\\"\\n\\u0000\\uD83D\\ude00\", \"utf\":\"\u00e9\u20ac\U0001F600\" " \
    "}"

static void check_payload(struct harness *h, const char *path, unsigned i, const char *after)
{
    struct reply request = sinker_request(h, path, i);

    assert_sent(request, http_text(h->http, "\"data\":%s%s", PAYLOAD, after));
    assert_string_equal(reply_text(&request, "signature"), "valid");
}

static void test_the_payload_arrives_byte_for_byte_and_signed_under_both_profiles(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/basecone");
    struct subscription standard;
    const char *event_id, *message_id;
    struct reply event;

    standard = given_subscription_to(h, t, erp.app_id, sinker_url(h, "/standard"), "");
    sinker_secret(h, "/standard", standard.secret);
    sinker_rule(h, "/basecone", "{\"replies\": [{\"status\": 500}]}");
    sinker_rule(h, "/standard", "{\"replies\": [{\"status\": 500}]}");
    event_id = publish(h, t, "document.uploaded", "a", PAYLOAD);

    message_id = message_of(h, t, event_id, erp.subscription.id);
    message_wait(h, t, message_id, "succeeded");
    message_wait(h, t, message_of(h, t, event_id, standard.id), "succeeded");
    for (unsigned i = 0; i < 2; i++) {
        check_payload(h, "/basecone", i, ",\"customFields\":{}}");
        check_payload(h, "/standard", i, ",\"custom_fields\":{}}");
    }
    event = event_get(h, t, event_id);
    assert_non_null(strstr(event.body, PAYLOAD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_BC_09_only_enrichable_types_carry_custom_values),
        harness_test(test_BC_09_an_event_type_becomes_enrichable),
        harness_test(test_BC_10_each_companys_event_carries_its_own_values),
        harness_test(test_BC_10_values_keep_their_types_and_the_fields_order),
        harness_test(test_BC_11_nothing_is_sent_until_required_fields_are_filled),
        harness_test(test_BC_11_a_field_that_becomes_required_makes_connections_incomplete),
        harness_test(test_BC_12_a_retry_carries_the_values_of_the_time_of_the_event,
                     HOUR_IS_100_MS),
        harness_test(test_BC_12_a_resend_carries_the_old_values_or_todays),
        harness_test(test_the_payload_arrives_byte_for_byte_and_signed_under_both_profiles,
                     HOUR_IS_100_MS),
    };

    return cmocka_run_group_tests_name("basecone_values", tests, NULL, NULL);
}
