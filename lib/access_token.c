/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/access_token.h"

#include <stdio.h>
#include <strings.h>

#include "hk/json_member.h"

enum { USUAL_LIFETIME_S = 300, MAX_LIFETIME_S = 86400, MAX_CLIENT_BYTES = 1024 };

/* application/x-www-form-urlencoded */
static void add_encoded(struct hk_buf *buf, struct hk_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || (c != 0 && strchr("-._*", c) != NULL);

        if (c == ' ')
            hk_buf_add_text(buf, "+");
        else if (is_plain)
            hk_buf_add(buf, &text.p[i], 1);
        else
            hk_buf_printf(buf, "%%%02X", c);
    }
}

bool hk_token_request_build(const struct hk_token_parts *parts, struct hk_buf *body,
                            struct hk_request *ret, const char **reterr)
{
    struct hk_buf id HK_CLEANUP(hk_buf_done), secret HK_CLEANUP(hk_buf_done);
    bool is_built;

    hk_buf_init(&id, MAX_CLIENT_BYTES);
    hk_buf_init(&secret, MAX_CLIENT_BYTES);
    add_encoded(&id, parts->client_id);
    add_encoded(&secret, parts->client_secret);
    hk_buf_clear(body);
    hk_buf_add_text(body, "grant_type=client_credentials");
    if (parts->scope.n > 0) {
        hk_buf_add_text(body, "&scope=");
        add_encoded(body, parts->scope);
    }
    *reterr = "the client's credentials are too long";
    is_built = !id.is_full && !secret.is_full && !body->is_full &&
               hk_request_build_form(parts->url, hk_buf_str(&id), hk_buf_str(&secret),
                                     hk_buf_str(body), parts->timeout_ms, ret, reterr);
    if (secret.n > 0)
        explicit_bzero(secret.p, secret.n);
    return is_built;
}

/* clang-format off */
static const char *const failures[HK_OUTCOME_COUNT] = {
    [HK_OUTCOME_TIMEOUT] =         "the token endpoint did not answer in time",
    [HK_OUTCOME_DNS] =             "the token endpoint's name has no address",
    [HK_OUTCOME_CONNECT] =         "the token endpoint cannot be connected",
    [HK_OUTCOME_TLS] =             "the token endpoint cannot be connected by TLS",
    [HK_OUTCOME_RESET] =           "the token endpoint closed the connection without an answer",
    [HK_OUTCOME_BLOCKED_ADDRESS] = "the token endpoint may not be called",
    [HK_OUTCOME_PROTOCOL] =        "the token endpoint does not speak HTTP/1.1",
    [HK_OUTCOME_REQUEST_INVALID] = "the token endpoint's URL is not valid",
    [HK_OUTCOME_PROXY] =           "the proxy did not connect the token endpoint",
    [HK_OUTCOME_CREDENTIALS] =     "the token endpoint takes a token itself",
};
/* clang-format on */

/* The bytes between the quotes; .p is NULL for what is no string, or has escapes. */
static struct hk_str plain_string(struct hk_str value)
{
    if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"' ||
        memchr(value.p, '\\', value.n) != NULL)
        return HK_STR_NULL;
    return (struct hk_str){value.p + 1, value.n - 2};
}

/* What can stand in a header field; RFC 6750 allows less. */
static bool is_token(struct hk_str text)
{
    if (text.n == 0 || text.n > HK_ACCESS_TOKEN_MAX_BYTES)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    }
    return true;
}

/* A number, or a string of one, as some endpoints have it. */
static int64_t read_lifetime(struct hk_str value)
{
    struct hk_str inner = plain_string(value);
    int64_t lifetime_s = 0;

    if (inner.p != NULL)
        value = inner;
    if (value.n == 0)
        return USUAL_LIFETIME_S;
    for (size_t i = 0; i < value.n && lifetime_s < MAX_LIFETIME_S; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return i == 0 ? USUAL_LIFETIME_S : lifetime_s;
        lifetime_s = lifetime_s * 10 + (value.p[i] - '0');
    }
    return lifetime_s < MAX_LIFETIME_S ? lifetime_s : MAX_LIFETIME_S;
}

const char *hk_access_token_read(const struct hk_outcome *outcome, struct hk_access_token *ret)
{
    struct hk_str body = outcome->response_body, token, type;

    if (outcome->kind != HK_OUTCOME_ANSWERED)
        return failures[outcome->kind];
    if (outcome->status == 400 || outcome->status == 401 || outcome->status == 403)
        return "the token endpoint refused the client";
    if (outcome->status != 200)
        return "the token endpoint answered with another status than 200";
    if (outcome->is_truncated || body.n == 0)
        return "the token endpoint's answer is too long, or empty";
    token = plain_string(hk_json_member(body, HK_STR("access_token")));
    type = plain_string(hk_json_member(body, HK_STR("token_type")));
    if (token.p == NULL || !is_token(token))
        return "the token endpoint's answer has no token";
    if (type.p != NULL && (type.n != 6 || strncasecmp(type.p, "bearer", 6) != 0))
        return "the token endpoint's token is no bearer token";
    memcpy(ret->text, token.p, token.n);
    ret->text[token.n] = '\0';
    ret->n = token.n;
    ret->lifetime_s = read_lifetime(hk_json_member(body, HK_STR("expires_in")));
    return NULL;
}
