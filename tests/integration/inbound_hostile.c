/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be sent to a flow to do harm: each gets a clear answer, is stored as it is or not at
 * all, and neither stops the API nor makes it grow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hk/buf.h"
#include "hk/encode.h"
#include "tests/support/check.h"
#include "tests/support/inlet.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

enum {
    N_SLOW = 1000,
    N_DESCRIPTORS = 2 * N_SLOW,
    N_ROUNDS = 8,
    N_PARTS = 10000,
    FLAT_KB = 64 * 1024, /* 64 KiB for each that is slow; under a sanitizer, too */
};

static struct inlet given_open_inlet(struct harness *h)
{
    struct tenant *t = given_tenant(h);

    return given_inlet(h, t, given_app(h, t, "acme"), "{\"kind\": \"none\"}", NULL, "");
}

static long api_rss_kb(struct harness *h)
{
    const char *line;
    char *status;
    long kb;

    status = proc_read_file(at(h, "/proc/%d/status", (int)h->api.pid));
    line = strstr(status, "VmRSS:");
    kb = line == NULL ? -1 : strtol(line + 6, NULL, 10);
    free(status);
    assert_true(kb > 0);
    return kb;
}

/* ---- bodies ---- */

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* In the manner of JSONTestSuite: y_ has to be taken for JSON, n_ not. */
static const struct {
    bool is_json;
    struct hk_str body;
} shapes[] = {
    {true, TEXT("[[]   ]")},
    {true, TEXT("[123e-10000000]")},
    {true, TEXT("[0e+1]")},
    {true, TEXT("[-0]")},
    {true, TEXT("{\"a\":\"b\",\"a\":\"c\"}")},
    {true, TEXT("{\"foo\\u0000bar\": 42}")},
    {true, TEXT("[\"\\uD801\\udc37\"]")},
    {true, TEXT("[\"\xe2\x82\xac\xf0\x9f\x98\x80\"]")},
    {true, TEXT("[\"\x7f\"]")},
    {true, TEXT("\"\"")},
    {true, TEXT(" \t\r\n[] \n")},
    {true, TEXT("[100000000000000000000000000000000000000000000]")},
    {false, TEXT("[1 true]")},
    {false, TEXT("[a\xe5]")},
    {false, TEXT("[1,]")},
    {false, TEXT("[\"\": 1]")},
    {false, TEXT("[-01]")},
    {false, TEXT("[+1]")},
    {false, TEXT("[.5]")},
    {false, TEXT("[1.]")},
    {false, TEXT("[NaN]")},
    {false, TEXT("[-Infinity]")},
    {false, TEXT("[0x42]")},
    {false, TEXT("[\"\\u00A\"]")},
    {false, TEXT("[\"\\uD800\"]")},
    {false, TEXT("[\"\xed\xa0\x80\"]")},
    {false, TEXT("[\"\xc0\xaf\"]")},
    {false, TEXT("[\"new\nline\"]")},
    {false, TEXT("[\"a\0b\"]")},
    {false, TEXT("\xef\xbb\xbf{}")},
    {false, TEXT("{a: 1}")},
    {false, TEXT("{'a': 1}")},
    {false, TEXT("{\"a\":1 /* comment */}")},
    {false, TEXT("{}}")},
    {false, TEXT("[1]x")},
    {false, TEXT("{\"a\":")},
    {false, TEXT("\0")},
    {false, TEXT("")},
    {false, TEXT("[\xe2\x81\xa0]")},
};

static void test_each_shape_of_json_is_kept_as_it_came(void **state)
{
    struct harness *h = *state;
    struct inlet inlet = given_open_inlet(h);

    for (size_t i = 0; i < HK_COUNTOF(shapes); i++) {
        struct reply reply =
            inlet_post(h, &inlet, shapes[i].body,
                       (const char *const[]){"Content-Type: application/json", NULL});
        char hex[256];

        assert_status(reply, 202);
        hk_hex_encode(shapes[i].body.p, shapes[i].body.n, hex);
        assert_string_equal(
            db_text(h,
                    "SELECT encode(coalesce(body, convert_to(payload, 'UTF8')), 'hex')"
                    "  FROM hookline.event WHERE id = '%s' AND (body IS NULL) = %s",
                    reply_header(h->http, &reply, "hookline-event-id"),
                    shapes[i].is_json ? "true" : "false"),
            hex);
    }
}

static void test_depth_laughs_and_parts_are_stored_and_not_parsed(void **state)
{
    static const char laughs[] =
        "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\">"
        "<!ENTITY lol1 \"&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;\">"
        "<!ENTITY lol2 \"&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;\">"
        "<!ENTITY lol9 SYSTEM \"file:///etc/passwd\">]><lolz>&lol2;&lol9;</lolz>";
    struct harness *h = *state;
    struct inlet inlet = given_open_inlet(h);
    struct hk_buf body HK_CLEANUP(hk_buf_done);
    long before_kb = api_rss_kb(h);

    hk_buf_init(&body, 1 << 20);
    assert_gives(202, inlet_post(h, &inlet, hk_str(laughs),
                                 (const char *const[]){"Content-Type: application/xml", NULL}));
    for (unsigned i = 0; i < 100000; i++)
        hk_buf_add_text(&body, "[");
    assert_gives(202, inlet_post(h, &inlet, hk_buf_str(&body),
                                 (const char *const[]){"Content-Type: application/json", NULL}));
    hk_buf_clear(&body);
    for (unsigned i = 0; i < N_PARTS; i++)
        hk_buf_printf(&body, "--b\r\nContent-Disposition: form-data; name=\"p%u\"\r\n\r\nx\r\n", i);
    hk_buf_add_text(&body, "--b--\r\n");
    assert_gives(202, inlet_post(h, &inlet, hk_buf_str(&body),
                                 (const char *const[]){
                                     "Content-Type: multipart/form-data; boundary=b", NULL}));
    assert_int_equal(inlet_count(h, &inlet), 3);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"
                               " WHERE payload = 'null' AND length(body) > 200"),
                     3);
    assert_true(api_rss_kb(h) - before_kb < FLAT_KB);
}

