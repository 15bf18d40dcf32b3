/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions of providers. What is echoed is short, of few characters, and never HTML.
 *
 * X asks for an HMAC of what it sends, by the key that signs its deliveries: whoever calls the URL
 * can have such a signature. So only what looks like its tokens is signed, and a delivery that
 * looks like one is not taken, whatever its signature.
 */
#include <string.h>

#include "hk/encode.h"
#include "hk/form.h"
#include "hk/json_scan.h"
#include "inbound_preset.h"
#include "text_class.h"

enum { MAX_CHALLENGE = 512, MAX_CRC_TOKEN = 128, MAX_ORIGIN = 253, MAX_RATE_DIGITS = 9 };

typedef enum hk_inbound_handshake handshake_fn(const struct hk_inbound_credential *credential,
                                               const struct hk_inbound_secrets *secrets,
                                               const struct hk_inbound_request *request,
                                               int64_t now_s, struct hk_inbound_answer *ret);

static bool is_method(const struct hk_inbound_request *request, const char *method)
{
    return hk_str_eq(request->method, hk_str(method));
}

static bool is_number(struct hk_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    }
    return text.n > 0;
}

bool inbound_is_crc_token(struct hk_str text)
{
    return text.n > 0 && text.n <= MAX_CRC_TOKEN && text_is_made_of(text, "+/-_=");
}

static void answer(struct hk_inbound_answer *ret, const char *content_type, const char *before,
                   struct hk_str text, const char *behind)
{
    struct hk_str parts[] = {hk_str(before), text, hk_str(behind)};

    *ret = (struct hk_inbound_answer){.status = 200, .content_type = content_type};
    for (size_t i = 0; i < HK_COUNTOF(parts); i++) {
        if (parts[i].n == 0)
            continue;
        memcpy(ret->body + ret->n_body, parts[i].p, parts[i].n);
        ret->n_body += parts[i].n;
    }
}

/* The words are looked for before the signature is made, and the JSON is read behind it. */
static enum hk_inbound_handshake answer_slack(const struct hk_inbound_credential *credential,
                                              const struct hk_inbound_secrets *secrets,
                                              const struct hk_inbound_request *request,
                                              int64_t now_s, struct hk_inbound_answer *ret)
{
    static const char word[] = "url_verification";
    struct hk_str type, challenge;
    struct hk_inbound_id id;

    if (request->body.n == 0 ||
        memmem(request->body.p, request->body.n, word, sizeof(word) - 1) == NULL)
        return HK_INBOUND_NO_HANDSHAKE;
    if (hk_inbound_verify(credential, secrets, request, now_s, &id) != HK_INBOUND_OK)
        return HK_INBOUND_REFUSED;
    type = inbound_body_member(request->body, "type");
    challenge = inbound_body_member(request->body, "challenge");
    if (!hk_str_eq(type, HK_STR("\"url_verification\"")) || challenge.n < 2 ||
        challenge.n > MAX_CHALLENGE || challenge.p[0] != '"')
        return HK_INBOUND_NO_HANDSHAKE;
    answer(ret, "application/json", "{\"challenge\":", challenge, "}");
    return HK_INBOUND_ANSWERED;
}

static enum hk_inbound_handshake answer_meta(const struct hk_inbound_credential *credential,
                                             const struct hk_inbound_secrets *secrets,
                                             const struct hk_inbound_request *request,
                                             int64_t now_s, struct hk_inbound_answer *ret)
{
    char mode[16], challenge[MAX_CHALLENGE + 1], token[256];
    uint8_t given[HK_SHA256_SIZE], wanted[HK_SHA256_SIZE];

    (void)secrets;
    (void)now_s;
    if (!is_method(request, "GET"))
        return HK_INBOUND_NO_HANDSHAKE;
    if (hk_form_value(request->query, "hub.mode", mode, sizeof(mode)) != HK_FORM_FOUND ||
        strcmp(mode, "subscribe") != 0 ||
        hk_form_value(request->query, "hub.challenge", challenge, sizeof(challenge)) !=
            HK_FORM_FOUND ||
        hk_form_value(request->query, "hub.verify_token", token, sizeof(token)) != HK_FORM_FOUND)
        return HK_INBOUND_REFUSED;
    hk_sha256(token, strlen(token), given);
    hk_sha256(credential->verify_token.p, credential->verify_token.n, wanted);
    if (!hk_equal_secretly(given, wanted, sizeof(given)) || challenge[0] == '\0' ||
        !text_is_made_of(hk_str(challenge), "+/-_=."))
        return HK_INBOUND_REFUSED;
    answer(ret, "text/plain", "", hk_str(challenge), "");
    return HK_INBOUND_ANSWERED;
}

