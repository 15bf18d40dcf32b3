/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering is one pass over the template: what is no string is copied, and a string that has
 * placeholders is put together in one buffer for all of them.
 */
#include "template_placeholder.h"

#include <stdio.h>

#include "hk/url.h"
#include "hk/utf8.h"

enum { MAX_HEADER_BYTES = 4096 };

/* One rendering. */
struct rendering {
    const struct hk_template_scope *scope;
    size_t n_read;         /* bytes that paths have walked over, when the scope does not say */
    struct hk_buf decoded; /* the string of the template */
    struct hk_buf text;    /* what it becomes */
    const char *fault;     /* static words; NULL: none */
};

static bool fail(struct rendering *r, const char *fault)
{
    r->fault = fault;
    return false;
}

static void begin(struct rendering *r, const struct hk_template_scope *scope, size_t max)
{
    *r = (struct rendering){.scope = scope};
    hk_buf_init(&r->decoded, HK_TEMPLATE_MAX_BYTES);
    hk_buf_init(&r->text, max);
}

static bool end(struct rendering *r, const struct hk_buf *buf, const char **reterr)
{
    hk_buf_done(&r->decoded);
    if (r->fault == NULL && (buf->is_full || r->text.is_full))
        r->fault = "it becomes too large";
    hk_buf_done(&r->text);
    if (r->fault != NULL)
        *reterr = r->fault;
    return r->fault == NULL;
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* The member, or the element; false when there is none. */
static bool take_step(struct rendering *r, const struct template_step *step,
                      struct hk_json_span *value)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span found;
    struct hk_str name;
    size_t i = 0, *n_read = r->scope->n_read != NULL ? r->scope->n_read : &r->n_read;
    bool is_found = false;

    if (value->kind != (step->name == NULL ? HK_JSON_ARRAY : HK_JSON_OBJECT))
        return step->name == NULL && step->index == 0; /* lax: an array of itself */
    while (!is_found && hk_json_next(&cursor, &name, &found))
        is_found = step->name == NULL ? i++ == step->index : hk_json_string_eq(name, step->name);
    *n_read += cursor.at;
    if (*n_read > HK_TEMPLATE_MAX_READ_BYTES)
        return fail(r, "its paths walk over too much of the value");
    if (is_found)
        *value = found;
    return is_found;
}

/* Where the placeholder leads; false: to nothing. */
static bool find(struct rendering *r, const struct template_placeholder *placeholder,
                 struct hk_json_span *ret)
{
    static const struct template_step first = {NULL, 0};
    const struct hk_str roots[] = {
        [TEMPLATE_VALUE] = r->scope->value,
        [TEMPLATE_REQUEST] = r->scope->request,
        [TEMPLATE_STEPS] = r->scope->steps,
        [TEMPLATE_FLOW] = r->scope->flow,
    };

    if (placeholder->root == TEMPLATE_LITERAL) {
        *ret = placeholder->literal;
        return true;
    }
    if (roots[placeholder->root].n == 0)
        return false;
    *ret = hk_json_of(roots[placeholder->root]);
    for (unsigned i = 0; i < placeholder->n_steps; i++) {
        const struct template_step *step = &placeholder->steps[i];

        if (step->name != NULL && ret->kind == HK_JSON_ARRAY && !take_step(r, &first, ret))
            return false;
        if (!take_step(r, step, ret))
            return false;
    }
    return true;
}

/* The value, or the default; false when there is neither, and when the rendering has failed. */
static bool evaluate(struct rendering *r, const struct template_placeholder *placeholder,
                     struct hk_json_span *ret)
{
    bool is_there = find(r, placeholder, ret);

