/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/certificate.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "hk/encode.h"

enum { MAX_CHAIN = 8, MIN_RSA_BITS = 2048, MAX_RSA_BITS = 4096 };

static void free_bio(BIO **bio)
{
    (void)BIO_free(*bio);
}

static void free_certificate(X509 **certificate)
{
    X509_free(*certificate);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* pem_password_cb: without it OpenSSL would ask on the terminal. */
static int refuse_password(char *buf, int size, int is_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static int64_t unix_time(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static const char *check_times(const X509 *certificate, int64_t now_s)
{
    if (unix_time(X509_get0_notAfter(certificate)) <= now_s)
        return "has expired";
    if (unix_time(X509_get0_notBefore(certificate)) > now_s)
        return "is not valid yet";
    return NULL;
}

/* The first certificate; the caller frees it. The others are looked at, and left to libcurl. */
static X509 *read_chain(struct hk_str pem, int64_t now_s, const char **ret_fault)
{
    HK_CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *first = PEM_read_bio_X509(bio, NULL, refuse_password, NULL);
    unsigned n = 1;

    *ret_fault = first == NULL ? "is no certificate in PEM" : check_times(first, now_s);
    while (*ret_fault == NULL) {
        HK_CLEANUP(free_certificate)
        X509 *next = PEM_read_bio_X509(bio, NULL, refuse_password, NULL);

        if (next == NULL)
            break;
        *ret_fault = ++n > MAX_CHAIN ? "has more than 8 certificates" : check_times(next, now_s);
    }
    /* The end of the text is "no start line"; anything else is a certificate that is none. */
    if (*ret_fault == NULL && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        *ret_fault = "has a certificate that cannot be read";
    return first;
}

static EVP_PKEY *read_key(struct hk_str pem, const char **ret_fault)
{
    HK_CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, NULL);

    *ret_fault = NULL;
    if (key == NULL)
        *ret_fault = "is no private key in PEM, or it is encrypted";
    else if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < MIN_RSA_BITS)
        *ret_fault = "has fewer than 2048 bits";
    else if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) > MAX_RSA_BITS)
        *ret_fault = "has more than 4096 bits"; /* each handshake would hold up all tenants */
    else if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC") &&
             !EVP_PKEY_is_a(key, "ED25519"))
        *ret_fault = "is neither RSA nor EC nor Ed25519";
    return key;
}

const char *hk_certificate_fault(struct hk_str certificate, int64_t now_s)
{
    const char *fault;

    ERR_clear_error(); /* read_chain() looks at what it left */
    X509_free(read_chain(certificate, now_s, &fault));
    ERR_clear_error();
    return fault;
}

const char *hk_certificate_key_fault(struct hk_str key)
{
    const char *fault;

    EVP_PKEY_free(read_key(key, &fault));
    ERR_clear_error();
    return fault;
}

bool hk_certificate_read(struct hk_str certificate, struct hk_str key, struct hk_certificate *ret)
{
    HK_CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(certificate.p, (int)certificate.n);
    HK_CLEANUP(free_certificate) X509 *first = PEM_read_bio_X509(bio, NULL, refuse_password, NULL);
    HK_CLEANUP(free_key) EVP_PKEY *private_key = NULL;
    uint8_t digest[HK_SHA256_SIZE];
    const char *fault;
    bool belong_together;

    private_key = read_key(key, &fault);
    belong_together =
        first != NULL && fault == NULL && X509_check_private_key(first, private_key) == 1;
    ERR_clear_error();
    if (!belong_together)
        return false;
    (void)X509_digest(first, EVP_sha256(), digest, NULL);
    hk_hex_encode(digest, sizeof(digest), ret->sha256);
    ret->expires_s = unix_time(X509_get0_notAfter(first));
    return true;
}
