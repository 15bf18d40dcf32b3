/* SPDX-License-Identifier: Apache-2.0 */
/* What a query of the delivery log becomes, and what is wrong with one that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/log_query.h"

/* 2026-11-18T06:28:00.123456Z */
#define NOW_US INT64_C(1794983280123456)

#define ID_1   "018f3c5e-7d1a-7bcd-8e01-0123456789ab"
#define ID_2   "018f3c5e-7d1a-7bcd-8e01-0123456789ac"
#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"

struct sample {
    const char *query, *result;
};

/* In memory of its own size, so that a sanitizer sees a read behind the end. */
static enum hk_code parse(struct hk_str query, struct hk_buf *ret, struct hk_error *ret_error)
{
    char *copy = malloc(query.n == 0 ? 1 : query.n);
    enum hk_code code;

    assert_non_null(copy);
    memcpy(copy, query.p, query.n);
    *ret_error = (struct hk_error){.code = HK_OK};
    hk_buf_init(ret, HK_LOG_FILTER_MAX_BYTES);
    code = hk_log_query_parse((struct hk_str){copy, query.n}, NOW_US, ret, ret_error);
    free(copy);
    return code;
}

static void must_become(const struct sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hk_buf filter HK_CLEANUP(hk_buf_done);
        struct hk_error error;

        if (parse(hk_str(samples[i].query), &filter, &error) != HK_OK)
            fail_msg("%s: %s", samples[i].query, error.detail);
        assert_false(filter.is_full);
        hk_buf_add(&filter, "", 1);
        assert_string_equal(filter.p, samples[i].result);
    }
}

/* The result is how the sentence begins. */
static void must_fail(const struct sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hk_buf filter HK_CLEANUP(hk_buf_done);
        struct hk_error error;

        if (parse(hk_str(samples[i].query), &filter, &error) != HK_INVALID_PARAMETER)
            fail_msg("%s is taken: %s", samples[i].query, filter.p);
        assert_string_equal(error.pointer, "/q");
        if (strncmp(error.detail, samples[i].result, strlen(samples[i].result)) != 0)
            fail_msg("%s: \"%s\" is not \"%s\"", samples[i].query, error.detail, samples[i].result);
    }
}

static void test_a_query_becomes_one_canonical_filter(void **state)
{
    static const struct sample samples[] = {
        {"", "{}"},
        {"  ", "{}"},
        {"status:failed", "{\"status\":[\"failed\"]}"},
        {"status:failed,held status:Failed", "{\"status\":[\"failed\",\"held\"]}"},
        {"since:24h company:\"Bakker BV\" code:5xx status:failed",
         "{\"company\":[\"Bakker BV\"],\"status\":[\"failed\"],\"code\":[\"5xx\"],"
         "\"since\":\"2026-11-17T06:28:00.123Z\"}"},
        {"company:\"a, \\\"b\\\" \\\\\",c", "{\"company\":[\"a, \\\"b\\\" \\\\\",\"c\"]}"},
        {"company:caf\xc3\xa9", "{\"company\":[\"caf\xc3\xa9\"]}"},
        {"company:http://x/?a=b:c", "{\"company\":[\"http://x/?a=b:c\"]}"},
        {"type:order.paid,invoice.*,*", "{\"event_type\":[\"order.paid\",\"invoice.*\",\"*\"]}"},
        {"event_type:a-b_c", "{\"event_type\":[\"a-b_c\"]}"},
        {"code:404,5XX,NONE", "{\"code\":[\"404\",\"5xx\",\"none\"]}"},
        {"error:timeout,tls", "{\"error\":[\"timeout\",\"tls\"]}"},
        {"outcome:http_status origin:resend",
         "{\"origin\":[\"resend\"],\"error\":[\"http_status\"]}"},
        {ID_1, "{\"id\":[\"" ID_1 "\"]}"},
        {" " ID_1 " status:held", "{\"id\":[\"" ID_1 "\"],\"status\":[\"held\"]}"},
        {"event:" ID_1 "," ID_2, "{\"event_id\":[\"" ID_1 "\",\"" ID_2 "\"]}"},
        {"app:018F3C5E-7D1A-7BCD-8E01-0123456789AB", "{\"app\":[\"" ID_1 "\"]}"},
        {"message:" ID_1 " subscription:" ID_2,
         "{\"message_id\":[\"" ID_1 "\"],\"subscription\":[\"" ID_2 "\"]}"},
        {"trace:" TRACE, "{\"trace_id\":[\"" TRACE "\"]}"},
        {"external_id:2026-0001", "{\"external_id\":[\"2026-0001\"]}"},
        {"attribute.order_id:7,8 attr.Total:1 attr.order_id:9",
         "{\"attribute\":{\"order_id\":[\"7\",\"8\",\"9\"],\"Total\":[\"1\"]}}"},
        {"-status:succeeded -code:2xx status:held",
         "{\"status\":[\"held\"],\"not\":{\"status\":[\"succeeded\"],\"code\":[\"2xx\"]}}"},
        {"-company:\"-x\"", "{\"not\":{\"company\":[\"-x\"]}}"},
    };

    (void)state;
    must_become(samples, HK_COUNTOF(samples));
}

