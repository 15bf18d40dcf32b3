/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/publish/event_reader.h"
#include "hk/buf.h"

/* ---- a body, read in memory of its own size, so that a sanitizer sees a read behind the end ----
 */

static char *body;
static void *allocated; /* each block begins with the one before */
static struct event_batch batch;
static struct hk_error error;

static void *allocate(void *arg, size_t n)
{
    void **block = malloc(sizeof(*block) + n);

    assert_non_null(block);
    assert_ptr_equal(arg, &allocated);
    *block = allocated;
    allocated = block;
    return block + 1;
}

static int clean_up(void **state)
{
    (void)state;
    while (allocated != NULL) {
        void **block = allocated;

        allocated = *block;
        free(block);
    }
    free(body);
    body = NULL;
    return 0;
}

static enum hk_code read_body(struct hk_str text)
{
    (void)clean_up(NULL);
    body = malloc(text.n == 0 ? 1 : text.n);
    assert_non_null(body);
    if (text.n > 0)
        memcpy(body, text.p, text.n);
    error = (struct hk_error){.code = HK_OK};
    return event_read((struct hk_str){body, text.n}, allocate, &allocated, &batch, &error);
}

static void expect_refused(struct hk_str text, enum hk_code code, const char *pointer,
                           const char *detail)
{
    enum hk_code actual = read_body(text);

    if (actual != code || error.code != code || strcmp(error.pointer, pointer) != 0 ||
        strcmp(error.detail, detail) != 0)
        fail_msg("%.*s: %d '%s' '%s'", (int)text.n, text.p, actual, error.pointer, error.detail);
}

/* One event, whose own error it is. */
static void expect_bad(struct hk_str text, const char *pointer, const char *detail)
{
    const struct hk_error *own;

    assert_int_equal(read_body(text), HK_OK);
    assert_int_equal(batch.n, 1);
    own = &batch.events[0].error;
    if (own->code != HK_INVALID_BODY || strcmp(own->pointer, pointer) != 0 ||
        strcmp(own->detail, detail) != 0)
        fail_msg("%.*s: %d '%s' '%s'", (int)text.n, text.p, own->code, own->pointer, own->detail);
}

/* `members` beside those that are required; NULL as `pointer`: nothing is wrong with them. */
static void expect_member(const char *members, const char *pointer, const char *detail)
{
    char text[2048];
    int n = snprintf(text, sizeof(text),
                     "{\"event_type\":\"t\",\"company\":\"c\",\"payload\":1,%s}", members);

    assert_in_range(n, 1, sizeof(text) - 1);
    if (pointer != NULL) {
        expect_bad((struct hk_str){text, (size_t)n}, pointer, detail);
        return;
    }
    assert_int_equal(read_body((struct hk_str){text, (size_t)n}), HK_OK);
    if (batch.events[0].error.code != HK_OK)
        fail_msg("%s: '%s'", members, batch.events[0].error.detail);
}

static void assert_str(struct hk_str actual, const char *wanted)
{
    assert_non_null(actual.p);
    assert_int_equal(actual.n, strlen(wanted));
    assert_memory_equal(actual.p, wanted, actual.n);
}

/* ---- one event ---- */

static void test_an_event_has_five_members(void **state)
{
    (void)state;
    assert_int_equal(
        read_body(
            HK_STR(" {\"event_type\":\"order.paid\", \"company\" : \"c-1\",\"payload\":{},"
                   "\"external_id\":\"e-1\",\"occurred_at\":\"2026-11-22T06:28:00.1234567Z\"}\n")),
        HK_OK);
    assert_false(batch.is_batch);
    assert_int_equal(batch.n, 1);
    assert_int_equal(batch.events[0].error.code, HK_OK);
    assert_str(batch.events[0].event_type, "order.paid");
    assert_str(batch.events[0].company, "c-1");
    assert_str(batch.events[0].payload, "{}");
    assert_str(batch.events[0].external_id, "e-1");
    assert_str(batch.events[0].occurred_at, "2026-11-22T06:28:00.1234567Z");
}

