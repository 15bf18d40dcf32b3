/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the head, line by line, ending at the same blank line at which h2o ended: h2o takes
 * a bare LF for a line end, and here the first bare LF refuses the request, so that the two cannot
 * disagree about where the head ends. Names are compared without case (h2o lower-cases them in
 * place, a test may not). Chunk framing is not seen here: h2o has decoded it already.
 */
#include "api/http/gate.h"

#include <strings.h>

/* What the lines have told so far. */
struct head {
    bool is_http_1_1;
    unsigned n_headers;
    unsigned n_hosts;
    unsigned n_lengths;
    unsigned n_encodings;
};

static enum hk_code refuse(struct hk_error *reterr, const char *why)
{
    return hk_fail(reterr, HK_BAD_REQUEST, "", "%s", why);
}

/* What a byte may be part of; of bytes above '~' nothing but a header's value. */
enum {
    TOKEN = 1u << 0, /* methods, names of headers: RFC 9110, 5.6.2 */
    TARGET = 1u << 1,
    HOST = 1u << 2,
    VALUE = 1u << 3,
    HEX = 1u << 4,
    DIGIT = 1u << 5,
    ANYWHERE = TOKEN | TARGET | HOST | VALUE,
    UNQUOTED = TARGET | HOST | VALUE,
};

/* clang-format off */
static const uint8_t classes[256] = {
    ['\t'] = VALUE, [' '] = VALUE, ['!'] = ANYWHERE, ['"'] = UNQUOTED, ['#'] = TOKEN | VALUE,
    ['$' ... '\''] = ANYWHERE, ['(' ... ')'] = UNQUOTED, ['*' ... '+'] = ANYWHERE,
    [','] = TARGET | VALUE, ['-' ... '.'] = ANYWHERE, ['/'] = TARGET | VALUE,
    ['0' ... '9'] = ANYWHERE | HEX | DIGIT, [':' ... '>'] = UNQUOTED, ['?' ... '@'] = TARGET | VALUE,
    ['A' ... 'F'] = ANYWHERE | HEX, ['G' ... 'Z'] = ANYWHERE, ['['] = UNQUOTED, ['\\'] = VALUE,
    [']'] = UNQUOTED, ['^' ... '`'] = ANYWHERE, ['a' ... 'f'] = ANYWHERE | HEX,
    ['g' ... 'z'] = ANYWHERE, ['{'] = UNQUOTED, ['|'] = ANYWHERE, ['}'] = UNQUOTED,
    ['~'] = ANYWHERE, [0x80 ... 0xff] = VALUE,
};
/* clang-format on */

static bool is(char c, unsigned class)
{
    return (classes[(uint8_t)c] & class) != 0;
}

/* Whether `s` has bytes of that class only. */
static bool has_only(struct hk_str s, unsigned class)
{
    size_t i = 0;

    while (i < s.n && is(s.p[i], class))
        i++;
    return i == s.n;
}

static bool is_token(struct hk_str s)
{
    return s.n > 0 && has_only(s, TOKEN);
}

/* Splits `s` at the first `c`; false when there is none. */
static bool split(struct hk_str s, char c, struct hk_str *ret_before, struct hk_str *ret_behind)
{
    const char *found = memchr(s.p, c, s.n);

    if (found == NULL)
        return false;
    *ret_before = (struct hk_str){s.p, (size_t)(found - s.p)};
    *ret_behind = (struct hk_str){found + 1, s.n - ret_before->n - 1};
    return true;
}

