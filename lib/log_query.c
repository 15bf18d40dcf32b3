/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_query.c - terms are read one by one into values and bounds, by a table of fields. The first
 * fault ends the reading: functions return false from then on.
 */
#include <stdarg.h>
#include <stdio.h>

#include "hk/clock.h"
#include "hk/filter.h"
#include "hk/id.h"
#include "hk/utf8.h"
#include "log_query_terms.h"

const struct field log_query_fields[LOG_QUERY_N_FIELDS] = {
    {"id", NULL, "id", KIND_ID, false, NULL},
    {"message", "message_id", "message_id", KIND_ID, false, NULL},
    {"event", "event_id", "event_id", KIND_ID, false, NULL},
    {"external_id", NULL, "external_id", KIND_TEXT, false, NULL},
    {"trace", "trace_id", "trace_id", KIND_TRACE, false, NULL},
    {"company", NULL, "company", KIND_TEXT, true, NULL},
    {"app", "app_id", "app", KIND_ID, true, NULL},
    {"subscription", "subscription_id", "subscription", KIND_ID, true, NULL},
    {"type", "event_type", "event_type", KIND_EVENT_TYPE, true, NULL},
    {"status", NULL, "status", KIND_CHOICE, true,
     "pending|sending|succeeded|failed|cancelled|held"},
    {"origin", NULL, "origin", KIND_CHOICE, true, "live|backfill|resend"},
    {"code", "status_code", "code", KIND_CODE, true, NULL},
    {"error", "outcome", "error", KIND_CHOICE, true,
     "succeeded|http_status|timeout|dns|connect|tls|reset|blocked_address|protocol|"
     "request_invalid|proxy|credentials"},
    {"attempts", NULL, "attempts", KIND_COUNT, false, NULL},
    {"latency", NULL, "latency_ms", KIND_DURATION, false, NULL},
    {"since", NULL, "since", KIND_TIME, false, NULL},
    {"until", NULL, "until", KIND_TIME, false, NULL},
    {"attribute", "attr", "attribute", KIND_ATTRIBUTE, false, NULL},
    {"path", NULL, "path", KIND_PATH, false, NULL},
};

#define US_PER_S INT64_C(1000000)

/* The term that is being read. */
struct term {
    const struct field *field;
    size_t at;
    bool is_negated;
    struct hk_str name;
};

static bool fail_at(struct query *q, size_t at, const char *format, ...) HK_PRINTF(3, 4);

static bool fail_at(struct query *q, size_t at, const char *format, ...)
{
    char detail[160];
    size_t column = 1;
    va_list arguments;

    for (size_t i = 0; i < at && i < q->text.n; i++)
        column += ((unsigned char)q->text.p[i] & 0xc0) != 0x80;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    (void)hk_fail(q->reterr, HK_INVALID_PARAMETER, "/q", "column %zu: %s", column, detail);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct hk_str behind(struct hk_str text, size_t n)
{
    return (struct hk_str){text.p + n, text.n - n};
}

/* ---- values ---- */

static void make_lower(struct query *q, struct hk_str text)
{
    char *p = q->decoded + (text.p - q->decoded);

    for (size_t i = 0; i < text.n; i++) {
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] - 'A' + 'a');
    }
}

/* What a value of the field must be, in words; NULL: it is one. `text` is made lower case. */
static const char *judge_value(struct query *q, const struct field *field, struct hk_str text)
{
    struct hk_id id;

    switch (field->kind) {
    case KIND_CHOICE:
        make_lower(q, text);
        return log_value_is_one_of(field->choices, text) ? NULL : field->choices;
    case KIND_CODE:
        make_lower(q, text);
        return log_value_is_code(text) ? NULL : "a code like 404, a class like 5xx, or none";
    case KIND_ID:
        make_lower(q, text);
        return hk_id_parse(text, &id) ? NULL : "a UUID";
    case KIND_TRACE:
        make_lower(q, text);
        return log_value_is_trace(text) ? NULL : "a trace id of 32 hexadecimal digits";
    case KIND_EVENT_TYPE:
        return log_value_is_event_type(text) ? NULL : "an event type, or a pattern like order.*";
    case KIND_TEXT:
    case KIND_ATTRIBUTE:
    case KIND_COUNT: /* and these have been read elsewhere */
    case KIND_DURATION:
    case KIND_TIME:
    case KIND_PATH:
        break;
    }
    return NULL;
}

static bool read_bounds(struct query *q, const struct term *term, struct hk_str text)
{
    bool is_duration = term->field->kind == KIND_DURATION;

    if (log_value_bounds(text, is_duration, &q->bounds[term->field - log_query_fields]))
        return true;
    return fail_at(q, term->at, "%s wants %s", term->field->name,
                   is_duration ? "a duration of up to an hour, like >2s, <=500ms or 1s..5s."
                               : "a number of up to 1000000, like 3, >=3 or 2..5.");
}