static void test_external_id_and_occurred_at_may_be_absent_or_null(void **state)
{
    (void)state;
    assert_int_equal(read_body(HK_STR("{\"event_type\":\"t\",\"company\":\"c\",\"payload\":1}")),
                     HK_OK);
    assert_null(batch.events[0].external_id.p);
    assert_null(batch.events[0].occurred_at.p);
    expect_member("\"external_id\":null,\"occurred_at\":null", NULL, NULL);
    assert_null(batch.events[0].external_id.p);
    assert_null(batch.events[0].occurred_at.p);
}

/* AL-06 and finding 8 of the standards: numbers, order, doubles, nulls and blanks survive. */
static void test_a_payload_is_the_producers_own_bytes(void **state)
{
    static const char *const payloads[] = {
        "{ \"b\" : 0.10 , \"a\":1e2,\"a\":[ ],\n\"n\":null }",
        "123456789012345678901234567890.10",
        "[1, 2 ,3]",
        "\"\\u0000 \\ud83d\\ude00 \xf0\x9f\x98\x80 \\/\"",
        "null",
        "true",
        "false",
        "-0",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(payloads); i++) {
        char text[256];
        int n = snprintf(text, sizeof(text),
                         "{\"company\":\"c\",\"payload\": %s ,\"event_type\":\"t\"}", payloads[i]);

        assert_int_equal(read_body((struct hk_str){text, (size_t)n}), HK_OK);
        assert_int_equal(batch.events[0].error.code, HK_OK);
        assert_str(batch.events[0].payload, payloads[i]);
        assert_in_range((uintptr_t)batch.events[0].payload.p, (uintptr_t)body,
                        (uintptr_t)(body + n));
    }
}

static void test_names_and_texts_may_be_escaped(void **state)
{
    (void)state;
    assert_int_equal(read_body(HK_STR("{\"\\u0065vent_type\":\"a\\u002eb\",\"company\":\"\\u00e9"
                                      "\\ud83d\\ude00\\n\",\"payload\":1}")),
                     HK_OK);
    assert_int_equal(batch.events[0].error.code, HK_OK);
    assert_str(batch.events[0].event_type, "a.b");
    assert_str(batch.events[0].company, "\xc3\xa9\xf0\x9f\x98\x80\n");
}

static void test_type_company_and_payload_are_required(void **state)
{
    (void)state;
    expect_bad(HK_STR("{}"), "/event_type", "is required");
    expect_bad(HK_STR("{\"event_type\":\"t\"}"), "/company", "is required");
    expect_bad(HK_STR("{\"event_type\":\"t\",\"company\":\"c\"}"), "/payload", "is required");
    expect_bad(HK_STR("{\"company\":\"c\",\"payload\":1}"), "/event_type", "is required");
}

static void test_a_member_of_another_type_is_refused(void **state)
{
    (void)state;
    expect_bad(HK_STR("{\"event_type\":1}"), "/event_type", "must be a string");
    expect_bad(HK_STR("{\"event_type\":null}"), "/event_type", "must be a string");
    expect_bad(HK_STR("{\"company\":{}}"), "/company", "must be a string");
    expect_member("\"external_id\":7", "/external_id", "must be a string");
    expect_member("\"occurred_at\":[]", "/occurred_at", "must be a string");
}

static void test_an_unknown_or_double_member_is_refused(void **state)
{
    (void)state;
    expect_member("\"typ\":1", "/typ", "is not a member of an event");
    expect_member("\"Payload\":1", "/Payload", "is not a member of an event");
    expect_member("\"a/b~c\":1", "/a~1b~0c", "is not a member of an event");
    expect_member("\"\":1", "/", "is not a member of an event");
    expect_member("\"payload\":2", "/payload", "appears twice");
    expect_member("\"c\\u006fmpany\":\"c\"", "/company", "appears twice");
}

