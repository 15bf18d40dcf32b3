/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart/form-data (RFC 7578) in one pass over the body: each part is found by the boundary that
 * ends it, and its bytes stay where they are.
 */
#include <stdlib.h>
#include <strings.h>

#include "document_members.h"
#include "hk/utf8.h"

enum { MAX_DELIMITER = 4 + HK_DOCUMENT_MAX_BOUNDARY };

struct reader {
    struct hk_str body;
    size_t at;
    char delimiter[MAX_DELIMITER]; /* "\r\n--" and the boundary */
    size_t delimiter_n;
    char *text; /* unquoted names: they never need more than the body has */
    struct document_member members[HK_DOCUMENT_MAX_PARTS];
    size_t n;
};

static struct hk_str rest_of(const struct reader *r)
{
    return (struct hk_str){r->body.p + r->at, r->body.n - r->at};
}

static bool take(struct reader *r, struct hk_str token)
{
    struct hk_str rest = rest_of(r);

    if (rest.n < token.n || memcmp(rest.p, token.p, token.n) != 0)
        return false;
    r->at += token.n;
    return true;
}

/* Behind a delimiter: "--", which ends all parts, or blanks and the end of the line. */
enum delimiter { NO_DELIMITER, NEXT_PART, LAST_PART };

static enum delimiter take_delimiter_end(struct reader *r)
{
    if (take(r, HK_STR("--")))
        return LAST_PART;
    while (take(r, HK_STR(" ")) || take(r, HK_STR("\t")))
        ;
    return take(r, HK_STR("\r\n")) ? NEXT_PART : NO_DELIMITER;
}

/* What is before the next delimiter, and what that is. */
static enum delimiter take_part(struct reader *r, struct hk_str *ret)
{
    size_t start = r->at;

    while (r->at < r->body.n) {
        struct hk_str rest = rest_of(r);
        const char *found = memmem(rest.p, rest.n, r->delimiter, r->delimiter_n);
        enum delimiter delimiter;
        size_t end;

        if (found == NULL)
            break;
        end = (size_t)(found - r->body.p);
        r->at = end + r->delimiter_n;
        delimiter = take_delimiter_end(r);
        if (delimiter != NO_DELIMITER) {
            *ret = (struct hk_str){r->body.p + start, end - start};
            return delimiter;
        }
        r->at = end + 2; /* only looked like one */
    }
    return NO_DELIMITER;
}

/* The first delimiter may be the first line; what is before it means nothing. */
static enum delimiter take_preamble(struct reader *r)
{
    struct hk_str ignored;

    if (take(r, (struct hk_str){r->delimiter + 2, r->delimiter_n - 2})) {
        enum delimiter delimiter = take_delimiter_end(r);

        if (delimiter != NO_DELIMITER)
            return delimiter;
    }
    r->at = 0;
    return take_part(r, &ignored);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* The value of a header field of a part; .p NULL: there is none. False: there are two. */
static bool find_field(struct hk_str head, struct hk_str name, struct hk_str *ret)
{
    *ret = HK_STR_NULL;
    while (head.n > 0) {
        const char *end = memmem(head.p, head.n, "\r\n", 2);
        struct hk_str line = {head.p, end == NULL ? head.n : (size_t)(end - head.p)};
        size_t n_taken = line.n + (end == NULL ? 0 : 2);

        head = (struct hk_str){head.p + n_taken, head.n - n_taken};
        if (line.n <= name.n || line.p[name.n] != ':' || strncasecmp(line.p, name.p, name.n) != 0)
            continue;
        if (ret->p != NULL)
            return false;
        *ret = (struct hk_str){line.p + name.n + 1, line.n - name.n - 1};
        while (ret->n > 0 && (ret->p[0] == ' ' || ret->p[0] == '\t'))
            *ret = (struct hk_str){ret->p + 1, ret->n - 1};
    }
    return true;
}

static bool begins_with(struct hk_str s, struct hk_str prefix)
{
    return s.n >= prefix.n && strncasecmp(s.p, prefix.p, prefix.n) == 0;
}

static bool is_text(struct hk_str s)
{
    return hk_utf8_is_valid(s) && (s.n == 0 || memchr(s.p, '\0', s.n) == NULL);
}

/* A parameter as text of our own. */
static bool read_parameter(struct reader *r, struct hk_str header, const char *name,
                           struct hk_str *ret)
{
    struct hk_str value;