    if (r->fault != NULL)
        return false;
    if ((!is_there || ret->kind == HK_JSON_NULL) && placeholder->otherwise.bytes.p != NULL) {
        *ret = placeholder->otherwise;
        is_there = true;
    }
    return is_there && ret->kind != HK_JSON_NULL;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Appends a string's text, or a value's JSON. */
static void add_decoded(struct rendering *r, const struct hk_json_span *value, struct hk_buf *buf)
{
    size_t n_before = buf->n, n;

    hk_buf_add_str(buf, value->bytes); /* the text has room where the quoted string is */
    if (buf->is_full || value->kind != HK_JSON_STRING)
        return;
    n = hk_json_string_decode(value->bytes, buf->p + n_before);
    if (n == SIZE_MAX) {
        (void)fail(r, "a text has no U+0000");
        n = 0;
    }
    buf->n = n_before + n;
    buf->p[buf->n] = '\0';
}

/* Keeps `max` characters of what is behind `from`. */
static void cut_text(struct hk_buf *buf, size_t from, size_t max)
{
    for (size_t i = from; i < buf->n; i++) {
        if (((unsigned char)buf->p[i] & 0xc0) == 0x80)
            continue;
        if (max-- == 0) {
            buf->n = i;
            buf->p[i] = '\0';
            return;
        }
    }
}

static void add_text(struct rendering *r, const struct hk_json_span *value, size_t max_chars,
                     struct hk_buf *buf)
{
    size_t n_before = buf->n;

    add_decoded(r, value, buf);
    if (!buf->is_full && max_chars != SIZE_MAX)
        cut_text(buf, n_before, max_chars);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A string that is one placeholder: the value itself. */
static void add_value(struct rendering *r, const struct template_placeholder *placeholder,
                      struct hk_buf *buf)
{
    struct hk_json_span value;

    if (!evaluate(r, placeholder, &value)) {
        hk_buf_add_text(buf, "null");
    } else if (placeholder->max_chars == SIZE_MAX) {
        hk_buf_add_str(buf, value.bytes);
    } else {
        add_text(r, &value, placeholder->max_chars, &r->text);
        hk_buf_add_json_string(buf, hk_buf_str(&r->text));
    }
}

/* A string of the template, decoded. */
static bool add_string(struct rendering *r, struct hk_str text, struct hk_buf *buf)
{
    struct template_placeholder placeholder;
    struct hk_json_span value;
    struct hk_str plain, rest = text;
    const char *fault;
    bool is_alone = true;

    hk_buf_clear(&r->text);
    while (r->fault == NULL && template_next(&rest, &plain, &placeholder, &fault)) {
        if (is_alone && plain.p == NULL && rest.n == 0) {
            add_value(r, &placeholder, buf);
            return r->fault == NULL;
        }
        is_alone = false;
        if (plain.p != NULL)
            hk_buf_add_str(&r->text, plain);
        else if (evaluate(r, &placeholder, &value))
            add_text(r, &value, placeholder.max_chars, &r->text);
    }
    hk_buf_add_json_string(buf, hk_buf_str(&r->text));
    return r->fault == NULL && !r->text.is_full;
}

/* Behind the string that begins at `at`. */
static size_t skip_string(struct hk_str json, size_t at)
{
    for (at++; at < json.n && json.p[at] != '"'; at++)
        at += json.p[at] == '\\';
    return at + 1;
}

static bool is_name(struct hk_str json, size_t at)
{
    while (at < json.n && strchr(" \t\r\n", json.p[at]) != NULL)
        at++;
    return at < json.n && json.p[at] == ':';
}

/*
 * The next string of the JSON that is a value: it stands from `*at` to `*ret_end`. False: there is
 * none any more.
 */
static bool find_string(struct hk_str json, size_t *at, size_t *ret_end)
{
    while (*at < json.n) {
        const char *quote = memchr(json.p + *at, '"', json.n - *at);

        if (quote == NULL)
            return false;
        *at = (size_t)(quote - json.p);
        *ret_end = skip_string(json, *at);
        if (!is_name(json, *ret_end))
            return true;
        *at = *ret_end;
    }
    return false;
}

/* What a string says, when that holds a placeholder, else .p NULL. False: it has a U+0000. */
static bool decode(struct hk_str quoted, struct hk_buf *decoded, struct hk_str *ret)
{
    struct hk_str inside = {quoted.p + 1, quoted.n - 2};
    size_t n;

    *ret = HK_STR_NULL;
    if (inside.n < 2)
        return true;
    if (memchr(inside.p, '\\', inside.n) != NULL) {
        hk_buf_clear(decoded);
        hk_buf_add_str(decoded, quoted);
        n = decoded->is_full ? SIZE_MAX : hk_json_string_decode(quoted, decoded->p);
        if (n == SIZE_MAX)
            return false;
        inside = (struct hk_str){decoded->p, n};
    }
    if (memmem(inside.p, inside.n, "{{", 2) != NULL)
        *ret = inside;
    return true;
}

bool hk_template_render(struct hk_str json, const struct hk_template_scope *scope,
                        struct hk_buf *buf, const char **reterr)
{
    size_t n_before = buf->n, done = 0, at = 0, behind = 0;
    struct hk_json_span span;
    struct rendering r;