static void test_a_filter_tells_whether_it_names_an_id(void **state)
{
    static const struct {
        const char *query;
        bool names_an_id;
    } samples[] = {
        {ID_1, true},
        {"status:failed event:" ID_1, true},
        {"since:24h message:" ID_1, true},
        {"company:c1 external_id:7 attr.n:1", true},
        {"", false},
        {"app:" ID_1, false},
        {"attr.event_id:" ID_1, false},
        {"company:\"{\\\"id\\\":\"", false},
    };
    struct hk_error error;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(samples); i++) {
        struct hk_buf filter HK_CLEANUP(hk_buf_done);

        assert_int_equal(parse(hk_str(samples[i].query), &filter, &error), HK_OK);
        if (hk_log_filter_names_an_id(hk_buf_str(&filter)) != samples[i].names_an_id)
            fail_msg("%s", filter.p);
    }
    assert_false(hk_log_filter_names_an_id(HK_STR_NULL));
}

static void test_numbers_and_durations_become_bounds(void **state)
{
    static const struct sample samples[] = {
        {"attempts:3", "{\"attempts\":{\"gte\":3,\"lte\":3}}"},
        {"attempts:>3", "{\"attempts\":{\"gte\":4}}"},
        {"attempts:>=3", "{\"attempts\":{\"gte\":3}}"},
        {"attempts:<3", "{\"attempts\":{\"lte\":2}}"},
        {"attempts:<=0", "{\"attempts\":{\"lte\":0}}"},
        {"attempts:2..5", "{\"attempts\":{\"gte\":2,\"lte\":5}}"},
        {"attempts:1000000", "{\"attempts\":{\"gte\":1000000,\"lte\":1000000}}"},
        {"latency:>2s", "{\"latency_ms\":{\"gte\":2001}}"},
        {"latency:<=500ms", "{\"latency_ms\":{\"lte\":500}}"},
        {"latency:100..2m", "{\"latency_ms\":{\"gte\":100,\"lte\":120000}}"},
        {"latency:>=60m", "{\"latency_ms\":{\"gte\":3600000}}"},
    };
    static const struct sample bad[] = {
        {"attempts:", "column 1: attempts has an empty value"},
        {"attempts:x", "column 1: attempts wants a number"},
        {"attempts:3s", "column 1: attempts wants a number"},
        {"attempts:5..2", "column 1: attempts wants a number"},
        {"attempts:>2..5", "column 1: attempts wants a number"},
        {"attempts:<0", "column 1: attempts wants a number"},
        {"attempts:-1", "column 1: attempts wants a number"},
        {"attempts:1000001", "column 1: attempts wants a number"},
        {"attempts:99999999999999999999", "column 1: attempts wants a number"},
        {"attempts:1 attempts:2", "column 12: attempts can be said once only"},
        {"attempts:1,2", "column 1: attempts can be said once only"},
        {"latency:61m", "column 1: latency wants a duration"},
        {"latency:2h", "column 1: latency wants a duration"},
        {"latency:>", "column 1: latency wants a duration"},
        {"-latency:2s", "column 1: latency cannot be negated"},
    };

    (void)state;
    must_become(samples, HK_COUNTOF(samples));
    must_fail(bad, HK_COUNTOF(bad));
}

