/* SPDX-License-Identifier: Apache-2.0 */
#include "api/receivers/handshake.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "hk/json_scan.h"
#include "hk/url.h"

#define KEEP_BODY_BYTES 4096 /* a challenge is short */
#define MIN_PER_MINUTE  60   /* a rate limit is a number a second */
#define MAX_PER_MINUTE  60000

/* ---- requests ---- */

static void add_encoded(struct hk_buf *buf, const char *text)
{
    for (; *text != '\0'; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
            hk_buf_add(buf, text, 1);
        else
            hk_buf_printf(buf, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

static const char *build_challenge_get(struct handshake *handshake)
{
    struct hk_buf *target = &handshake->target;

    hk_buf_add_text(target, strchr(handshake->url, '?') == NULL ? "?" : "&");
    hk_buf_add_text(target, "hub.mode=subscribe&hub.topic=");
    add_encoded(target, handshake->topic);
    hk_buf_printf(target, "&hub.challenge=%s", handshake->challenge);
    return "GET";
}

static const char *build_cloudevents_options(struct handshake *handshake)
{
    hk_buf_printf(&handshake->lines, "webhook-request-origin: %s\n", handshake->origin);
    if (handshake->rate_per_minute > 0)
        hk_buf_printf(&handshake->lines, "webhook-request-rate: %u\n", handshake->rate_per_minute);
    return "OPTIONS";
}

static const char *build_echo_secret(struct handshake *handshake)
{
    hk_buf_printf(&handshake->lines, "content-type: application/json\nx-hook-secret: %s\n",
                  handshake->challenge);
    hk_buf_add_text(&handshake->body, "{}");
    return "POST";
}

static const char *build_url_verification(struct handshake *handshake)
{
    hk_buf_add_text(&handshake->lines, "content-type: application/json\n");
    hk_buf_printf(&handshake->body, "{\"type\":\"url_verification\",\"challenge\":\"%s\"}",
                  handshake->challenge);
    return "POST";
}

/* ---- answers: NULL, or why it is no consent ---- */

static const char *judge_challenge_get(const struct handshake *handshake,
                                       const struct hk_outcome *outcome, unsigned *ret_granted)
{
    (void)ret_granted;
    if (outcome->status < 200 || outcome->status > 299)
        return "refused";
    return hk_str_eq(outcome->response_body, hk_str(handshake->challenge))
               ? NULL
               : "The body of the answer is not the challenge.";
}

static const char *judge_rate(struct hk_str allowed, bool is_asked, unsigned *ret_granted)
{
    char text[16];
    char *end;
    long n;

    if (allowed.p == NULL)
        return is_asked ? "The answer has no WebHook-Allowed-Rate." : NULL;
    if (hk_str_eq(allowed, HK_STR("*")))
        return NULL;
    (void)snprintf(text, sizeof(text), "%.*s", (int)allowed.n, allowed.p);
    n = strtol(text, &end, 10);
    if (allowed.n == 0 || allowed.n >= sizeof(text) || !isdigit((unsigned char)text[0]) ||
        *end != '\0' || n < 1)
        return "The WebHook-Allowed-Rate of the answer is neither a number nor *.";
    if (n < MIN_PER_MINUTE)
        return "The WebHook-Allowed-Rate of the answer is less than 60, which is one a second.";
    *ret_granted = n > MAX_PER_MINUTE ? MAX_PER_MINUTE : (unsigned)n;
    return NULL;
}

/* The status is no consent, and no refusal either. */
static const char *judge_cloudevents_options(const struct handshake *handshake,
                                             const struct hk_outcome *outcome,
                                             unsigned *ret_granted)
{
    struct hk_str origin = hk_outcome_header(outcome, "webhook-allowed-origin");

    if (origin.p == NULL)
        return "The answer has no WebHook-Allowed-Origin.";
    if (!hk_str_eq(origin, HK_STR("*")) &&
        (origin.n != strlen(handshake->origin) ||
         strncasecmp(origin.p, handshake->origin, origin.n) != 0))
        return "The WebHook-Allowed-Origin of the answer is not ours.";
    return judge_rate(hk_outcome_header(outcome, "webhook-allowed-rate"),
                      handshake->rate_per_minute > 0, ret_granted);
}

static const char *judge_echo_secret(const struct handshake *handshake,
                                     const struct hk_outcome *outcome, unsigned *ret_granted)
{
    (void)ret_granted;
    if (outcome->status != 200 && outcome->status != 204)
        return "refused";
    return hk_str_eq(hk_outcome_header(outcome, "x-hook-secret"), hk_str(handshake->challenge))
               ? NULL
               : "The answer does not have the same X-Hook-Secret.";
}

static struct hk_str trim(struct hk_str s)
{
    while (s.n > 0 && isspace((unsigned char)s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

/* {"challenge": "..."} */
static bool has_challenge(struct hk_str body, const char *challenge)
{
    struct hk_json_span object, value;
    struct hk_json_cursor cursor;
    struct hk_str name;
    size_t at;

    if (!hk_json_scan(body, &object, &at) || object.kind != HK_JSON_OBJECT)
        return false;
    cursor = (struct hk_json_cursor){.bytes = object.bytes};
    while (hk_json_next(&cursor, &name, &value)) {
        if (hk_json_string_eq(name, "challenge") && value.kind == HK_JSON_STRING &&
            hk_json_string_eq(value.bytes, challenge))
            return true;
    }
    return false;
}

static const char *judge_url_verification(const struct handshake *handshake,
                                          const struct hk_outcome *outcome, unsigned *ret_granted)
{
    struct hk_str body = trim(outcome->response_body);

    (void)ret_granted;
    if (outcome->status < 200 || outcome->status > 299)
        return "refused";
    return hk_str_eq(body, hk_str(handshake->challenge)) ||
                   (body.n > 0 && has_challenge(body, handshake->challenge))
               ? NULL
               : "The body of the answer is not the challenge, as text or as {\"challenge\": ...}.";
}

/* ---- both ---- */

/* build: fills target, lines and body; returns the method. */
static const struct {
    const char *name;
    const char *(*build)(struct handshake *handshake);
    const char *(*judge)(const struct handshake *handshake, const struct hk_outcome *outcome,
                         unsigned *ret_granted);
} kinds[HANDSHAKE_COUNT] = {
    [HANDSHAKE_CHALLENGE_GET] = {"challenge_get", build_challenge_get, judge_challenge_get},
    [HANDSHAKE_CLOUDEVENTS_OPTIONS] = {"cloudevents_options", build_cloudevents_options,
                                       judge_cloudevents_options},
    [HANDSHAKE_ECHO_SECRET] = {"echo_secret", build_echo_secret, judge_echo_secret},
    [HANDSHAKE_URL_VERIFICATION] = {"url_verification", build_url_verification,
                                    judge_url_verification},
};

bool handshake_kind_from_name(struct hk_str name, enum handshake_kind *ret)
{
    for (size_t i = 0; i < HK_COUNTOF(kinds); i++) {
        if (hk_str_eq(name, hk_str(kinds[i].name))) {
            *ret = (enum handshake_kind)i;
            return true;
        }
    }
    return false;
}

struct hk_str handshake_origin(const char *setting, const char *issuer)
{
    const char *host = strstr(issuer, "://");

    if (setting[0] != '\0')
        return hk_str(setting);
    host = host == NULL ? issuer : host + strlen("://");
    return (struct hk_str){host, strcspn(host, ":/?#")};
}

bool handshake_build(struct handshake *handshake, struct hk_request *ret, const char **reterr)
{
    struct hk_request_plain plain = {.timeout_ms = HANDSHAKE_TIMEOUT_MS,
                                     .keep_body_bytes = KEEP_BODY_BYTES};

    hk_buf_init(&handshake->target, (size_t)2 * HK_URL_MAX_BYTES);
    hk_buf_init(&handshake->lines, HK_REQUEST_TEXT_SIZE);
    hk_buf_init(&handshake->body, HK_REQUEST_TEXT_SIZE);
    hk_buf_add_text(&handshake->target, handshake->url);
    plain.method = kinds[handshake->kind].build(handshake);
    hk_buf_add(&handshake->target, "", 1); /* a C string */
    if (handshake->target.is_full || handshake->lines.is_full) {
        *reterr = "The URL is too long with the challenge.";
        return false;
    }
    plain.url = handshake->target.p;
    plain.headers = hk_buf_str(&handshake->lines);
    plain.body = hk_buf_str(&handshake->body);
    return hk_request_build_plain(&plain, ret, reterr);
}

void handshake_done(struct handshake *handshake)
{
    hk_buf_done(&handshake->target);
    hk_buf_done(&handshake->lines);
    hk_buf_done(&handshake->body);
}

/* As coarse as an attempt's outcome: no more than that is told of what is where. */
static const char *const silences[HK_OUTCOME_COUNT] = {
    [HK_OUTCOME_TIMEOUT] = "There was no answer in time.",
    [HK_OUTCOME_DNS] = "The name of the URL has no address.",
    [HK_OUTCOME_CONNECT] = "There was no connection.",
    [HK_OUTCOME_TLS] = "There was no trusted TLS connection.",
    [HK_OUTCOME_RESET] = "The connection was closed before the answer was complete.",
    [HK_OUTCOME_BLOCKED_ADDRESS] = "The address of the URL may not be called.",
    [HK_OUTCOME_PROTOCOL] = "The answer is not valid HTTP/1.1.",
    [HK_OUTCOME_REQUEST_INVALID] = "The URL cannot be called.",
    [HK_OUTCOME_PROXY] = "The proxy made no connection.",
    [HK_OUTCOME_CREDENTIALS] = "There was no access token to ask with.",
};

bool handshake_judge(const struct handshake *handshake, const struct hk_outcome *outcome,
                     unsigned *ret_granted, char ret_words[HANDSHAKE_WORDS_SIZE])
{
    unsigned granted = 0;
    const char *fault = outcome->kind != HK_OUTCOME_ANSWERED
                            ? silences[outcome->kind]
                            : kinds[handshake->kind].judge(handshake, outcome, &granted);

    if (fault == NULL) {
        *ret_granted = granted;
        return true;
    }
    if (strcmp(fault, "refused") == 0)
        (void)snprintf(ret_words, HANDSHAKE_WORDS_SIZE, "The answer has the status %d.",
                       outcome->status);
    else
        (void)snprintf(ret_words, HANDSHAKE_WORDS_SIZE, "%s", fault);
    return false;
}
