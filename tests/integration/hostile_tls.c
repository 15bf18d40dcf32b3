/* SPDX-License-Identifier: Apache-2.0 */
/* handshakes that cannot end well. All are of the class `tls`, and the words say which. */
#include <stdio.h>

#include <openssl/ssl.h>

#include "tests/support/message.h"
#include "tests/support/raw.h"
#include "tests/support/tls.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static struct tls_identity trusted, expired, stranger;
static char directory[PROC_PATH_SIZE];
static char ca_variable[PROC_PATH_SIZE + 64];

/* The first attempt at that URL. */
static struct reply attempt_at(struct harness *h, const char *url)
{
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path;
    struct reply reply;

    reply = api_call(h, t->admin, "PATCH", at(h, "/v1/subscriptions/%s", s.id),
                     "{\"url\": \"%s\", \"timeout_ms\": 1000}", url);
    assert_status(reply, 200);
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait_attempts(h, t, path, 1);
    return message_attempt(h, t, path, 1);
}

static void expect(struct harness *h, const char *url, const char *outcome, const char *error)
{
    struct reply attempt = attempt_at(h, url);

    assert_string_equal(reply_text(&attempt, "outcome"), outcome);
    assert_string_equal(reply_text(&attempt, "error"), error);
    assert_true(reply_is_null(&attempt, "status_code"));
}

/* A receiver that is none, spoken to by TLS. */
static const char *https_of(struct harness *h, struct raw_answer answer)
{
    return at(h, "https%s", raw_url(raw_receive(&answer, 1)) + strlen("http"));
}

static void test_a_certificate_that_is_trusted_is_taken(void **state)
{
    struct reply attempt = attempt_at(*state, tls_url(tls_receive(&trusted, TLS_ASKS_NOBODY)));

    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
}

static void test_R_28_a_certificate_that_nobody_signed_is_refused(void **state)
{
    expect(*state, tls_url(tls_receive(&stranger, TLS_ASKS_NOBODY)), "tls",
           "the certificate is signed by itself");
}

static void test_R_28_an_expired_certificate_is_refused(void **state)
{
    expect(*state, tls_url(tls_receive(&expired, TLS_ASKS_NOBODY)), "tls",
           "the certificate has expired");
}

static void test_R_28_a_certificate_of_another_host_is_refused(void **state)
{
    struct harness *h = *state;
    const char *url = tls_url(tls_receive(&trusted, TLS_ASKS_NOBODY));

    /* It is that of 127.0.0.1 and localhost. */
    expect(h, at(h, "https://loopback.names.example%s", strrchr(url, ':')), "tls",
           "the certificate is not for this host");
}

static void test_R_28_a_host_that_the_receiver_does_not_know_is_a_failure(void **state)
{
    struct raw_answer unrecognized_name = {{"\x15\x03\x03\x00\x02\x02\x70", 7}, RAW_BLURT};

    expect(*state, https_of(*state, unrecognized_name), "tls", "the TLS handshake failed");
}

static void test_R_28_tls_1_1_and_1_0_are_not_spoken(void **state)
{
    expect(*state, tls_url(tls_receive_only(&trusted, TLS1_1_VERSION)), "tls",
           "the TLS handshake failed");
    expect(*state, tls_url(tls_receive_only(&trusted, TLS1_VERSION)), "tls",
           "the TLS handshake failed");
}

static void test_tls_1_2_is_spoken(void **state)
{
    struct reply attempt = attempt_at(*state, tls_url(tls_receive_only(&trusted, TLS1_2_VERSION)));

    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
}

static void test_R_28_a_handshake_that_is_broken_off_is_a_failure(void **state)
{
    struct raw_answer nothing = {HK_STR(""), RAW_BLURT}, refused = {HK_STR(""), RAW_REFUSE};
    struct raw_answer failure = {{"\x15\x03\x03\x00\x02\x02\x28", 7}, RAW_BLURT};

    expect(*state, https_of(*state, nothing), "tls", "the TLS handshake failed");
    expect(*state, https_of(*state, refused), "tls", "the TLS handshake failed");
    expect(*state, https_of(*state, failure), "tls", "the TLS handshake failed");
}

static void test_R_28_what_is_no_handshake_is_a_failure(void **state)
{
    struct raw_answer http = {HK_STR("HTTP/1.1 400 Bad Request\r\n\r\n"), RAW_BLURT};
    struct raw_answer record = {{"\x16\x03\x03\xff\xff\x02\x00\x00", 8}, RAW_BLURT};

    expect(*state, https_of(*state, http), "tls", "the TLS handshake failed");
    expect(*state, https_of(*state, record), "tls", "the TLS handshake failed");
}

static void test_R_28_a_handshake_that_never_ends_ends_with_the_timeout(void **state)
{
    struct raw_answer silence = {HK_STR(""), RAW_SILENT};

    expect(*state, https_of(*state, silence), "timeout", "no answer within the time limit");
}

#define TRUSTING                                                                                   \
    "LD_PRELOAD=" HOOKLINE_BIN_DIR "/libnames.so", "ASAN_OPTIONS=verify_asan_link_order=0",        \
        ca_variable, NULL

static bool write_authorities(void)
{
    char path[PROC_PATH_SIZE + 16];
    FILE *file;

    proc_make_directory("hookline-hostile-tls", directory);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", directory);
    (void)snprintf(ca_variable, sizeof(ca_variable), "HOOKLINE_WORKER_CA_FILE=%s", path);
    tls_make(&trusted, "trusted", 30);
    tls_make(&expired, "expired", -1);
    tls_make(&stranger, "stranger", 30);
    file = fopen(path, "w");
    return file != NULL && fputs(trusted.certificate, file) >= 0 &&
           fputs(expired.certificate, file) >= 0 && fclose(file) == 0;
}

int main(void)
{
    const char *const trusting[] = {TRUSTING};
    const struct CMUnitTest tests[] = {
        harness_test(test_a_certificate_that_is_trusted_is_taken, .env = trusting),
        harness_test(test_R_28_a_certificate_that_nobody_signed_is_refused, .env = trusting),
        harness_test(test_R_28_an_expired_certificate_is_refused, .env = trusting),
        harness_test(test_R_28_a_certificate_of_another_host_is_refused, .env = trusting),
        harness_test(test_R_28_a_host_that_the_receiver_does_not_know_is_a_failure,
                     .env = trusting),
        harness_test(test_R_28_tls_1_1_and_1_0_are_not_spoken, .env = trusting),
        harness_test(test_tls_1_2_is_spoken, .env = trusting),
        harness_test(test_R_28_a_handshake_that_is_broken_off_is_a_failure, .env = trusting),
        harness_test(test_R_28_what_is_no_handshake_is_a_failure, .env = trusting),
        harness_test(test_R_28_a_handshake_that_never_ends_ends_with_the_timeout, .env = trusting),
    };
    int code;

    if (!write_authorities())
        return 1;
    code = cmocka_run_group_tests_name("hostile_tls", tests, NULL, NULL);
    proc_remove_directory(directory);
    return code;
}
