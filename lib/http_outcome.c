/* SPDX-License-Identifier: Apache-2.0 */
/* http_outcome.c - what libcurl's code, its measures and the answer so far mean together. */
#include <stdio.h>

#include <openssl/x509_vfy.h>

#include "hk/clock.h"
#include "hk/retry_after.h"
#include "http_transfer.h"

/* clang-format off */
static const struct failure {
    CURLcode code;
    enum hk_outcome_kind kind;
    const char *error;
} failures[] = {
    {CURLE_OPERATION_TIMEDOUT,        HK_OUTCOME_TIMEOUT,         "no answer within the time limit"},
    {CURLE_COULDNT_RESOLVE_HOST,      HK_OUTCOME_DNS,             "the host name has no address"},
    {CURLE_COULDNT_CONNECT,           HK_OUTCOME_CONNECT,         "no connection"},
    {CURLE_COULDNT_RESOLVE_PROXY,     HK_OUTCOME_PROXY,           "the proxy's name has no address"},
    {CURLE_PROXY,                     HK_OUTCOME_PROXY,           "the proxy did not make a connection"},
    {CURLE_SSL_CONNECT_ERROR,         HK_OUTCOME_TLS,             "the TLS handshake failed"},
    {CURLE_SSL_ISSUER_ERROR,          HK_OUTCOME_TLS,             "the certificate is not trusted"},
    {CURLE_SSL_INVALIDCERTSTATUS,     HK_OUTCOME_TLS,             "the certificate is not trusted"},
    {CURLE_SSL_CIPHER,                HK_OUTCOME_TLS,             "the TLS handshake failed"},
    {CURLE_SSL_CERTPROBLEM,           HK_OUTCOME_TLS,             "our own certificate cannot be used"},
    {CURLE_SSL_CACERT_BADFILE,        HK_OUTCOME_TLS,             "the file of authorities cannot be read"},
    {CURLE_SEND_ERROR,                HK_OUTCOME_RESET,           "the connection was closed while sending"},
    {CURLE_RECV_ERROR,                HK_OUTCOME_RESET,           "the connection was closed before the answer was complete"},
    {CURLE_GOT_NOTHING,               HK_OUTCOME_RESET,           "the connection was closed without an answer"},
    {CURLE_PARTIAL_FILE,              HK_OUTCOME_RESET,           "the connection was closed before the answer was complete"},
    {CURLE_URL_MALFORMAT,             HK_OUTCOME_REQUEST_INVALID, "the URL is not valid"},
};
/* clang-format on */

long transfer_status(const struct transfer *transfer)
{
    long status = 0;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* With a proxy: what it answered to CONNECT is not the receiver's answer. */
static bool is_proxy_failure(const struct transfer *transfer, CURLcode code, struct failure *ret)
{
    long connect_status = 0;

    if (transfer->http->options.proxy_url[0] == '\0')
        return false;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    *ret = (struct failure){.kind = HK_OUTCOME_PROXY};
    if (code == CURLE_COULDNT_CONNECT)
        ret->error = "the proxy cannot be reached";
    else if (connect_status == 407)
        ret->error = "the proxy does not know us";
    else if (connect_status >= 500)
        ret->error = "the proxy did not make a connection";
    else if (connect_status >= 300)
        ret->error = "the proxy refused the connection";
    return ret->error != NULL;
}

/* What is wrong with a certificate: OpenSSL says it, but for the host, which libcurl compares. */
static struct failure explain_certificate(const struct transfer *transfer)
{
    static const struct {
        long result;
        const char *error;
    } reasons[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, "the certificate has expired"},
        {X509_V_ERR_CERT_NOT_YET_VALID, "the certificate is not valid yet"},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the certificate is signed by itself"},
        {X509_V_OK, "the certificate is not for this host"},
        {X509_V_ERR_UNSPECIFIED,
         "the certificate is not for this host"}, /* libcurl's "not asked" */
    };
    struct failure failure = {CURLE_PEER_FAILED_VERIFICATION, HK_OUTCOME_TLS,
                              "the certificate is not trusted"};
    long result = -1;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    for (size_t i = 0; i < HK_COUNTOF(reasons); i++) {
        if (reasons[i].result == result)
            failure.error = reasons[i].error;
    }
    return failure;
}

/* What a code means that says different things at different moments. */
static struct failure explain(const struct transfer *transfer, CURLcode code, bool is_connected)
{
    static const struct failure answered = {.kind = HK_OUTCOME_ANSWERED};
    static const struct failure blocked = {.kind = HK_OUTCOME_BLOCKED_ADDRESS,
                                           .error = "the address may not be called"};
    static const struct failure too_large = {.kind = HK_OUTCOME_PROTOCOL,
                                             .error = "the header section is too large"};
    static const struct failure invalid = {.kind = HK_OUTCOME_REQUEST_INVALID,
                                           .error = "the URL is not valid"};
    static const struct failure cut_off = {
        .kind = HK_OUTCOME_RESET,
        .error = "the connection was closed before the answer was complete"};
    struct failure failure;

