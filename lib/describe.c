/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/describe.h"

#include <strings.h>
#include <time.h>

#include "hk/encode.h"
#include "hk/stored_secrets.h"

enum { MIN_MASKED_BYTES = 4, MAX_PAIR_BYTES = 2048 }; /* shorter ones are in everything */

#define MASK HK_STR("***")

bool hk_header_is_sensitive(struct hk_str name)
{
    struct hk_str ours = HK_STR("webhook-signature");

    return hk_header_is_sealed(name) &&
           !(name.n == ours.n && strncasecmp(name.p, ours.p, ours.n) == 0);
}

static bool is_secret(const struct hk_request *request, struct hk_str name)
{
    struct hk_str secret = request->secret_name;

    return hk_header_is_sensitive(name) ||
           (secret.n == name.n && secret.n > 0 && strncasecmp(name.p, secret.p, name.n) == 0);
}

/* Takes a header line apart. False for one that only keeps libcurl from sending its own. */
static bool read_line(const struct hk_request *request, const char *line, struct hk_str *ret_name,
                      struct hk_str *ret_shown)
{
    const char *colon = strchr(line, ':');

    if (colon == NULL || colon[1] == '\0')
        return false;
    *ret_name = (struct hk_str){line, (size_t)(colon - line)};
    *ret_shown = is_secret(request, *ret_name) ? MASK : hk_str(colon + 2);
    return true;
}

static void add_line(const struct hk_request *request, const char *line, struct hk_buf *ret)
{
    struct hk_str name, shown;

    if (!read_line(request, line, &name, &shown))
        return;
    hk_buf_add_str(ret, name);
    hk_buf_add_text(ret, ": ");
    hk_buf_add_str(ret, shown);
    hk_buf_add_text(ret, "\n");
}

void hk_describe_header_lines(const struct hk_request *request, struct hk_buf *ret)
{
    for (unsigned i = 0; i < request->n_headers; i++)
        add_line(request, request->headers[i], ret);
}

void hk_describe_own_header_lines(const struct hk_request *request, struct hk_buf *ret)
{
    static const char *const beginnings[] = {"webhook-id: ", "webhook-timestamp: "};

    for (unsigned i = 0; i < request->n_headers; i++) {
        const char *line = request->headers[i];
        bool is_known = strcmp(line, "content-type: application/json") == 0;

        for (size_t j = 0; j < HK_COUNTOF(beginnings); j++)
            is_known |= strncmp(line, beginnings[j], strlen(beginnings[j])) == 0;
        if (!is_known)
            add_line(request, line, ret);
    }
}

static void mask_text(char *text, size_t n, struct hk_str secret)
{
    char *found = text;

    if (secret.n < MIN_MASKED_BYTES)
        return;
    while ((found = memmem(found, n - (size_t)(found - text), secret.p, secret.n)) != NULL) {
        memset(found, '*', secret.n);
        found += secret.n;
    }
}

/* The password of HTTP Basic's "user:password", which `encoded` is. */
static void mask_password(char *text, size_t n, struct hk_str encoded)
{
    uint8_t pair[MAX_PAIR_BYTES];
    const uint8_t *colon;
    size_t n_pair;

    if (!hk_b64_decode(encoded, pair, sizeof(pair), &n_pair))
        return;
    colon = memchr(pair, ':', n_pair);
    if (colon != NULL)
        mask_text(text, n,
                  (struct hk_str){(const char *)colon + 1, n_pair - (size_t)(colon + 1 - pair)});
    explicit_bzero(pair, sizeof(pair));
}

/* All of a value, but for the name of an authentication scheme before it. */
static void mask_value(char *text, size_t n, struct hk_str value)
{
    const char *blank = memchr(value.p, ' ', value.n);
    size_t n_scheme = blank == NULL ? 0 : (size_t)(blank - value.p);
    struct hk_str rest = {value.p + n_scheme + 1, value.n - n_scheme - 1};

    if (n_scheme == 5 && strncasecmp(value.p, "basic", 5) == 0) {
        mask_text(text, n, rest);
        mask_password(text, n, rest);
    } else if (n_scheme == 6 && strncasecmp(value.p, "bearer", 6) == 0) {
        mask_text(text, n, rest);
    } else {
        mask_text(text, n, value);
    }
}

void hk_describe_mask(const struct hk_request *request, char *text, size_t n)
{
    for (unsigned i = 0; i < request->n_headers && n > 0; i++) {
        const char *line = request->headers[i];
        const char *colon = strchr(line, ':');

        if (colon != NULL && colon[1] != '\0' &&
            is_secret(request, (struct hk_str){line, (size_t)(colon - line)}))
            mask_value(text, n, hk_str(colon + 2));
    }
}

