/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - builds header lines one after the other in request.text. An overflow or a bad byte is
 * remembered and asked for once, at the end.
 */
#include "hk/request.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "hk/encode.h"
#include "hk/sign.h"
#include "hk/traceparent.h"
#include "hk/url.h"

#define MAX_CREDENTIALS 2048
#define MAC_BYTES       32

struct writer {
    struct hk_request *request;
    size_t line_start;
    bool is_full;
    bool is_bad;
};

static void put(struct writer *w, struct hk_str s)
{
    if (w->request->n_text + s.n >= sizeof(w->request->text)) {
        w->is_full = true;
        return;
    }
    memcpy(w->request->text + w->request->n_text, s.p, s.n);
    w->request->n_text += s.n;
}

/* libcurl sends what it is given: a line break here would be another header field there. */
static bool has_control_byte(struct hk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static void begin_line(struct writer *w, struct hk_str name_and_colon)
{
    w->line_start = w->request->n_text;
    put(w, name_and_colon);
}

static void end_line(struct writer *w)
{
    struct hk_request *request = w->request;
    struct hk_str line = {request->text + w->line_start, request->n_text - w->line_start};

    if (has_control_byte(line))
        w->is_bad = true;
    if (request->n_headers == HK_REQUEST_MAX_HEADERS) {
        w->is_full = true;
        return;
    }
    request->headers[request->n_headers++] = line.p;
    if (request->n_text < sizeof(request->text))
        request->text[request->n_text++] = '\0';
}

static void add_line(struct writer *w, struct hk_str line)
{
    begin_line(w, line);
    end_line(w);
}

static struct hk_str first_word(struct hk_str words)
{
    const char *blank = words.n == 0 ? NULL : memchr(words.p, ' ', words.n);

    return (struct hk_str){words.p, blank == NULL ? words.n : (size_t)(blank - words.p)};
}

/* The newest that sender and receiver share; "" when there is none. */
static struct hk_str newest_shared(struct hk_str secrets)
{
    while (secrets.n > 0) {
        struct hk_str secret = first_word(secrets);
        size_t n_used = secret.n < secrets.n ? secret.n + 1 : secrets.n;

        if (secret.n > 0 && hk_secret_is_shared(secret))
            return secret;
        secrets.p += n_used;
        secrets.n -= n_used;
    }
    return HK_STR("");
}

/* One header field has room for one signature: the newest secret's. */
static unsigned add_hmac(struct writer *w, const struct hk_request_parts *parts)
{
    struct hk_str secret = newest_shared(parts->secrets);
    uint8_t mac[MAC_BYTES];
    char text[HK_B64_SIZE(MAC_BYTES) + MAC_BYTES]; /* either */

    if (secret.n == 0)
        return 0;
    hk_sign_body(secret, parts->body, mac);
    if (parts->signature == HK_SIGNATURE_HMAC_HEX)
        hk_hex_encode(mac, sizeof(mac), text);
    else
        (void)hk_b64_encode(mac, sizeof(mac), text);
    begin_line(w, HK_STR("X-Delivery-Hmac-SHA256: "));
    put(w, hk_str(text));
    end_line(w);
    return 1;
}

/* One signature per live secret, so that a receiver may rotate in its own time. */
static unsigned add_signatures(struct writer *w, const struct hk_request_parts *parts)
{
    struct hk_str rest = parts->secrets;
    unsigned n_signatures = 0;

    if (parts->signature != HK_SIGNATURE_STANDARD)
        return add_hmac(w, parts);

    begin_line(w, HK_STR("webhook-signature: "));
    while (rest.n > 0) {
        struct hk_str secret = first_word(rest);
        char signature[HK_SIGNATURE_TEXT_SIZE];
        size_t n_used = secret.n < rest.n ? secret.n + 1 : rest.n;

        if (hk_sign(secret, parts->message_id, parts->timestamp_s, parts->body, signature)) {
            if (n_signatures++ > 0)
                put(w, HK_STR(" "));
            put(w, hk_str(signature));
        }
        rest.p += n_used;
        rest.n -= n_used;
    }
    end_line(w);
    return n_signatures;
}

/* RFC 7617, UTF-8. */
static void add_basic(struct writer *w, const struct hk_request_parts *parts)
{
    char plain[MAX_CREDENTIALS];
    char encoded[HK_B64_SIZE(MAX_CREDENTIALS)];
    size_t n = parts->username.n + 1 + parts->password.n;

    if (n > sizeof(plain)) {
        w->is_full = true;
        return;
    }
    memcpy(plain, parts->username.p, parts->username.n);
    plain[parts->username.n] = ':';
    if (parts->password.n > 0)
        memcpy(plain + parts->username.n + 1, parts->password.p, parts->password.n);
    begin_line(w, HK_STR("authorization: Basic "));
    put(w, (struct hk_str){encoded, hk_b64_encode(plain, n, encoded)});
    end_line(w);
    explicit_bzero(plain, sizeof(plain));
    explicit_bzero(encoded, sizeof(encoded));
}

/* Each attempt is a span of its own, whose parent is the producer's. */
static void add_traceparent(struct writer *w, const struct hk_request_parts *parts)
{
    char span[17];

    if (!hk_traceparent_is_valid(parts->traceparent))
        return;
    (void)snprintf(span, sizeof(span), "%016llx", (unsigned long long)parts->span_id);
    begin_line(w, HK_STR("traceparent: "));
    put(w, (struct hk_str){parts->traceparent.p, 36});
    put(w, (struct hk_str){span, 16});
    put(w, (struct hk_str){parts->traceparent.p + 52, 3});
    end_line(w);
}

/* A receiver can tell what is new from what it gets late, or again. */
static void add_origin(struct writer *w, struct hk_str origin)
{
    begin_line(w, HK_STR("webhook-origin: "));
    put(w, origin);
    end_line(w);
}

static void add_bearer(struct writer *w, const struct hk_request_parts *parts)
{
    begin_line(w, HK_STR("authorization: Bearer "));
    put(w, parts->bearer_token);
    end_line(w);
}

/* Takes a line, without its end, off the front of `lines`. */
static struct hk_str next_line(struct hk_str *lines)
{
    const char *end = memchr(lines->p, '\n', lines->n);
    struct hk_str line = {lines->p, end == NULL ? lines->n : (size_t)(end - lines->p)};
    size_t n_used = end == NULL ? line.n : line.n + 1;

    lines->p += n_used;
    lines->n -= n_used;
    return line;
}

static void add_envelope_headers(struct writer *w, struct hk_str lines)
{
    if (lines.n == 0)
        add_line(w, HK_STR("content-type: application/json"));
    while (lines.n > 0)
        add_line(w, next_line(&lines));
}

/* Whether one of the request's lines, which are our own so far, has that name. */
static bool has_header(const struct hk_request *request, struct hk_str name)
{
    for (unsigned i = 0; i < request->n_headers; i++) {
        if (strncasecmp(request->headers[i], name.p, name.n) == 0 &&
            request->headers[i][name.n] == ':')
            return true;
    }
    return false;
}

/* They were checked when they were set; what must not go out does not, even so. */
static void add_custom_headers(struct writer *w, struct hk_str lines)
{
    while (lines.n > 0) {
        struct hk_str line = next_line(&lines);
        const char *colon = memchr(line.p, ':', line.n);
        struct hk_str name = {line.p, colon == NULL ? 0 : (size_t)(colon - line.p)};

        if (name.n > 0 && !hk_request_is_reserved(name) && !has_header(w->request, name))
            add_line(w, line);
    }
}

static bool is_url(const char *url)
{
    struct hk_str s = hk_str(url);

    return s.n > 0 && s.n <= HK_URL_MAX_BYTES && !has_control_byte(s) &&
           memchr(s.p, ' ', s.n) == NULL && memchr(s.p, '\t', s.n) == NULL;
}

static void begin_request(struct hk_request *request, const char *url, unsigned timeout_ms)
{
    request->egress = (struct hk_egress){.allows_http = false};
    request->url = url;
    request->body = HK_STR_NULL;
    request->is_get = false;
    request->verb = NULL;
    request->secret_name = HK_STR_NULL;
    request->timeout_ms = timeout_ms;
    request->keep_body_bytes = 0;
    request->n_headers = 0;
    request->n_text = 0;
}

bool hk_request_build(const struct hk_request_parts *parts, struct hk_request *ret,
                      const char **reterr)
{
    struct writer w = {.request = ret};
    unsigned n_signatures;
    char timestamp[24];

    if (!is_url(parts->url)) {
        *reterr = "the URL is not valid";
        return false;
    }
    begin_request(ret, parts->url, parts->timeout_ms);
    ret->body = parts->body;
    (void)snprintf(timestamp, sizeof(timestamp), "%lld", (long long)parts->timestamp_s);

    add_envelope_headers(&w, parts->envelope_headers);
    add_line(&w, HK_STR("user-agent: Hookline/" HOOKLINE_VERSION));
    add_line(&w, HK_STR("accept:")); /* none: libcurl would say that it takes anything */
    add_line(&w,
             HK_STR("expect:")); /* none: it would wait 1 s for "100 Continue" with a long body */
    begin_line(&w, HK_STR("webhook-id: "));
    put(&w, parts->message_id);
    end_line(&w);
    begin_line(&w, HK_STR("webhook-timestamp: "));
    put(&w, hk_str(timestamp));
    end_line(&w);
    if (parts->origin.p != NULL)
        add_origin(&w, parts->origin);
    n_signatures = add_signatures(&w, parts);
    if (parts->username.p != NULL)
        add_basic(&w, parts);
    else if (parts->bearer_token.p != NULL)
        add_bearer(&w, parts);
    if (parts->traceparent.p != NULL)
        add_traceparent(&w, parts);
    add_custom_headers(&w, parts->headers);

    if (n_signatures == 0)
        *reterr = "there is no valid signing secret";
    else if (w.is_bad)
        *reterr = "a header field has a control byte";
    else if (w.is_full)
        *reterr = "the header section is too long";
    else
        return true;
    return false;
}

bool hk_signature_kind_from_name(struct hk_str name, enum hk_signature_kind *ret)
{
    static const struct {
        const char *name;
        enum hk_signature_kind kind;
    } rows[] = {
        {"standard", HK_SIGNATURE_STANDARD},     /* as each secret does: these three say which */
        {"standard_v1a", HK_SIGNATURE_STANDARD}, /* secrets a subscription begins with */
        {"standard_both", HK_SIGNATURE_STANDARD},  {"hmac_hex", HK_SIGNATURE_HMAC_HEX},
        {"hmac_base64", HK_SIGNATURE_HMAC_BASE64},
    };

    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        if (hk_str_eq(name, hk_str(rows[i].name))) {
            *ret = rows[i].kind;
            return true;
        }
    }
    return false;
}