    begin(&r, scope, buf->max);
    while (find_string(json, &at, &behind)) {
        struct hk_str text;

        if (decode((struct hk_str){json.p + at, behind - at}, &r.decoded, &text) &&
            text.p != NULL) {
            hk_buf_add(buf, json.p + done, at - done);
            done = behind;
            if (!add_string(&r, text, buf))
                break;
        }
        at = behind;
    }
    if (r.fault == NULL && done < json.n)
        hk_buf_add(buf, json.p + done, json.n - done);
    if (r.fault == NULL && !buf->is_full && !r.text.is_full &&
        !hk_json_scan((struct hk_str){buf->p + n_before, buf->n - n_before}, &span, &at))
        r.fault = "it becomes too deep";
    return end(&r, buf, reterr);
}

/* ---- other texts ----------------------------------------------------------------------------- */

static void add_encoded(struct hk_buf *buf, struct hk_str text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                        (c != '\0' && strchr("-._~", c) != NULL);

        hk_buf_add(buf,
                   is_plain ? (char[]){(char)c} : (char[]){'%', digits[c >> 4], digits[c & 15]},
                   is_plain ? 1 : 3);
    }
}

/* Each use: how values are written, and what they must be. */
static const struct use {
    bool is_encoded, is_strict;
} uses[] = {
    [HK_TEMPLATE_PLAIN] = {false, false}, [HK_TEMPLATE_URL] = {true, true},
    [HK_TEMPLATE_HEADER] = {false, true}, [HK_TEMPLATE_FORM] = {true, false},
    [HK_TEMPLATE_KEY] = {false, true},
};

static bool add_piece(struct rendering *r, const struct template_placeholder *placeholder,
                      const struct use *use, struct hk_buf *buf)
{
    struct hk_json_span value;
    bool is_there = evaluate(r, placeholder, &value);

    if (r->fault != NULL)
        return false;
    if (is_there && use->is_strict && (value.kind == HK_JSON_OBJECT || value.kind == HK_JSON_ARRAY))
        return fail(r, "a placeholder leads to an object or an array, which is no text");
    hk_buf_clear(&r->text);
    if (is_there)
        add_text(r, &value, placeholder->max_chars, &r->text);
    if (r->fault != NULL)
        return false;
    if (use->is_strict && r->text.n == 0)
        return fail(r, "a placeholder leads to nothing, and has no default");
    if (use->is_encoded)
        add_encoded(buf, hk_buf_str(&r->text));
    else
        hk_buf_add_str(buf, hk_buf_str(&r->text));
    return true;
}

/* Whether a segment of the URL's path is "." or "..": the receiver may take it for a way up. */
static bool has_dots(struct hk_str url)
{
    size_t start = 0;

    for (size_t i = 0; i <= url.n; i++) {
        bool is_end = i == url.n || url.p[i] == '?' || url.p[i] == '#';

        if (!is_end && url.p[i] != '/')
            continue;
        if ((i - start == 1 || i - start == 2) && memcmp(url.p + start, "..", i - start) == 0)
            return true;
        if (is_end)
            break;
        start = i + 1;
    }
    return false;
}

static const char *find_fault(struct hk_str text, enum hk_template_use use)
{
    if (use == HK_TEMPLATE_URL)
        return text.n > HK_URL_MAX_BYTES ? "the URL is too long"
               : has_dots(text)          ? "the URL's path leads up"
                                         : NULL;
    if (use == HK_TEMPLATE_KEY && memchr(text.p, '\0', text.n) != NULL)
        return "a name or key has no NUL";
    if (use != HK_TEMPLATE_HEADER)
        return NULL;
    if (text.n > MAX_HEADER_BYTES)
        return "the header field is too long";
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return "a header field has no control characters";
    }
    return NULL;
}