/* By the newest secret. */
static enum hk_inbound_handshake answer_x(const struct hk_inbound_credential *credential,
                                          const struct hk_inbound_secrets *secrets,
                                          const struct hk_inbound_request *request, int64_t now_s,
                                          struct hk_inbound_answer *ret)
{
    char token[MAX_CRC_TOKEN + 1], encoded[HK_B64_SIZE(HK_MAC_MAX_BYTES)];
    uint8_t mac[HK_MAC_MAX_BYTES];
    struct hk_str text;
    size_t n;

    (void)now_s;
    if (!is_method(request, "GET"))
        return HK_INBOUND_NO_HANDSHAKE;
    if (hk_form_value(request->query, "crc_token", token, sizeof(token)) != HK_FORM_FOUND ||
        !inbound_is_crc_token(hk_str(token)) || secrets->n == 0)
        return HK_INBOUND_REFUSED;
    text = hk_str(token);
    n = hk_mac(credential->hash, secrets->live[0], &text, 1, mac);
    n = hk_b64_encode(mac, n, encoded);
    answer(ret, "application/json", "{\"response_token\":\"sha256=", (struct hk_str){encoded, n},
           "\"}");
    return HK_INBOUND_ANSWERED;
}

/* It carries no proof, and gives nothing but that events may be sent, which need one. */
static enum hk_inbound_handshake answer_cloudevents(const struct hk_inbound_credential *credential,
                                                    const struct hk_inbound_secrets *secrets,
                                                    const struct hk_inbound_request *request,
                                                    int64_t now_s, struct hk_inbound_answer *ret)
{
    bool is_twice;
    struct hk_str origin = inbound_header(request, HK_STR("WebHook-Request-Origin"), &is_twice);
    struct hk_str rate = inbound_header(request, HK_STR("WebHook-Request-Rate"), &is_twice);

    (void)credential;
    (void)secrets;
    (void)now_s;
    if (!is_method(request, "OPTIONS") || origin.p == NULL)
        return HK_INBOUND_NO_HANDSHAKE;
    if (origin.n == 0 || origin.n > MAX_ORIGIN || !text_is_made_of(origin, ".-:"))
        return HK_INBOUND_REFUSED;
    *ret = (struct hk_inbound_answer){.status = 200, .allowed_origin = origin};
    ret->allowed_rate = HK_STR("*");
    if (rate.n <= MAX_RATE_DIGITS && is_number(rate))
        ret->allowed_rate = rate;
    return HK_INBOUND_ANSWERED;
}

enum hk_inbound_handshake hk_inbound_handshake(const struct hk_inbound_credential *credential,
                                               const struct hk_inbound_secrets *secrets,
                                               const struct hk_inbound_request *request,
                                               int64_t now_s, struct hk_inbound_answer *ret)
{
    static handshake_fn *const functions[] = {
        [INBOUND_HANDSHAKE_SLACK] = answer_slack,
        [INBOUND_HANDSHAKE_META] = answer_meta,
        [INBOUND_HANDSHAKE_X] = answer_x,
        [INBOUND_HANDSHAKE_CLOUDEVENTS] = answer_cloudevents,
    };
    handshake_fn *function = functions[credential->preset->handshake];

    return function == NULL ? HK_INBOUND_NO_HANDSHAKE
                            : function(credential, secrets, request, now_s, ret);
}