static void test_texts_are_limited_and_never_empty(void **state)
{
    char members[2048], longest[257];

    (void)state;
    memset(longest, 'x', 256);
    longest[256] = '\0';
    (void)snprintf(members, sizeof(members), "\"external_id\":\"%s\"", longest);
    expect_member(members, NULL, NULL);
    (void)snprintf(members, sizeof(members), "\"external_id\":\"%sx\"", longest);
    expect_member(members, "/external_id", "is too long");
    (void)snprintf(members, sizeof(members), "\"external_id\":\"%s%s%s%s%s%s%s\"", longest, longest,
                   longest, longest, longest, longest, longest);
    expect_member(members, "/external_id", "is too long");
    expect_member("\"external_id\":\"\"", "/external_id", "must not be empty");
    expect_member("\"external_id\":\"in\\/x\"", "/external_id",
                  "must not begin with in/, wait/ or run/");
    expect_member("\"external_id\":\"wait/x\"", "/external_id",
                  "must not begin with in/, wait/ or run/");
    expect_member("\"external_id\":\"run/x\"", "/external_id",
                  "must not begin with in/, wait/ or run/");
    expect_member("\"external_id\":\"runs/in/wait/\"", NULL, NULL);
    expect_bad(HK_STR("{\"company\":\"\"}"), "/company", "must not be empty");
    expect_bad(HK_STR("{\"event_type\":\"a\\u0000\"}"), "/event_type", "must not contain U+0000");
}

static void test_occurred_at_is_rfc_3339_with_up_to_nine_digits(void **state)
{
    static const char *const good[] = {
        "2026-11-22T06:28:00Z",           "2026-11-22t06:28:00z",
        "2028-02-29T23:59:60Z",           "2026-11-22T06:28:00.1Z",
        "2026-11-22T06:28:00.123456789Z", "2026-11-22T06:28:00+00:00",
        "2026-11-22T06:28:00-23:59",      "2026-11-22T06:28:00.1234567+05:30",
    };
    static const char *const bad[] = {
        "yesterday",
        "2026-11-22",
        "2026-11-22 06:28:00Z",
        "2026-11-22T06:28:00",
        "2026-11-22T06:28Z",
        "2026-13-22T06:28:00Z",
        "2026-00-22T06:28:00Z",
        "2026-11-31T06:28:00Z",
        "2026-02-29T06:28:00Z",
        "0000-01-01T06:28:00Z",
        "2026-11-00T06:28:00Z",
        "2026-11-22T24:28:00Z",
        "2026-11-22T06:60:00Z",
        "2026-11-22T06:28:61Z",
        "2026-11-22T06:28:00.Z",
        "2026-11-22T06:28:00.1234567890Z",
        "2026-11-22T06:28:00.1",
        "2026-11-22T06:28:00ZZ",
        "2026-11-22T06:28:00+0530",
        "2026-11-22T06:28:00+24:00",
        "2026-11-22T06:28:00+05:60",
        "2026-11-22T06:28:00+05:30 ",
    };
    char member[96];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(good); i++) {
        (void)snprintf(member, sizeof(member), "\"occurred_at\":\"%s\"", good[i]);
        expect_member(member, NULL, NULL);
    }
    for (size_t i = 0; i < HK_COUNTOF(bad); i++) {
        (void)snprintf(member, sizeof(member), "\"occurred_at\":\"%s\"", bad[i]);
        expect_member(member, "/occurred_at",
                      "must be an RFC 3339 date-time such as 2026-11-22T06:28:00.1234567Z");
    }
}

/* ---- bodies ---- */

static void test_what_is_not_json_is_malformed_and_says_where(void **state)
{
    (void)state;
    expect_refused(HK_STR(""), HK_MALFORMED_JSON, "",
                   "The body is not well-formed JSON, at byte 0.");
    expect_refused(HK_STR("{\"payload\":01}"), HK_MALFORMED_JSON, "",
                   "The body is not well-formed JSON, at byte 12.");
    expect_refused(HK_STR("{\"payload\":1}x"), HK_MALFORMED_JSON, "",
                   "The body is not well-formed JSON, at byte 13.");
    expect_refused(HK_STR("{\"payload\":\"\0\"}"), HK_MALFORMED_JSON, "",
                   "The body is not well-formed JSON, at byte 12.");
}

static void test_a_body_is_an_object(void **state)
{
    static const struct hk_str cases[] = {HK_STR("[]"), HK_STR("1"), HK_STR("null"),
                                          HK_STR("\"x\""), HK_STR("[{\"event_type\":\"t\"}]")};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(cases[i], HK_INVALID_BODY, "", "The body must be an object.");
}