static void test_a_gzip_bomb_is_not_unpacked(void **state)
{
    static const char *const codings[] = {"gzip", "br", "deflate, gzip", "GZIP", "zstd"};
    struct harness *h = *state;
    struct inlet inlet = given_open_inlet(h);

    for (size_t i = 0; i < HK_COUNTOF(codings); i++) {
        struct reply reply =
            inlet_post(h, &inlet, HK_STR("\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1\x01\x0d\0\0"),
                       (const char *const[]){"Content-Type: application/json",
                                             at(h, "Content-Encoding: %s", codings[i]), NULL});

        assert_problem(h, reply, 415, "unsupported_media_type", NULL);
    }
    assert_int_equal(inlet_count(h, &inlet), 0);
}

/* ---- uploads ---- */

static int begin_upload(struct harness *h, const struct inlet *inlet, const char *framing)
{
    int fd = http_raw_connect(h->api_url);
    const char *head = at(h,
                          "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                          "%s\r\n\r\n",
                          inlet->path, framing);

    assert_true(fd >= 0);
    assert_true(http_raw_send(fd, head, strlen(head)));
    return fd;
}

static int status_of(int fd)
{
    char answer[4096];

    (void)http_raw_read(fd, answer, sizeof(answer), 10000, NULL);
    (void)close(fd);
    return http_raw_status(answer);
}

static void test_a_gigabyte_is_refused_by_its_first_bytes(void **state)
{
    struct harness *h = *state;
    struct inlet inlet = given_open_inlet(h);
    long before_kb = api_rss_kb(h);
    static char chunk[65536 + 16];
    unsigned n_sent = 0;
    int fd;

    assert_int_equal(status_of(begin_upload(h, &inlet, "Content-Length: 1073741824")), 413);
    fd = begin_upload(h, &inlet, "Transfer-Encoding: chunked");
    (void)snprintf(chunk, sizeof(chunk), "%x\r\n", 65536);
    memset(chunk + 7, 'x', 65536);
    chunk[7 + 65536] = '\r';
    chunk[7 + 65536 + 1] = '\n';
    while (n_sent < 16384 && http_raw_send(fd, chunk, 7 + 65536 + 2))
        n_sent++;
    assert_true(n_sent < 1024); /* it has given up long before */
    (void)close(fd);
    assert_gives(202, inlet_post(h, &inlet, HK_STR("{}"), NULL));
    assert_int_equal(inlet_count(h, &inlet), 1);
    assert_true(api_rss_kb(h) - before_kb < FLAT_KB);
}

static void raise_descriptors(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < N_DESCRIPTORS) {
        limit.rlim_cur = N_DESCRIPTORS;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
}

static void test_a_thousand_slow_senders_neither_stop_nor_fatten_it(void **state)
{
    struct harness *h = *state;
    struct inlet inlet = given_open_inlet(h);
    static int fds[N_SLOW];
    long before_kb, open_kb, after_kb;
    struct reply reply;

    raise_descriptors();
    assert_gives(202, inlet_post(h, &inlet, HK_STR("{}"), NULL));
    before_kb = api_rss_kb(h);
    for (unsigned i = 0; i < N_SLOW; i++)
        fds[i] = begin_upload(h, &inlet, "Content-Length: 1000000");
    reply = inlet_post(h, &inlet, HK_STR("{}"), NULL);
    assert_status(reply, 202);
    open_kb = api_rss_kb(h);
    for (unsigned round = 0; round < N_ROUNDS; round++) {
        for (unsigned i = 0; i < N_SLOW; i++)
            (void)http_raw_send(fds[i], "[[[[[[[[[[[[[[[[", 16);
        assert_gives(202, inlet_post(h, &inlet, HK_STR("{}"), NULL));
    }
    after_kb = api_rss_kb(h);
    print_message("VmRSS of the API: %ld kB, %ld kB with %d slow senders, %ld kB later\n",
                  before_kb, open_kb, N_SLOW, after_kb);
    assert_true(open_kb - before_kb < FLAT_KB);
    assert_true(after_kb - open_kb < FLAT_KB / 4);
    for (unsigned i = 0; i < N_SLOW; i++)
        (void)close(fds[i]);
    assert_gives(202, inlet_post(h, &inlet, HK_STR("{}"), NULL));
    assert_int_equal(inlet_count(h, &inlet), N_ROUNDS + 3);
}

int main(void)
{
    static const char *const patient[] = {"HOOKLINE_API_REQUEST_TIMEOUT_MS=60000",
                                          "HOOKLINE_API_MAX_CONNECTIONS=2000", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_each_shape_of_json_is_kept_as_it_came, .has_no_worker = true),
        harness_test(test_depth_laughs_and_parts_are_stored_and_not_parsed, .has_no_worker = true),
        harness_test(test_a_gzip_bomb_is_not_unpacked, .has_no_worker = true),
        harness_test(test_a_gigabyte_is_refused_by_its_first_bytes, .has_no_worker = true),
        harness_test(test_a_thousand_slow_senders_neither_stop_nor_fatten_it, .has_no_worker = true,
                     .env = patient),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