static void test_times_are_absolute_in_a_filter(void **state)
{
    static const struct sample samples[] = {
        {"since:90s", "{\"since\":\"2026-11-18T06:26:30.123Z\"}"},
        {"since:2w until:15m",
         "{\"since\":\"2026-11-04T06:28:00.123Z\",\"until\":\"2026-11-18T06:13:00.123Z\"}"},
        {"since:2026-11-01", "{\"since\":\"2026-11-01T00:00:00.000Z\"}"},
        {"until:2026-11-01T12:00:01+01:30", "{\"until\":\"2026-11-01T10:30:01.000Z\"}"},
        {"until:\"2026-11-01 12:00:01.98765z\"", "{\"until\":\"2026-11-01T12:00:01.987Z\"}"},
        {"since:3650d", "{\"since\":\"2016-11-20T06:28:00.123Z\"}"},
        {"since:1970-01-01", "{\"since\":\"1970-01-01T00:00:00.000Z\"}"},
    };
    static const struct sample bad[] = {
        {"since:24", "column 1: since wants a time"},
        {"since:1y", "column 1: since wants a time"},
        {"since:2026-02-30", "column 1: since wants a time"},
        {"since:2026-02-30T00:00:00Z", "column 1: since wants a time"},
        {"since:1969-12-31", "column 1: since wants a time"},
        {"since:3651d", "column 1: since wants a time"},
        {"since:1h since:2h", "column 10: since can be said once only"},
        {"since:1h until:1h", "column 1: since must be before until"},
        {"since:2099-01-01 until:2098-01-01", "column 1: since must be before until"},
    };

    (void)state;
    must_become(samples, HK_COUNTOF(samples));
    must_fail(bad, HK_COUNTOF(bad));
}

static void test_a_path_is_a_payload_filter_in_a_bounded_time(void **state)
{
    static const struct sample samples[] = {
        {"path:\"$.amount >= 100 && $.currency == \\\"EUR\\\"\" since:31d",
         "{\"since\":\"2026-10-18T06:28:00.123Z\","
         "\"path\":\"$.amount >= 100 && $.currency == \\\"EUR\\\"\"}"},
        {"since:2025-01-01 until:2025-01-31 path:$.a==1",
         "{\"since\":\"2025-01-01T00:00:00.000Z\",\"until\":\"2025-01-31T00:00:00.000Z\","
         "\"path\":\"$.a==1\"}"},
    };
    static const struct sample bad[] = {
        {"path:$.a==1", "column 1: path wants a time range of at most 31 days"},
        {"path:$.a==1 until:1d", "column 1: path wants a time range"},
        {"path:$.a==1 since:32d", "column 1: path wants a time range"},
        {"since:1d path:$.**", "column 10: the path stops being a filter"},
        {"since:1d path:$.a==1 path:$.b==1", "column 22: path can be said once only"},
    };

    (void)state;
    must_become(samples, HK_COUNTOF(samples));
    must_fail(bad, HK_COUNTOF(bad));
}

