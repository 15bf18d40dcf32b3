/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and the check of requests, for any bytes: lines of the credential, the secret, the
 * method and the query, then header fields up to an empty line, then the body. What is taken is
 * taken again as it was written; a verdict is the same each time; a right one with a signature is
 * not right for another body.
 */
#include "hk/buf.h"
#include "hk/inbound_credential.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_HEADERS = 16 };

#define NOW_S INT64_C(1614265330)

static struct hk_str take_line(struct hk_str *rest)
{
    const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);
    struct hk_str line = {rest->p, end == NULL ? rest->n : (size_t)(end - rest->p)};
    size_t n_taken = line.n + (end != NULL);

    *rest = (struct hk_str){rest->p + n_taken, rest->n - n_taken};
    return line;
}

static size_t take_headers(struct hk_str *rest, struct hk_inbound_header *ret)
{
    size_t n = 0;

    for (;;) {
        struct hk_str line = take_line(rest);
        const char *colon = line.n == 0 ? NULL : memchr(line.p, ':', line.n);

        if (line.n == 0)
            return n;
        if (colon == NULL || n == MAX_HEADERS)
            continue;
        ret[n].name = (struct hk_str){line.p, (size_t)(colon - line.p)};
        ret[n++].value = (struct hk_str){colon + 1, (size_t)(line.p + line.n - colon - 1)};
    }
}

/* What is written is read again, and is all that there was. */
static void must_come_back(const struct hk_inbound_credential *credential)
{
    struct hk_buf once HK_CLEANUP(hk_buf_done), twice HK_CLEANUP(hk_buf_done);
    struct hk_inbound_credential again;

    hk_buf_init(&once, (size_t)4 * HK_INBOUND_MAX_JSON_BYTES);
    hk_buf_init(&twice, (size_t)4 * HK_INBOUND_MAX_JSON_BYTES);
    hk_inbound_credential_write(credential, &once);
    FUZZ_MUST(hk_inbound_credential_parse(hk_buf_str(&once), "", &again, NULL) == HK_OK);
    FUZZ_MUST(again.secret.p == NULL && again.scheme == credential->scheme);
    hk_inbound_credential_write(&again, &twice);
    FUZZ_MUST(hk_str_eq(hk_buf_str(&once), hk_buf_str(&twice)));
    hk_inbound_credential_done(&again);
}

/* With the first byte of its body changed. */
static void must_be_of_this_body(const struct hk_inbound_credential *credential,
                                 const struct hk_inbound_secrets *secrets,
                                 struct hk_inbound_request request)
{
    char *body = malloc(request.body.n);
    struct hk_inbound_id id;

    FUZZ_MUST(body != NULL);
    memcpy(body, request.body.p, request.body.n);
    body[0] ^= 1;
    request.body.p = body;
    FUZZ_MUST(hk_inbound_verify(credential, secrets, &request, NOW_S, &id) != HK_INBOUND_OK);
    free(body);
}

static void verify(const struct hk_inbound_credential *credential,
                   const struct hk_inbound_secrets *secrets,
                   const struct hk_inbound_request *request)
{
    struct hk_inbound_answer answer;
    struct hk_inbound_id id, again;
    enum hk_inbound_verdict verdict = hk_inbound_verify(credential, secrets, request, NOW_S, &id);

    FUZZ_MUST(hk_inbound_verify(credential, secrets, request, NOW_S, &again) == verdict);
    if (verdict == HK_INBOUND_OK) {
        FUZZ_MUST(id.n == again.n && id.n < HK_INBOUND_ID_SIZE);
        for (size_t i = 0; i < id.n; i++)
            FUZZ_MUST(id.text[i] > ' ' && id.text[i] <= '~');
        if (request->body.n > 0 &&
            (credential->scheme == HK_INBOUND_HMAC || credential->scheme == HK_INBOUND_STANDARD))
            must_be_of_this_body(credential, secrets, *request);
    }
    if (hk_inbound_handshake(credential, secrets, request, NOW_S, &answer) == HK_INBOUND_ANSWERED) {
        FUZZ_MUST(answer.n_body <= HK_INBOUND_ANSWER_SIZE && answer.status == 200);
        FUZZ_MUST(answer.n_body == 0 || memchr(answer.body, '<', answer.n_body) == NULL ||
                  strcmp(answer.content_type, "application/json") == 0);
        FUZZ_MUST(answer.allowed_origin.p == NULL ||
                  memchr(answer.allowed_origin.p, '\r', answer.allowed_origin.n) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str rest = {(const char *)data, size};
    struct hk_str json = take_line(&rest);
    struct hk_inbound_secrets secrets = {.n = 1};
    struct hk_inbound_header headers[MAX_HEADERS];
    struct hk_inbound_request request = {.url = HK_STR("https://mycompany.com/myapp.php?foo=1")};
    struct hk_inbound_credential credential;
    struct hk_error error = {.code = HK_OK};
    enum hk_code code = hk_inbound_credential_parse(json, "/credential", &credential, &error);

    FUZZ_MUST(code == HK_OK || code == HK_INVALID_BODY);
    FUZZ_MUST((error.detail[0] == '\0') == (code == HK_OK));
    if (code != HK_OK)
        return 0;
    must_come_back(&credential);
    secrets.live[0] = take_line(&rest);
    if (hk_inbound_secret_fault(&credential, secrets.live[0]) == NULL)
        FUZZ_MUST(secrets.live[0].n > 0);
    request.method = take_line(&rest);
    request.query = take_line(&rest);
    request.n_headers = take_headers(&rest, headers);
    request.headers = headers;
    request.body = rest;
    verify(&credential, &secrets, &request);
    hk_inbound_credential_done(&credential);
    return 0;
}