    if (!document_parameter(header, name, r->text, &value))
        return false;
    if (value.p != r->text && value.n > 0)
        memcpy(r->text, value.p, value.n);
    *ret = (struct hk_str){r->text, value.n};
    r->text += value.n;
    return true;
}

static const char *read_head(struct reader *r, struct hk_str head, struct document_member *member)
{
    struct hk_str disposition, encoding;

    if (!find_field(head, HK_STR("Content-Disposition"), &disposition) ||
        !find_field(head, HK_STR("Content-Type"), &member->content_type) ||
        !find_field(head, HK_STR("Content-Transfer-Encoding"), &encoding))
        return "a part has a header field twice";
    if (disposition.p == NULL || !begins_with(disposition, HK_STR("form-data")))
        return "a part is no form-data";
    if (begins_with(member->content_type, HK_STR("multipart/")))
        return "a part is multipart itself";
    if (encoding.p != NULL && !begins_with(encoding, HK_STR("binary")) &&
        !begins_with(encoding, HK_STR("8bit")) && !begins_with(encoding, HK_STR("7bit")))
        return "a part has a Content-Transfer-Encoding that is not taken";
    if (!read_parameter(r, disposition, "name", &member->name) || !is_text(member->name))
        return "a part has no name, or one that is no text";
    member->is_file = read_parameter(r, disposition, "filename", &member->filename) ||
                      read_parameter(r, disposition, "filename*", &member->filename);
    if (member->filename.n > 0)
        hk_utf8_scrub(r->text - member->filename.n, member->filename.n);
    if (!is_text(member->content_type))
        member->content_type = HK_STR_NULL;
    return NULL;
}

static const char *read_part(struct reader *r, struct hk_str part)
{
    struct document_member *member = &r->members[r->n];
    const char *head_end;
    const char *fault;
    struct hk_str head = {part.p, 0};
    size_t n_head = 0;

    if (r->n == HK_DOCUMENT_MAX_PARTS)
        return "there are more than 50 parts";
    if (part.n < 2 || memcmp(part.p, "\r\n", 2) != 0) { /* else it has no header fields */
        size_t n_looked =
            part.n < HK_DOCUMENT_MAX_PART_HEAD + 4 ? part.n : HK_DOCUMENT_MAX_PART_HEAD + 4;

        head_end = part.n == 0 ? NULL : memmem(part.p, n_looked, "\r\n\r\n", 4);
        if (head_end == NULL)
            return "the header fields of a part do not end, or are too long";
        head.n = (size_t)(head_end - part.p);
        n_head = head.n + 2;
    }
    *member = (struct document_member){.offset = (size_t)(part.p - r->body.p) + n_head + 2};
    fault = read_head(r, head, member);
    if (fault != NULL)
        return fault;
    member->value = (struct hk_str){part.p + n_head + 2, part.n - n_head - 2};
    member->is_file = member->is_file || !is_text(member->value);
    if (!member->is_file && member->value.n > HK_DOCUMENT_MAX_FIELD)
        return "a field is larger than 1 MiB";
    r->n++;
    return NULL;
}

static const char *read_parts(struct reader *r)
{
    enum delimiter delimiter = take_preamble(r);
    const char *fault = NULL;

    while (delimiter == NEXT_PART && fault == NULL) {
        struct hk_str part = HK_STR_NULL;

        delimiter = take_part(r, &part);
        if (delimiter != NO_DELIMITER)
            fault = read_part(r, part);
    }
    if (fault == NULL && delimiter == NO_DELIMITER)
        fault = "the last boundary is missing";
    return fault;
}

/* RFC 2046, 5.1.1. */
static bool is_boundary(struct hk_str s)
{
    if (s.n == 0 || s.n > HK_DOCUMENT_MAX_BOUNDARY || s.p[s.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char lower = (char)(s.p[i] | 0x20);

        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(lower >= 'a' && lower <= 'z') &&
            (s.p[i] == '\0' || strchr("'()+_,-./:=? ", s.p[i]) == NULL))
            return false;
    }
    return true;
}

const char *document_from_multipart(struct hk_str content_type, struct hk_str body,
                                    struct hk_buf *buf)
{
    struct reader *r = document_allocate(sizeof(*r));
    char *text = document_allocate(body.n + content_type.n);
    const char *fault = "the Content-Type has no boundary of 1 to 70 characters";
    struct hk_str boundary;

    r->body = body;
    r->at = 0;
    r->n = 0;
    r->text = text;
    if (document_parameter(content_type, "boundary", text, &boundary) && is_boundary(boundary)) {
        memcpy(r->delimiter, "\r\n--", 4);
        memcpy(r->delimiter + 4, boundary.p, boundary.n);
        r->delimiter_n = 4 + boundary.n;
        fault = read_parts(r);
    }
    if (fault == NULL)
        document_write_members(r->members, r->n, buf);
    free(text);
    free(r);
    return fault;
}