static bool read_time(struct query *q, const struct term *term, struct hk_str text)
{
    if (log_value_time(text, q->now_us, &q->bounds[term->field - log_query_fields].least))
        return true;
    return fail_at(q, term->at,
                   "%s wants a time like 2026-01-31T23:59:59Z, a date, or how long ago it was, "
                   "like 90s, 15m, 24h, 7d or 2w.",
                   term->field->name);
}

static bool check_path(struct query *q, const struct term *term, struct hk_str text)
{
    struct hk_error error = {.code = HK_OK};

    if (hk_filter_check(text, &error) == HK_OK)
        return true;
    return fail_at(q, term->at, "the path %s.", error.detail);
}

/* ---- terms ---- */

static bool add_value(struct query *q, const struct term *term, struct hk_str text)
{
    for (unsigned i = 0; i < q->n_values; i++) {
        const struct value *other = &q->values[i];

        if (other->field == term->field && other->is_negated == term->is_negated &&
            hk_str_eq(other->name, term->name) && hk_str_eq(other->text, text))
            return true;
    }
    if (q->n_values == HK_LOG_QUERY_MAX_VALUES)
        return fail_at(q, term->at, "a query has at most %d values.", HK_LOG_QUERY_MAX_VALUES);
    q->values[q->n_values++] = (struct value){term->field, term->is_negated, term->name, text};
    return true;
}

static bool take_value(struct query *q, const struct term *term, struct hk_str text)
{
    enum kind kind = term->field->kind;
    const char *wanted;

    if (text.n == 0)
        return fail_at(q, term->at, "%s has an empty value.", term->field->name);
    if (text.n > HK_LOG_QUERY_MAX_VALUE_BYTES && kind != KIND_PATH)
        return fail_at(q, term->at, "a value has at most %d bytes.", HK_LOG_QUERY_MAX_VALUE_BYTES);
    if (kind == KIND_COUNT || kind == KIND_DURATION || kind == KIND_TIME || kind == KIND_PATH) {
        bool *is_given = &q->is_given[term->field - log_query_fields];

        if (*is_given)
            return fail_at(q, term->at, "%s can be said once only.", term->field->name);
        *is_given = true;
    }
    if (kind == KIND_COUNT || kind == KIND_DURATION)
        return read_bounds(q, term, text);
    if (kind == KIND_TIME)
        return read_time(q, term, text);
    if (kind == KIND_PATH)
        return check_path(q, term, text) && add_value(q, term, text);
    wanted = judge_value(q, term->field, text);
    if (wanted != NULL)
        return fail_at(q, term->at, "%s wants %s%s.", term->field->name,
                       kind == KIND_CHOICE ? "one of " : "", wanted);
    return add_value(q, term, text);
}

/* Decodes the value that begins here. */
static bool read_value(struct query *q, struct hk_str *ret)
{
    const char *p = q->text.p;
    size_t start = q->at, from = q->n_decoded;
    bool is_quoted = start < q->text.n && p[start] == '"';

    for (q->at += is_quoted; q->at < q->text.n; q->at++) {
        char c = p[q->at];

        if (is_quoted ? c == '"' : is_blank(c) || c == ',')
            break;
        if (!is_quoted && c == '"')
            return fail_at(q, q->at, "a quotation mark stands at the start of a value only.");
        if (is_quoted && c == '\\') {
            if (q->at + 1 == q->text.n || (p[q->at + 1] != '"' && p[q->at + 1] != '\\'))
                return fail_at(q, q->at, "only \\\" and \\\\ are known behind a backslash.");
            c = p[++q->at];
        }
        q->decoded[q->n_decoded++] = c;
    }
    *ret = (struct hk_str){q->decoded + from, q->n_decoded - from};
    if (!is_quoted)
        return true;
    if (q->at++ == q->text.n)
        return fail_at(q, start, "the quotation mark is not closed.");
    if (q->at < q->text.n && !is_blank(p[q->at]) && p[q->at] != ',')
        return fail_at(q, q->at, "a blank or a comma is expected behind a quoted value.");
    return true;
}

static const struct field *find_field(struct hk_str name)
{
    for (unsigned i = 0; i < LOG_QUERY_N_FIELDS; i++) {
        if (hk_str_eq(name, hk_str(log_query_fields[i].name)) ||
            (log_query_fields[i].also != NULL && hk_str_eq(name, hk_str(log_query_fields[i].also))))
            return &log_query_fields[i];
    }
    return NULL;
}