    if (code == CURLE_OK) /* also when the peer hangs up within the header section */
        return transfer->response.has_whole_head ? answered : cut_off;
    if (transfer->response.is_head_too_large)
        return too_large;
    /* We stopped reading, or the body came too slowly: the status had arrived in time (BC-21). */
    if (transfer->response.has_whole_head &&
        (code == CURLE_WRITE_ERROR || code == CURLE_OPERATION_TIMEDOUT))
        return answered;
    if (code == CURLE_ABORTED_BY_CALLBACK ||
        (transfer->has_blocked_address && !transfer->has_opened_socket))
        return blocked;
    if (is_proxy_failure(transfer, code, &failure))
        return failure;
    if (code == CURLE_UNSUPPORTED_PROTOCOL && !is_connected)
        return invalid; /* else the answer is HTTP/0.9 */
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return explain_certificate(transfer);
    for (size_t i = 0; i < HK_COUNTOF(failures); i++) {
        if (failures[i].code == code)
            return failures[i];
    }
    return (struct failure){.kind = HK_OUTCOME_PROTOCOL,
                            .error = "the answer is not valid HTTP/1.1"};
}

/* Microseconds, or -1 when the phase was not reached: libcurl says 0. */
static int64_t read_time_us(CURL *easy, CURLINFO which)
{
    curl_off_t us = 0;

    (void)curl_easy_getinfo(easy, which, &us);
    return us > 0 ? (int64_t)us : -1;
}

/* 10 or 11; 0: no answer. */
static int read_http_version(CURL *easy)
{
    long version = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_1_0 ? 10 : version == CURL_HTTP_VERSION_1_1 ? 11 : 0;
}

/* Whom we connected to: not the proxy, which is none of a tenant's business. */
static void read_address(const struct transfer *transfer, char ret[HK_OUTCOME_ADDRESS_SIZE])
{
    const char *address = NULL;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &address);
    if (address != NULL && transfer->http->options.proxy_url[0] == '\0')
        (void)snprintf(ret, HK_OUTCOME_ADDRESS_SIZE, "%s", address);
}

struct hk_outcome transfer_outcome(const struct transfer *transfer, CURLcode code)
{
    const struct response *response = &transfer->response;
    CURL *easy = transfer->easy;
    struct hk_outcome outcome = {
        .retry_after_ms = -1,
        .dns_us = read_time_us(easy, CURLINFO_NAMELOOKUP_TIME_T),
        .connect_us = read_time_us(easy, CURLINFO_CONNECT_TIME_T),
        .tls_us = read_time_us(easy, CURLINFO_APPCONNECT_TIME_T),
        .first_byte_us = read_time_us(easy, CURLINFO_STARTTRANSFER_TIME_T),
        .duration_us = read_time_us(easy, CURLINFO_TOTAL_TIME_T),
        .n_sent = transfer->n_sent,
        .tls = transfer->tls,
        .response_headers = {response->head, response->n_head},
        .response_body = {response->body, response->n_body},
        .is_truncated = response->is_truncated || (code != CURLE_OK && response->has_whole_head),
    };
    struct failure failure;

    read_address(transfer, outcome.remote_address);
    failure = explain(transfer, code, outcome.connect_us >= 0 || transfer->n_sent > 0);
    outcome.kind = failure.kind;
    outcome.error = failure.error;
    if (response->has_whole_head) {
        outcome.status = (int)transfer_status(transfer);
        outcome.http_version = read_http_version(easy);
    }
    if (outcome.duration_us < 0)
        outcome.duration_us = 0;
    if (response->n_retry_after > 0)
        outcome.retry_after_ms =
            hk_retry_after_parse((struct hk_str){response->retry_after, response->n_retry_after},
                                 hk_wall_us() / 1000000);
    if (outcome.kind == HK_OUTCOME_BLOCKED_ADDRESS) { /* not a word on what is where */
        outcome.remote_address[0] = '\0';
        outcome.dns_us = outcome.connect_us = -1;
    }
    return outcome;
}

struct hk_outcome transfer_refusal(const struct transfer *transfer)
{
    return (struct hk_outcome){
        .kind = HK_OUTCOME_BLOCKED_ADDRESS,
        .error = transfer->fault,
        .retry_after_ms = -1,
        .dns_us = -1,
        .connect_us = -1,
        .tls_us = -1,
        .first_byte_us = -1,
    };
}