void hk_describe_request(const struct hk_request *request, struct hk_buf *ret)
{
    struct hk_str name, shown;
    const char *comma = "";

    hk_buf_printf(ret, "{\"method\":\"%s\",",
                  request->verb != NULL ? request->verb
                  : request->is_get     ? "GET"
                                        : "POST");
    hk_buf_add_json_member(ret, "url", hk_str(request->url));
    hk_buf_add_text(ret, ",\"headers\":{");
    for (unsigned i = 0; i < request->n_headers; i++) {
        if (!read_line(request, request->headers[i], &name, &shown))
            continue;
        hk_buf_add_text(ret, comma);
        hk_buf_add_json_string(ret, name);
        hk_buf_add_text(ret, ":");
        hk_buf_add_json_string(ret, shown);
        comma = ",";
    }
    hk_buf_add_text(ret, "},");
    hk_buf_add_json_member(ret, "body", request->body);
    hk_buf_add_text(ret, "}");
}

/* For a POSIX shell: between single quotes nothing means anything but the quote that ends them. */
static void add_quoted(struct hk_str s, struct hk_buf *ret)
{
    hk_buf_add_text(ret, "'");
    while (s.n > 0) {
        const char *quote = memchr(s.p, '\'', s.n);
        size_t n = quote == NULL ? s.n : (size_t)(quote - s.p);

        hk_buf_add_str(ret, (struct hk_str){s.p, n});
        if (quote != NULL)
            hk_buf_add_text(ret, "'\\''");
        n += quote != NULL;
        s.p += n;
        s.n -= n;
    }
    hk_buf_add_text(ret, "'");
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool has_control_byte(struct hk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_control((unsigned char)s.p[i]))
            return true;
    }
    return false;
}

/* What a terminal or a clipboard would change, CR and TAB above all, as printf's %b reads it. */
static void add_escaped(struct hk_str s, struct hk_buf *ret)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_control(c) || c == '\\' || c == '\'')
            hk_buf_printf(ret, "\\0%03o", c);
        else
            hk_buf_add_str(ret, (struct hk_str){s.p + i, 1});
    }
}

/* The body goes through a pipe, by a printf that is built into the shell: one argument of a program
 * has 128 KiB at most, and curl would read a file where an argument begins with '@'. */
static void add_body_pipe(struct hk_str body, struct hk_buf *ret)
{
    if (has_control_byte(body)) {
        hk_buf_add_text(ret, "printf '%b' '");
        add_escaped(body, ret);
        hk_buf_add_text(ret, "'");
    } else {
        hk_buf_add_text(ret, "printf '%s' ");
        add_quoted(body, ret);
    }
    hk_buf_add_text(ret, " |\n  ");
}

void hk_describe_curl(const struct hk_request *request, struct hk_buf *ret)
{
    add_body_pipe(request->body, ret);
    hk_buf_add_text(ret, "curl --include --http1.1 --globoff");
    for (unsigned i = 0; i < request->n_headers; i++) {
        struct hk_buf line HK_CLEANUP(hk_buf_done);

        hk_buf_init(&line, HK_REQUEST_TEXT_SIZE + 8);
        add_line(request, request->headers[i],
                 &line); /* with its end, or nothing: curl is told to send none */
        hk_buf_add_text(ret, " \\\n  --header ");
        add_quoted(line.n == 0 ? hk_str(request->headers[i]) : (struct hk_str){line.p, line.n - 1},
                   ret);
    }
    hk_buf_add_text(ret, " \\\n  --data-binary @- ");
    add_quoted(hk_str(request->url), ret);
}

void hk_describe_masked(const struct hk_request *request, struct hk_buf *ret)
{
    struct hk_str name, shown;
    const char *comma = "";

    hk_buf_add_text(ret, "[");
    for (unsigned i = 0; i < request->n_headers; i++) {
        if (!read_line(request, request->headers[i], &name, &shown) ||
            !hk_header_is_sensitive(name))
            continue;
        hk_buf_add_text(ret, comma);
        hk_buf_add_json_string(ret, name);
        comma = ",";
    }
    hk_buf_add_text(ret, "]");
}

static void add_member(struct hk_buf *buf, const char *name, const char *text)
{
    hk_buf_add_text(buf, ",");
    hk_buf_add_json_member(buf, name, text == NULL || text[0] == '\0' ? HK_STR_NULL : hk_str(text));
}

/* As PostgreSQL writes it; "" for no time. */
static void format_time(int64_t seconds, char ret[32])
{
    time_t time = (time_t)seconds;
    struct tm tm;

    ret[0] = '\0';
    if (seconds != 0 && gmtime_r(&time, &tm) != NULL)
        (void)strftime(ret, 32, "%Y-%m-%dT%H:%M:%S+00:00", &tm);
}

void hk_describe_connection(const struct hk_outcome *outcome, struct hk_buf *ret)
{
    const char *version = outcome->http_version == 10 ? "1.0" : "1.1";
    char expires_at[32];

    format_time(outcome->tls.certificate_expires_s, expires_at);
    add_member(ret, "remote_address", outcome->remote_address);
    hk_buf_printf(ret, ",\"requests_sent\":%u", outcome->n_sent);
    add_member(ret, "http_version", outcome->status == 0 ? NULL : version);
    add_member(ret, "tls_version", outcome->tls.version);
    add_member(ret, "tls_cipher", outcome->tls.cipher);
    add_member(ret, "certificate_expires_at", expires_at);
}