static void test_nesting_ends_at_64_levels(void **state)
{
    char text[256];

    (void)state;
    for (int depth = 63; depth <= 64; depth++) { /* and the object around it */
        char open[80], close[80];

        memset(open, '[', (size_t)depth);
        memset(close, ']', (size_t)depth);
        (void)snprintf(text, sizeof(text),
                       "{\"event_type\":\"t\",\"company\":\"c\",\"payload\":%.*s%.*s}", depth, open,
                       depth, close);
        assert_int_equal(read_body(hk_str(text)), depth == 63 ? HK_OK : HK_MALFORMED_JSON);
    }
}

/* ---- batches ---- */

static void test_one_bad_event_leaves_its_neighbours_alone(void **state)
{
    (void)state;
    assert_int_equal(
        read_body(HK_STR("{\"events\":[{\"event_type\":\"t\",\"company\":\"c\",\"payload\":1},"
                         "7,{\"event_type\":\"t\",\"x\":1},"
                         "{\"event_type\":\"t\",\"company\":\"c\",\"payload\":[2]}]}")),
        HK_OK);
    assert_true(batch.is_batch);
    assert_int_equal(batch.n, 4);
    assert_int_equal(batch.events[0].error.code, HK_OK);
    assert_int_equal(batch.events[1].error.code, HK_INVALID_BODY);
    assert_string_equal(batch.events[1].error.pointer, "");
    assert_string_equal(batch.events[1].error.detail, "An event must be an object.");
    assert_string_equal(batch.events[2].error.pointer, "/x");
    assert_int_equal(batch.events[3].error.code, HK_OK);
    assert_str(batch.events[3].payload, "[2]");
}

static void test_a_batch_has_1_to_1000_events(void **state)
{
    static const unsigned counts[] = {0, 1, 1000, 1001, 5000};

    (void)state;
    for (size_t c = 0; c < HK_COUNTOF(counts); c++) {
        struct hk_buf buf HK_CLEANUP(hk_buf_done);
        bool is_legal = counts[c] >= 1 && counts[c] <= EVENT_MAX_BATCH;

        hk_buf_init(&buf, 1 << 20);
        hk_buf_add_text(&buf, "{\"events\":[");
        for (unsigned i = 0; i < counts[c]; i++)
            hk_buf_add_text(&buf, i == 0 ? "{}" : ",{}");
        hk_buf_add_text(&buf, "]}");
        assert_int_equal(read_body(hk_buf_str(&buf)), is_legal ? HK_OK : HK_INVALID_BODY);
        if (is_legal)
            assert_int_equal(batch.n, counts[c]);
        else
            assert_string_equal(error.pointer, "/events");
    }
}

static void test_a_batch_has_nothing_beside_its_events(void **state)
{
    (void)state;
    expect_refused(HK_STR("{\"events\":{}}"), HK_INVALID_BODY, "/events",
                   "must be an array of events");
    expect_refused(HK_STR("{\"events\":null}"), HK_INVALID_BODY, "/events",
                   "must be an array of events");
    expect_refused(HK_STR("{\"events\":[{}],\"event_type\":\"t\"}"), HK_INVALID_BODY, "/event_type",
                   "is not a member of an event");
    expect_bad(HK_STR("{\"x\":1,\"events\":[{}]}"), "/x", "is not a member of an event");
    expect_member("\"events\":[{}]", "/events", "is not a member of an event");
    expect_refused(HK_STR("{\"\\u0065vents\":[{}],\"events\":[{}]}"), HK_INVALID_BODY, "/events",
                   "appears twice");
}

#define TEST(fn) cmocka_unit_test_teardown(fn, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_event_has_five_members),
        TEST(test_external_id_and_occurred_at_may_be_absent_or_null),
        TEST(test_a_payload_is_the_producers_own_bytes),
        TEST(test_names_and_texts_may_be_escaped),
        TEST(test_type_company_and_payload_are_required),
        TEST(test_a_member_of_another_type_is_refused),
        TEST(test_an_unknown_or_double_member_is_refused),
        TEST(test_texts_are_limited_and_never_empty),
        TEST(test_occurred_at_is_rfc_3339_with_up_to_nine_digits),
        TEST(test_what_is_not_json_is_malformed_and_says_where),
        TEST(test_a_body_is_an_object),
        TEST(test_nesting_ends_at_64_levels),
        TEST(test_one_bad_event_leaves_its_neighbours_alone),
        TEST(test_a_batch_has_1_to_1000_events),
        TEST(test_a_batch_has_nothing_beside_its_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
