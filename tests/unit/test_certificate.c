/* SPDX-License-Identifier: Apache-2.0 */
/* What a client certificate and its key must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "hk/certificate.h"
#include "tests/support/tls.h"

static struct tls_identity alice, bob, expired;

static void test_a_certificate_and_its_key_belong_together(void **state)
{
    struct hk_certificate read;

    (void)state;
    assert_null(hk_certificate_fault(hk_str(alice.certificate), (int64_t)time(NULL)));
    assert_null(hk_certificate_key_fault(hk_str(alice.key)));
    assert_true(hk_certificate_read(hk_str(alice.certificate), hk_str(alice.key), &read));
    assert_string_equal(read.sha256, alice.sha256);
    assert_int_equal(read.expires_s / 10, alice.expires_s / 10);
    assert_false(hk_certificate_read(hk_str(alice.certificate), hk_str(bob.key), &read));
    assert_false(hk_certificate_read(hk_str(alice.key), hk_str(alice.key), &read));
    assert_false(hk_certificate_read(HK_STR("x"), HK_STR("y"), &read));
}

static void test_times_count_for_the_whole_chain(void **state)
{
    char chain[2 * TLS_PEM_SIZE];
    int64_t now_s = (int64_t)time(NULL);

    (void)state;
    assert_string_equal(hk_certificate_fault(hk_str(expired.certificate), now_s), "has expired");
    assert_string_equal(
        hk_certificate_fault(hk_str(alice.certificate), now_s - INT64_C(500) * 86400),
        "is not valid yet");
    (void)snprintf(chain, sizeof(chain), "%s%s", alice.certificate, bob.certificate);
    assert_null(hk_certificate_fault(hk_str(chain), now_s));
    (void)snprintf(chain, sizeof(chain), "%s%s", alice.certificate, expired.certificate);
    assert_string_equal(hk_certificate_fault(hk_str(chain), now_s), "has expired");
}

static void test_a_chain_has_at_most_8(void **state)
{
    char chain[10 * TLS_PEM_SIZE] = "";
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(
            hk_certificate_fault(hk_str(n == 0 ? alice.certificate : chain), time(NULL)) == NULL,
            i <= 8);
        n += (size_t)snprintf(chain + n, sizeof(chain) - n, "%s", alice.certificate);
    }
    assert_non_null(hk_certificate_fault(hk_str(chain), (int64_t)time(NULL)));
}

static void test_what_is_no_pem_is_refused(void **state)
{
    static const char broken[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    char chain[2 * TLS_PEM_SIZE];
    int64_t now_s = (int64_t)time(NULL);

    (void)state;
    assert_non_null(hk_certificate_fault(HK_STR(""), now_s));
    assert_non_null(hk_certificate_fault(HK_STR("hello"), now_s));
    assert_non_null(hk_certificate_fault(hk_str(broken), now_s));
    assert_non_null(hk_certificate_fault(hk_str(alice.key), now_s));
    (void)snprintf(chain, sizeof(chain), "%s%s", alice.certificate, broken);
    assert_non_null(hk_certificate_fault(hk_str(chain), now_s));
    assert_non_null(hk_certificate_key_fault(HK_STR("")));
    assert_non_null(hk_certificate_key_fault(HK_STR("hello")));
    assert_non_null(hk_certificate_key_fault(hk_str(alice.certificate)));
}

/* A signature of 8192 bits takes 40 ms of the thread that sends everybody's requests. */
static void test_a_key_is_neither_weak_nor_slow(void **state)
{
    static const struct {
        unsigned bits;
        const char *fault;
    } cases[] = {
        {1024, "has fewer than 2048 bits"},
        {2048, NULL},
        {4104, "has more than 4096 bits"},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        EVP_PKEY *key = EVP_RSA_gen(cases[i].bits);
        BIO *bio = BIO_new(BIO_s_mem());
        const char *fault;
        char *text;
        long n;

        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
        n = BIO_get_mem_data(bio, &text);
        fault = hk_certificate_key_fault((struct hk_str){text, (size_t)n});
        assert_int_equal(fault == NULL, cases[i].fault == NULL);
        if (fault != NULL)
            assert_string_equal(fault, cases[i].fault);
        (void)BIO_free(bio);
        EVP_PKEY_free(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_certificate_and_its_key_belong_together),
        cmocka_unit_test(test_times_count_for_the_whole_chain),
        cmocka_unit_test(test_a_chain_has_at_most_8),
        cmocka_unit_test(test_what_is_no_pem_is_refused),
        cmocka_unit_test(test_a_key_is_neither_weak_nor_slow),
    };

    tls_make(&alice, "alice", 30);
    tls_make(&bob, "bob", 30);
    tls_make(&expired, "old", -1);
    return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