static void test_what_is_wrong_is_said_with_its_column(void **state)
{
    static const struct sample samples[] = {
        {"failed", "column 7: a field and ':' are expected"},
        {":x", "column 1: a field and ':' are expected"},
        {"-", "column 2: a field and ':' are expected"},
        {"status: failed", "column 1: status has an empty value"},
        {"status:", "column 1: status has an empty value"},
        {"status:failed,", "column 1: status has an empty value"},
        {"status:\"\"", "column 1: status has an empty value"},
        {"status:lost", "column 1: status wants one of pending|sending|"},
        {"status:failed colour:red", "column 15: the field \"colour\" is not known"},
        {"company:\xc3\xa9 colour:red", "column 11: the field \"colour\" is not known"},
        {"code:600", "column 1: code wants a code like 404"},
        {"code:5x", "column 1: code wants a code like 404"},
        {"app:7", "column 1: app wants a UUID"},
        {"trace:0", "column 1: trace wants a trace id"},
        {"type:a*", "column 1: type wants an event type"},
        {"type:*.a", "column 1: type wants an event type"},
        {"-event:" ID_1, "column 1: event cannot be negated"},
        {"company:\"x", "column 9: the quotation mark is not closed"},
        {"company:\"x\"y", "column 12: a blank or a comma is expected"},
        {"company:x\"y", "column 10: a quotation mark stands at the start"},
        {"company:\"\\n\"", "column 10: only \\\" and \\\\ are known"},
        {"company:\"x\\", "column 11: only \\\" and \\\\ are known"},
        {"attribute:7", "column 1: an attribute has a name"},
        {"attribute.:7", "column 1: an attribute's name has 1 to 64"},
        {"attribute.a.b:7", "column 1: an attribute's name has 1 to 64"},
        {"status.a:held", "column 1: only attribute has a name"},
        {"company:a\x01", "column 10: a control character"},
        {"company:\xff", "column 1: the query is not UTF-8"},
        {"attribute:\xc3\xa9", "column 1: an attribute has a name"},
    };
    struct hk_buf filter HK_CLEANUP(hk_buf_done);
    struct hk_error error;

    (void)state;
    must_fail(samples, HK_COUNTOF(samples));
    assert_int_equal(parse((struct hk_str){"company:a\0b", 11}, &filter, &error),
                     HK_INVALID_PARAMETER);
}

static void test_a_query_has_an_end(void **state)
{
    char text[HK_LOG_QUERY_MAX_BYTES + 2];
    struct hk_buf filter HK_CLEANUP(hk_buf_done), long_value HK_CLEANUP(hk_buf_done),
        many HK_CLEANUP(hk_buf_done);
    struct hk_error error;
    size_t n = 0;

    (void)state;
    memset(text, ' ', sizeof(text));
    assert_int_equal(parse((struct hk_str){text, HK_LOG_QUERY_MAX_BYTES}, &filter, &error), HK_OK);
    hk_buf_done(&filter);
    assert_int_equal(parse((struct hk_str){text, HK_LOG_QUERY_MAX_BYTES + 1}, &filter, &error),
                     HK_INVALID_PARAMETER);

    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < 8; i++)
        text[i] = "company:"[i];
    assert_int_equal(
        parse((struct hk_str){text, 8 + HK_LOG_QUERY_MAX_VALUE_BYTES}, &long_value, &error), HK_OK);
    hk_buf_done(&long_value);
    assert_int_equal(
        parse((struct hk_str){text, 9 + HK_LOG_QUERY_MAX_VALUE_BYTES}, &long_value, &error),
        HK_INVALID_PARAMETER);

    for (int i = 0; i <= HK_LOG_QUERY_MAX_VALUES; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d", i == 0 ? "company:" : ",", i);
    assert_int_equal(parse((struct hk_str){text, n}, &many, &error), HK_INVALID_PARAMETER);
    hk_buf_done(&many);
    n -= 3; /* one less */
    assert_int_equal(parse((struct hk_str){text, n}, &many, &error), HK_OK);
}

/* A value of quotation marks, the longest that JSON makes of a query. */
static void test_the_filter_of_any_query_has_room(void **state)
{
    char text[HK_LOG_QUERY_MAX_BYTES + 1];
    struct hk_buf filter HK_CLEANUP(hk_buf_done);
    struct hk_error error;
    size_t n = 0;

    (void)state;
    for (char name = 'a'; n + 268 < sizeof(text); name++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "attr.%c:\"", name);
        for (int i = 0; i < 120; i++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "\\\"");
        n += (size_t)snprintf(text + n, sizeof(text) - n, "\" ");
    }
    assert_int_equal(parse((struct hk_str){text, n}, &filter, &error), HK_OK);
    assert_false(filter.is_full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_query_becomes_one_canonical_filter),
        cmocka_unit_test(test_a_filter_tells_whether_it_names_an_id),
        cmocka_unit_test(test_numbers_and_durations_become_bounds),
        cmocka_unit_test(test_times_are_absolute_in_a_filter),
        cmocka_unit_test(test_a_path_is_a_payload_filter_in_a_bounded_time),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_column),
        cmocka_unit_test(test_a_query_has_an_end),
        cmocka_unit_test(test_the_filter_of_any_query_has_room),
    };

    return cmocka_run_group_tests_name("log_query", tests, NULL, NULL);
}