bool hk_request_is_reserved(struct hk_str name)
{
    /* clang-format off */
    static const char *const names[] = {
        "age", "cache-control", "clear-site-data", "connection", "content-encoding", "content-language",
        "content-length", "content-location", "content-type", "cookie", "date", "expect", "expires", "forwarded",
        "host", "keep-alive", "pragma", "te", "trailer", "trailers", "transfer-encoding", "upgrade", "user-agent",
        "traceparent", "tracestate", "via", "warning",
    };
    static const char *const prefixes[] = {
        "ce-", "hookline-", "proxy-", "webhook-", "x-amz-", "x-amzn-", "x-azure-", "x-delivery-hmac-", "x-fd-",
        "x-forwarded-", "x-gfe", "x-goog-", "x-google", "x-hookline-",
    };
    /* clang-format on */

    for (size_t i = 0; i < HK_COUNTOF(names); i++) {
        if (strlen(names[i]) == name.n && strncasecmp(names[i], name.p, name.n) == 0)
            return true;
    }
    for (size_t i = 0; i < HK_COUNTOF(prefixes); i++) {
        if (strlen(prefixes[i]) <= name.n &&
            strncasecmp(prefixes[i], name.p, strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

bool hk_request_build_get(const char *url, const char *accept, unsigned timeout_ms,
                          size_t keep_body_bytes, struct hk_request *ret, const char **reterr)
{
    struct writer w = {.request = ret};

    if (!is_url(url)) {
        *reterr = "the URL is not valid";
        return false;
    }
    begin_request(ret, url, timeout_ms);
    ret->is_get = true;
    ret->keep_body_bytes = keep_body_bytes;
    add_line(&w, HK_STR("user-agent: Hookline/" HOOKLINE_VERSION));
    begin_line(&w, HK_STR("accept: "));
    put(&w, hk_str(accept));
    end_line(&w);
    assert(!w.is_full && !w.is_bad);
    return true;
}

/* What is neither GET nor POST is one of them under another name. */
static void set_method(struct hk_request *request, const struct hk_request_plain *plain)
{
    bool is_post = strcmp(plain->method, "POST") == 0;

    request->is_get = !is_post && plain->body.n == 0;
    request->body = plain->body;
    if (!is_post && !(request->is_get && strcmp(plain->method, "GET") == 0))
        request->verb = plain->method;
}

static void add_credentials(struct writer *w, const struct hk_request_plain *plain)
{
    struct hk_request_parts parts = {
        .username = plain->username,
        .password = plain->password,
        .bearer_token = plain->bearer_token,
        .traceparent = plain->traceparent,
        .span_id = plain->span_id,
    };

    if (plain->username.p != NULL)
        add_basic(w, &parts);
    else if (plain->bearer_token.p != NULL)
        add_bearer(w, &parts);
    if (plain->secret_name.p != NULL) {
        begin_line(w, plain->secret_name);
        put(w, HK_STR(": "));
        put(w, plain->secret_value);
        end_line(w);
    }
    if (plain->traceparent.p != NULL)
        add_traceparent(w, &parts);
}

/* Whether one of the lines has that name. */
static bool have_header(struct hk_str lines, struct hk_str name)
{
    while (lines.n > 0) {
        struct hk_str line = next_line(&lines);

        if (line.n > name.n && line.p[name.n] == ':' && strncasecmp(line.p, name.p, name.n) == 0)
            return true;
    }
    return false;
}

bool hk_request_build_plain(const struct hk_request_plain *plain, struct hk_request *ret,
                            const char **reterr)
{
    struct writer w = {.request = ret};

    if (!is_url(plain->url)) {
        *reterr = "the URL is not valid";
        return false;
    }
    begin_request(ret, plain->url, plain->timeout_ms);
    set_method(ret, plain);
    ret->keep_body_bytes = plain->keep_body_bytes;
    ret->secret_name = plain->secret_name;
    if (!have_header(plain->headers, HK_STR("user-agent")))
        add_line(&w, HK_STR("user-agent: Hookline/" HOOKLINE_VERSION));
    if (!have_header(plain->headers, HK_STR("accept")))
        add_line(&w, HK_STR("accept: */*"));
    add_line(&w, HK_STR("expect:"));
    for (struct hk_str lines = plain->headers; lines.n > 0;)
        add_line(&w, next_line(&lines));
    add_credentials(&w, plain);
    if (w.is_full || w.is_bad)
        *reterr = "a header field is not valid";
    return !w.is_full && !w.is_bad;
}

bool hk_request_build_form(const char *url, struct hk_str username, struct hk_str password,
                           struct hk_str body, unsigned timeout_ms, struct hk_request *ret,
                           const char **reterr)
{
    struct hk_request_parts parts = {.username = username, .password = password};
    struct writer w = {.request = ret};

    if (!is_url(url)) {
        *reterr = "the URL is not valid";
        return false;
    }
    begin_request(ret, url, timeout_ms);
    ret->body = body;
    add_line(&w, HK_STR("content-type: application/x-www-form-urlencoded"));
    add_line(&w, HK_STR("user-agent: Hookline/" HOOKLINE_VERSION));
    add_line(&w, HK_STR("accept: application/json"));
    add_basic(&w, &parts);
    if (w.is_full || w.is_bad)
        *reterr = "the header section is too long";
    return !w.is_full && !w.is_bad;
}