static bool eq_without_case(struct hk_str a, struct hk_str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static enum hk_code check_percent(struct hk_str at, bool is_in_path, struct hk_error *reterr)
{
    if (at.n < 3 || !is(at.p[1], HEX) || !is(at.p[2], HEX))
        return refuse(reterr, "The request target has a percent sign without two hex digits.");
    if (memcmp(at.p, "%00", 3) == 0 || strncasecmp(at.p, "%0a", 3) == 0 ||
        strncasecmp(at.p, "%0d", 3) == 0)
        return refuse(reterr, "The request target has an encoded NUL, CR or LF.");
    /* A query's values may hold a slash, and most clients encode it; no path is split there. */
    if (is_in_path && strncasecmp(at.p, "%2f", 3) == 0)
        return refuse(reterr, "The path has an encoded slash.");

    return HK_OK;
}

static enum hk_code check_target(struct hk_str target, struct hk_error *reterr)
{
    bool is_in_path = true;
    enum hk_code code;

    if (target.n > GATE_MAX_TARGET_BYTES)
        return hk_fail(reterr, HK_URI_TOO_LONG, "", "The request target is longer than %d bytes.",
                       GATE_MAX_TARGET_BYTES);
    if (target.n == 0 || target.p[0] != '/')
        return refuse(reterr, "The request target must be a path that begins with a slash.");

    for (size_t i = 0; i < target.n; i++) {
        char c = target.p[i];

        if (!is(c, TARGET))
            return refuse(reterr, "The request target has a byte that must be percent-encoded.");
        if (c == '?')
            is_in_path = false;
        if (c != '%')
            continue;
        code = check_percent((struct hk_str){target.p + i, target.n - i}, is_in_path, reterr);
        if (code != HK_OK)
            return code;
    }
    return HK_OK;
}

static enum hk_code check_request_line(struct hk_str line, struct head *head,
                                       struct hk_error *reterr)
{
    struct hk_str method;
    struct hk_str target;
    struct hk_str version;
    struct hk_str rest;

    if (!split(line, ' ', &method, &rest) || !split(rest, ' ', &target, &version) ||
        !is_token(method))
        return refuse(reterr, "The request line must be a method, a target and a version.");

    head->is_http_1_1 = hk_str_eq(version, HK_STR("HTTP/1.1"));
    if (!head->is_http_1_1 && !hk_str_eq(version, HK_STR("HTTP/1.0")))
        return refuse(reterr, "The version must be HTTP/1.0 or HTTP/1.1.");

    return check_target(target, reterr);
}

static enum hk_code check_host(struct hk_str value, struct hk_error *reterr)
{
    if (value.n == 0)
        return refuse(reterr, "The Host header is empty.");
    return has_only(value, HOST)
               ? HK_OK
               : refuse(reterr, "The Host header is not a host name with or without a port.");
}

static enum hk_code check_content_length(struct hk_str value, struct hk_error *reterr)
{
    return value.n > 0 && has_only(value, DIGIT)
               ? HK_OK
               : refuse(reterr, "Content-Length must be a number.");
}

/* The headers that decide where a request ends and whom it is for: each at most once. */
static enum hk_code check_framing(struct hk_str name, struct hk_str value, struct head *head,
                                  struct hk_error *reterr)
{
    if (eq_without_case(name, HK_STR("host"))) {
        if (++head->n_hosts > 1)
            return refuse(reterr, "There is more than one Host header.");
        return check_host(value, reterr);
    }
    if (eq_without_case(name, HK_STR("content-length"))) {
        if (++head->n_lengths > 1)
            return refuse(reterr, "There is more than one Content-Length header.");
        return check_content_length(value, reterr);
    }
    if (eq_without_case(name, HK_STR("transfer-encoding"))) {
        if (++head->n_encodings > 1)
            return refuse(reterr, "There is more than one Transfer-Encoding header.");
        if (!eq_without_case(value, HK_STR("chunked")))
            return refuse(reterr, "The only Transfer-Encoding that is understood is chunked.");
    }
    return HK_OK;
}

static enum hk_code check_header_line(struct hk_str line, struct head *head,
                                      struct hk_error *reterr)
{
    struct hk_str name;
    struct hk_str value;

    if (line.p[0] == ' ' || line.p[0] == '\t')
        return refuse(reterr, "A header is folded over more than one line.");
    if (!split(line, ':', &name, &value) || !is_token(name))
        return refuse(reterr, "A header line must be a name, a colon and a value.");

    if (!has_only(value, VALUE))
        return refuse(reterr, "A header value has a control character.");
    if (++head->n_headers > GATE_MAX_HEADERS)
        return hk_fail(reterr, HK_HEADERS_TOO_LARGE, "", "There are more than %d headers.",
                       GATE_MAX_HEADERS);

    return check_framing(name, hk_str_trim(value), head, reterr);
}

/* What only the whole head can tell. */
static enum hk_code check_whole(const struct head *head, struct hk_error *reterr)
{
    if (head->is_http_1_1 && head->n_hosts == 0)
        return refuse(reterr, "There is no Host header.");
    if (head->n_encodings > 0 && head->n_lengths > 0)
        return refuse(reterr, "Content-Length and Transfer-Encoding exclude each other.");
    if (head->n_encodings > 0 && !head->is_http_1_1)
        return refuse(reterr, "HTTP/1.0 has no Transfer-Encoding.");

    return HK_OK;
}

/* Takes the next line, without its CRLF, off `rest`, which ends where a head must have ended. */
static enum hk_code take_line(struct hk_str *rest, bool is_cut, struct hk_str *ret,
                              struct hk_error *reterr)
{
    struct hk_str line;
    struct hk_str behind;

    if (rest->n == 0 || !split(*rest, '\n', &line, &behind))
        return is_cut ? hk_fail(reterr, HK_HEADERS_TOO_LARGE, "",
                                "The head is larger than %d bytes.", GATE_MAX_HEAD_BYTES)
                      : refuse(reterr, "The head has no end.");
    if (line.n == 0 || line.p[line.n - 1] != '\r')
        return refuse(reterr, "A line of the head ends with LF instead of CR LF.");

    *ret = (struct hk_str){line.p, line.n - 1};
    *rest = behind;
    return HK_OK;
}

enum hk_code gate_check(struct hk_str raw, bool *ret_is_chunked, struct hk_error *reterr)
{
    bool is_cut = raw.n > GATE_MAX_HEAD_BYTES;
    struct hk_str rest = {raw.p, is_cut ? GATE_MAX_HEAD_BYTES : raw.n};
    struct head head = {.n_headers = 0};
    struct hk_str line = HK_STR("");
    enum hk_code code;

    /* RFC 9112, 2.2: one empty line before a request is no fault; old clients end bodies with it.
     */
    code = take_line(&rest, is_cut, &line, reterr);
    if (code == HK_OK && line.n == 0)
        code = take_line(&rest, is_cut, &line, reterr);
    if (code == HK_HEADERS_TOO_LARGE) /* the first line is */
        return hk_fail(reterr, HK_URI_TOO_LONG, "", "The request target is longer than %d bytes.",
                       GATE_MAX_TARGET_BYTES);
    if (code == HK_OK)
        code = check_request_line(line, &head, reterr);

    while (code == HK_OK) {
        code = take_line(&rest, is_cut, &line, reterr);
        if (code == HK_OK && line.n == 0) {
            if (ret_is_chunked != NULL)
                *ret_is_chunked = head.n_encodings > 0;
            return check_whole(&head, reterr);
        }
        if (code == HK_OK)
            code = check_header_line(line, &head, reterr);
    }
    return code;
}
