/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a body is read, by its type. What is made is scanned once more at the end. */
#include "hk/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "document_members.h"
#include "hk/form.h"
#include "hk/json_scan.h"
#include "hk/media_type.h"
#include "hk/utf8.h"

void *document_allocate(size_t n)
{
    void *p = malloc(n == 0 ? 1 : n);

    if (p == NULL) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

/* ---- header fields --------------------------------------------------------------------------- */

/* Takes what is before the next ';' outside of quotes. */
static struct hk_str take_item(struct hk_str *rest)
{
    struct hk_str item = *rest;
    bool is_quoted = false;
    size_t i;

    for (i = 0; i < rest->n && (is_quoted || rest->p[i] != ';'); i++) {
        if (rest->p[i] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && rest->p[i] == '\\')
            i++;
    }
    i = i < rest->n ? i : rest->n;
    item.n = i;
    i += i < rest->n;
    *rest = (struct hk_str){rest->p + i, rest->n - i};
    return hk_str_trim(item);
}

/* A backslash is one but before '"' and itself: some senders write paths of Windows. */
static struct hk_str unquote(struct hk_str value, char *text)
{
    size_t n = 0;

    if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
        return value;
    for (size_t i = 1; i + 1 < value.n; i++) {
        bool is_escape = value.p[i] == '\\' && i + 2 < value.n &&
                         (value.p[i + 1] == '"' || value.p[i + 1] == '\\');

        i += is_escape;
        text[n++] = value.p[i];
    }
    return (struct hk_str){text, n};
}

bool document_parameter(struct hk_str header, const char *name, char *text, struct hk_str *ret)
{
    size_t name_n = strlen(name);
    bool is_found = false;

    (void)take_item(&header); /* the type */
    while (header.n > 0) {
        struct hk_str item = take_item(&header);

        if (item.n <= name_n || item.p[name_n] != '=' || strncasecmp(item.p, name, name_n) != 0)
            continue;
        if (is_found)
            return false;
        is_found = true;
        *ret = unquote((struct hk_str){item.p + name_n + 1, item.n - name_n - 1}, text);
    }
    return is_found;
}

/* Whether the type, without its parameters, ends so: "+json". */
static bool ends_with(struct hk_str content_type, struct hk_str suffix)
{
    struct hk_str type = take_item(&content_type);

    return type.n > suffix.n && strncasecmp(type.p + type.n - suffix.n, suffix.p, suffix.n) == 0;
}

static bool begins_with(struct hk_str content_type, struct hk_str prefix)
{
    content_type = hk_str_trim(content_type);
    return content_type.n > prefix.n && strncasecmp(content_type.p, prefix.p, prefix.n) == 0;
}

/* ---- members --------------------------------------------------------------------------------- */

static void write_value(const struct document_member *member, struct hk_buf *buf)
{
    if (!member->is_file) {
        hk_buf_add_json_string(buf, member->value);
        return;
    }
    hk_buf_add_text(buf, "{");
    hk_buf_add_json_member(buf, "filename", member->filename);
    hk_buf_add_text(buf, ",");
    hk_buf_add_json_member(buf, "content_type", member->content_type);
    hk_buf_printf(buf, ",\"size\":%zu,\"offset\":%zu}", member->value.n, member->offset);
}

void document_write_members(struct document_member *members, size_t n, struct hk_buf *buf)
{
    hk_buf_add_text(buf, "{");
    for (size_t i = 0; i < n && !buf->is_full; i++) {
        size_t n_same = 0;

        if (members[i].is_written)
            continue;
        for (size_t j = i; j < n; j++)
            n_same += hk_str_eq(members[j].name, members[i].name);
        if (i > 0)
            hk_buf_add_text(buf, ",");
        hk_buf_add_json_string(buf, members[i].name);
        hk_buf_add_text(buf, n_same > 1 ? ":[" : ":");
        write_value(&members[i], buf);
        for (size_t j = i + 1; j < n && n_same > 1; j++) {
            if (!hk_str_eq(members[j].name, members[i].name))
                continue;
            hk_buf_add_text(buf, ",");
            write_value(&members[j], buf);
            members[j].is_written = true;
        }
        if (n_same > 1)
            hk_buf_add_text(buf, "]");
    }
    hk_buf_add_text(buf, "}");
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static const char *from_json(struct hk_str body, struct hk_buf *buf)
{
    struct hk_json_span span;
    size_t at;

    if (!hk_json_scan(body, &span, &at))
        return "the body is not well-formed JSON, or deeper than 64 levels";
    hk_buf_add_str(buf, span.bytes);
    return NULL;
}

static const char *from_form(struct hk_str form, struct hk_buf *buf)
{
    struct hk_form_pair *pairs = document_allocate(HK_DOCUMENT_MAX_PAIRS * sizeof(*pairs));
    char *text = document_allocate(form.n + (size_t)2 * HK_DOCUMENT_MAX_PAIRS + 1);
    size_t n = hk_form_read(form, pairs, HK_DOCUMENT_MAX_PAIRS, text);

    if (n != SIZE_MAX) {
        struct document_member *members = document_allocate(n * sizeof(*members));

        for (size_t i = 0; i < n; i++)
            members[i] = (struct document_member){.name = pairs[i].name, .value = pairs[i].value};
        document_write_members(members, n, buf);
        free(members);
    }
    free(text);
    free(pairs);
    return n == SIZE_MAX ? "the form has more than 1000 pairs, or one that cannot be decoded"
                         : NULL;
}

/* What is known of a body that is not looked into. */
static void write_size(struct hk_str content_type, struct hk_str body, struct hk_buf *buf)
{
    hk_buf_add_text(buf, "{");
    hk_buf_add_json_member(buf, "content_type",
                           content_type.n > 0 && hk_utf8_is_valid(content_type) ? content_type
                                                                                : HK_STR_NULL);
    hk_buf_printf(buf, ",\"size\":%zu", body.n);
}

static const char *from_text(struct hk_str content_type, struct hk_str body, struct hk_buf *buf)
{
    write_size(content_type, body, buf);
    if (hk_utf8_is_valid(body) && (body.n == 0 || memchr(body.p, '\0', body.n) == NULL)) {
        hk_buf_add_text(buf, ",\"text\":");
        hk_buf_add_json_string(buf, body);
    }
    hk_buf_add_text(buf, "}");
    return NULL;
}

static const char *from_anything(struct hk_str content_type, struct hk_str body, struct hk_buf *buf)
{
    if (content_type.n == 0 && from_json(body, buf) == NULL)
        return NULL;
    write_size(content_type, body, buf);
    hk_buf_add_text(buf, "}");
    return NULL;
}

static const char *from_body(struct hk_str content_type, struct hk_str query, struct hk_str body,
                             struct hk_buf *buf)
{
    if (body.n == 0)
        return from_form(query, buf);
    if (hk_media_type_is(content_type, "application/json") ||
        ends_with(content_type, HK_STR("+json")))
        return from_json(body, buf);
    if (hk_media_type_is(content_type, "application/xml") ||
        hk_media_type_is(content_type, "text/xml") || ends_with(content_type, HK_STR("+xml")))
        return document_from_xml(content_type, body, buf);
    if (hk_media_type_is(content_type, HK_FORM_MEDIA_TYPE))
        return from_form(body, buf);
    if (hk_media_type_is(content_type, "multipart/form-data"))
        return document_from_multipart(content_type, body, buf);
    if (begins_with(content_type, HK_STR("text/")))
        return from_text(content_type, body, buf);
    return from_anything(content_type, body, buf);
}

bool hk_document_from_body(struct hk_str content_type, struct hk_str query, struct hk_str body,
                           struct hk_buf *buf, const char **reterr)
{
    size_t n_before = buf->n, at;
    const char *fault = from_body(content_type, query, body, buf);
    struct hk_json_span span;

    if (fault == NULL && buf->is_full)
        fault = "what the body becomes is too large";
    if (fault == NULL &&
        !hk_json_scan((struct hk_str){buf->p + n_before, buf->n - n_before}, &span, &at))
        fault = "the body holds what is no text";
    if (fault != NULL)
        *reterr = fault;
    return fault == NULL;
}