/* "status:", "attribute.invoice:" */
static bool read_name(struct query *q, struct term *term)
{
    struct hk_str name = {q->text.p + q->at, 0}, field;
    const char *dot;

    while (q->at + name.n < q->text.n && (is_name(name.p[name.n]) || name.p[name.n] == '.'))
        name.n++;
    q->at += name.n;
    if (name.n == 0 || q->at == q->text.n || q->text.p[q->at] != ':')
        return fail_at(q, q->at, "a field and ':' are expected, like status:failed.");
    q->at++;
    dot = memchr(name.p, '.', name.n);
    field = dot == NULL ? name : (struct hk_str){name.p, (size_t)(dot - name.p)};
    term->field = find_field(field);
    if (term->field == NULL)
        return fail_at(q, term->at, "the field \"%.*s\" is not known.",
                       (int)(field.n < 64 ? field.n : 64), field.p);
    if ((dot != NULL) != (term->field->kind == KIND_ATTRIBUTE))
        return fail_at(q, term->at,
                       dot == NULL ? "an attribute has a name: attribute.order_id:7."
                                   : "only attribute has a name behind a dot.");
    if (dot != NULL) {
        term->name = behind(name, field.n + 1);
        if (term->name.n == 0 || term->name.n > 64 ||
            memchr(term->name.p, '.', term->name.n) != NULL)
            return fail_at(q, term->at, "an attribute's name has 1 to 64 letters, digits and '_'.");
    }
    if (term->is_negated && !term->field->may_be_negated)
        return fail_at(q, term->at, "%s cannot be negated.", term->field->name);
    return true;
}

/* A UUID that stands alone. */
static bool is_lone_id(const struct query *q)
{
    struct hk_str text = {q->text.p + q->at, HK_ID_TEXT_SIZE - 1};
    size_t end = q->at + text.n;
    struct hk_id id;

    return end <= q->text.n && (end == q->text.n || is_blank(q->text.p[end])) &&
           hk_id_parse(text, &id);
}

static bool read_term(struct query *q)
{
    struct term term = {.field = &log_query_fields[0], .at = q->at};
    struct hk_str text = HK_STR_NULL;

    if (!is_lone_id(q)) {
        term.is_negated = q->text.p[q->at] == '-';
        q->at += term.is_negated;
        if (!read_name(q, &term))
            return false;
    }
    for (;;) {
        if (!read_value(q, &text) || !take_value(q, &term, text))
            return false;
        if (q->at == q->text.n || q->text.p[q->at] != ',')
            return true;
        q->at++;
    }
}

static bool check_whole(struct query *q)
{
    size_t path = LOG_QUERY_N_FIELDS, since = LOG_QUERY_N_FIELDS, until = LOG_QUERY_N_FIELDS;
    int64_t end_us;

    for (size_t i = 0; i < LOG_QUERY_N_FIELDS; i++) {
        if (!q->is_given[i])
            continue;
        path = log_query_fields[i].kind == KIND_PATH ? i : path;
        since = strcmp(log_query_fields[i].key, "since") == 0 ? i : since;
        until = strcmp(log_query_fields[i].key, "until") == 0 ? i : until;
    }
    end_us = until == LOG_QUERY_N_FIELDS ? q->now_us : q->bounds[until].least;
    if (since != LOG_QUERY_N_FIELDS && until != LOG_QUERY_N_FIELDS &&
        q->bounds[since].least >= end_us)
        return fail_at(q, 0, "since must be before until.");
    if (path != LOG_QUERY_N_FIELDS &&
        (since == LOG_QUERY_N_FIELDS ||
         end_us - q->bounds[since].least > HK_LOG_QUERY_MAX_PATH_DAYS * INT64_C(86400) * US_PER_S))
        return fail_at(q, 0,
                       "path wants a time range of at most %d days: since, and until if not now.",
                       HK_LOG_QUERY_MAX_PATH_DAYS);
    return true;
}

/* What no term may hold: control characters, and what is not UTF-8. */
static bool check_characters(struct query *q)
{
    if (!hk_utf8_is_valid(q->text))
        return fail_at(q, 0, "the query is not UTF-8.");
    for (size_t i = 0; i < q->text.n; i++) {
        unsigned char c = (unsigned char)q->text.p[i];

        if ((c < ' ' && !is_blank((char)c)) || c == 0x7f)
            return fail_at(q, i, "a control character has no meaning here.");
    }
    return true;
}

enum hk_code hk_log_query_parse(struct hk_str text, int64_t now_us, struct hk_buf *ret_filter,
                                struct hk_error *reterr)
{
    struct query q = {.text = text, .now_us = now_us, .reterr = reterr};

    if (text.n > HK_LOG_QUERY_MAX_BYTES)
        return hk_fail(reterr, HK_INVALID_PARAMETER, "/q", "A query has at most %d bytes.",
                       HK_LOG_QUERY_MAX_BYTES);
    if (!check_characters(&q))
        return HK_INVALID_PARAMETER;
    for (;;) {
        while (q.at < text.n && is_blank(text.p[q.at]))
            q.at++;
        if (q.at == text.n)
            break;
        if (!read_term(&q))
            return HK_INVALID_PARAMETER;
    }
    if (!check_whole(&q))
        return HK_INVALID_PARAMETER;
    log_query_write(&q, ret_filter);
    return HK_OK;
}