bool hk_template_render_text(struct hk_str text, enum hk_template_use use,
                             const struct hk_template_scope *scope, struct hk_buf *buf,
                             const char **reterr)
{
    struct template_placeholder placeholder;
    struct hk_str plain, rest = text;
    size_t n_before = buf->n;
    struct rendering r;
    const char *fault;

    begin(&r, scope, buf->max);
    while (r.fault == NULL && template_next(&rest, &plain, &placeholder, &fault)) {
        if (plain.p != NULL)
            hk_buf_add_str(buf, plain);
        else
            (void)add_piece(&r, &placeholder, &uses[use], buf);
    }
    if (r.fault == NULL && !buf->is_full && buf->n > n_before)
        r.fault = find_fault((struct hk_str){buf->p + n_before, buf->n - n_before}, use);
    return end(&r, buf, reterr);
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* The fault, and the beginning of the placeholder that has it. */
static enum hk_code refuse(struct hk_str at, const char *fault, const char *pointer,
                           struct hk_error *reterr)
{
    char excerpt[49];
    size_t n = 0;

    while (n < at.n && n < sizeof(excerpt) - 1 && (n < 2 || memcmp(at.p + n - 2, "}}", 2) != 0))
        n++;
    memcpy(excerpt, at.p, n);
    excerpt[n] = '\0';
    hk_utf8_scrub(excerpt, n);
    return hk_fail(reterr, HK_INVALID_BODY, pointer, "\"%s\": %s", excerpt, fault);
}

static enum hk_code check_pieces(struct hk_str text, unsigned *n_placeholders, const char *pointer,
                                 struct hk_error *reterr)
{
    struct template_placeholder placeholder;
    struct hk_str plain, rest = text;
    const char *fault;

    while (template_next(&rest, &plain, &placeholder, &fault)) {
        if (plain.p == NULL && ++*n_placeholders > HK_TEMPLATE_MAX_PLACEHOLDERS)
            return hk_fail(reterr, HK_INVALID_BODY, pointer, "must have at most %d placeholders",
                           HK_TEMPLATE_MAX_PLACEHOLDERS);
    }
    return fault == NULL ? HK_OK : refuse(rest, fault, pointer, reterr);
}

enum hk_code hk_template_check_text(struct hk_str text, const char *pointer,
                                    struct hk_error *reterr)
{
    unsigned n_placeholders = 0;

    if (text.n > HK_TEMPLATE_MAX_BYTES)
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "must have at most %d bytes",
                       HK_TEMPLATE_MAX_BYTES);
    return check_pieces(text, &n_placeholders, pointer, reterr);
}

enum hk_code hk_template_check(struct hk_str json, const char *pointer, struct hk_error *reterr)
{
    struct hk_buf decoded HK_CLEANUP(hk_buf_done);
    size_t at = 0, behind = 0;
    unsigned n_placeholders = 0;
    struct hk_json_span span;
    enum hk_code code = HK_OK;

    hk_buf_init(&decoded, HK_TEMPLATE_MAX_BYTES);
    if (json.n > HK_TEMPLATE_MAX_BYTES)
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "must have at most %d bytes",
                       HK_TEMPLATE_MAX_BYTES);
    if (!hk_json_scan(json, &span, &at))
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "is not JSON at byte offset %zu", at);
    for (at = 0; code == HK_OK && find_string(json, &at, &behind); at = behind) {
        struct hk_str text, quoted = {json.p + at, behind - at};

        if (!decode(quoted, &decoded, &text))
            code = refuse(quoted, "a text of a template has no U+0000", pointer, reterr);
        else if (text.p != NULL)
            code = check_pieces(text, &n_placeholders, pointer, reterr);
    }
    return code;
}
