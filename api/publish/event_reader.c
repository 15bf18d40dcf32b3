/* SPDX-License-Identifier: Apache-2.0 */
#include "api/publish/event_reader.h"

#include "hk/clock.h"
#include "hk/json_scan.h"

enum { MAX_TYPE_BYTES = 128, MAX_ID_BYTES = 256 };

static int two_digits(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}

/* RFC 3339 date-time; seconds may have 1 to 9 fractional digits, which are kept as given (AL-05).
 */
static bool is_rfc3339(struct hk_str s)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    size_t i = sizeof(shape) - 1;
    int year, month, day, hour, minute, second;

    if (s.n < sizeof(shape) || s.n > 35)
        return false;
    for (size_t k = 0; k < sizeof(shape) - 1; k++) {
        bool fits = shape[k] == 'd'   ? s.p[k] >= '0' && s.p[k] <= '9'
                    : shape[k] == 'T' ? s.p[k] == 'T' || s.p[k] == 't'
                                      : s.p[k] == shape[k];
        if (!fits)
            return false;
    }
    year = two_digits(s.p) * 100 + two_digits(s.p + 2);
    month = two_digits(s.p + 5);
    day = two_digits(s.p + 8);
    hour = two_digits(s.p + 11);
    minute = two_digits(s.p + 14);
    second = two_digits(s.p + 17);
    if (!hk_date_is_valid(year, month, day) || hour > 23 || minute > 59 || second > 60)
        return false;
    if (s.p[i] == '.') {
        size_t first = ++i;

        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        if (i == first || i - first > 9 || i == s.n)
            return false;
    }
    if (s.n - i == 1)
        return s.p[i] == 'Z' || s.p[i] == 'z';
    return s.n - i == 6 && (s.p[i] == '+' || s.p[i] == '-') && s.p[i + 3] == ':' &&
           s.p[i + 1] >= '0' && s.p[i + 1] <= '2' && s.p[i + 2] >= '0' &&
           s.p[i + 2] <= (s.p[i + 1] == '2' ? '3' : '9') && /* 23 hours */
           s.p[i + 4] >= '0' && s.p[i + 4] <= '5' && s.p[i + 5] >= '0' && s.p[i + 5] <= '9';
}

/* The members of an event. A payload may be any value; the others are strings. */
static const struct member {
    const char *name;
    size_t offset; /* in struct event_input */
    size_t max_bytes;
    bool is_required;
    bool is_payload;
    bool is_time;
} members[] = {
    {"event_type", offsetof(struct event_input, event_type), MAX_TYPE_BYTES, true, false, false},
    {"company", offsetof(struct event_input, company), MAX_ID_BYTES, true, false, false},
    {"payload", offsetof(struct event_input, payload), 0, true, true, false},
    {"external_id", offsetof(struct event_input, external_id), MAX_ID_BYTES, false, false, false},
    {"occurred_at", offsetof(struct event_input, occurred_at), 64, false, false, true},
};

static struct hk_str *slot_of(struct event_input *event, const struct member *member)
{
    return (struct hk_str *)(void *)((char *)event + member->offset);
}

static const struct member *find_member(struct hk_str quoted)
{
    for (size_t i = 0; i < HK_COUNTOF(members); i++) {
        if (hk_json_string_eq(quoted, members[i].name))
            return &members[i];
    }
    return NULL;
}

/* A name from outside, as one token of a JSON Pointer (RFC 6901), cut to fit. */
static enum hk_code fail_unknown(struct hk_error *reterr, struct hk_str quoted)
{
    char pointer[128];
    size_t n = 0;

    pointer[n++] = '/';
    for (size_t i = 1; i + 1 < quoted.n && n + 3 < sizeof(pointer); i++) {
        if (quoted.p[i] == '~' || quoted.p[i] == '/') {
            pointer[n++] = '~';
            pointer[n++] = quoted.p[i] == '~' ? '0' : '1';
        } else if ((unsigned char)quoted.p[i] < 0x80) {
            pointer[n++] = quoted.p[i];
        }
    }
    pointer[n] = '\0';
    return hk_fail(reterr, HK_INVALID_BODY, pointer, "is not a member of an event");
}

static enum hk_code fail_member(struct hk_error *reterr, const struct member *member,
                                const char *detail)
{
    char pointer[32] = "/";

    (void)strncat(pointer, member->name, sizeof(pointer) - 2);
    return hk_fail(reterr, HK_INVALID_BODY, pointer, "%s", detail);
}

/* What comes in at flows, and what their steps publish, has ids of these kinds. */
static bool is_id_of_flows(struct hk_str id)
{
    return strncmp(id.p, "in/", 3) == 0 || strncmp(id.p, "wait/", 5) == 0 ||
           strncmp(id.p, "run/", 4) == 0;
}

static enum hk_code read_string(const struct member *member, const struct hk_json_span *value,
                                event_alloc_fn *alloc, void *alloc_arg, struct hk_str *ret,
                                struct hk_error *reterr)
{
    char *text;
    size_t n;

    if (value->kind == HK_JSON_NULL && !member->is_required)
        return HK_OK;
    if (value->kind != HK_JSON_STRING)
        return fail_member(reterr, member, "must be a string");
    if (value->bytes.n > 6 * member->max_bytes + 2)
        return fail_member(reterr, member, "is too long");
    text = alloc(alloc_arg, value->bytes.n + 1);
    n = hk_json_string_decode(value->bytes, text);
    if (n == SIZE_MAX)
        return fail_member(reterr, member, "must not contain U+0000");
    if (n == 0 || n > member->max_bytes)
        return fail_member(reterr, member, n == 0 ? "must not be empty" : "is too long");
    text[n] = '\0';
    *ret = (struct hk_str){text, n};
    if (member->offset == offsetof(struct event_input, external_id) && is_id_of_flows(*ret))
        return fail_member(reterr, member, "must not begin with in/, wait/ or run/");
    if (member->is_time && !is_rfc3339(*ret))
        return fail_member(reterr, member,
                           "must be an RFC 3339 date-time such as 2026-11-22T06:28:00.1234567Z");
    return HK_OK;
}

static enum hk_code read_event(const struct hk_json_span *span, event_alloc_fn *alloc,
                               void *alloc_arg, struct event_input *event)
{
    struct hk_json_cursor cursor = {.bytes = span->bytes};
    struct hk_json_span value;
    struct hk_str name;
    unsigned seen = 0;

    if (span->kind != HK_JSON_OBJECT)
        return hk_fail(&event->error, HK_INVALID_BODY, "", "An event must be an object.");
    while (hk_json_next(&cursor, &name, &value)) {
        const struct member *member = find_member(name);
        unsigned bit;

        if (member == NULL)
            return fail_unknown(&event->error, name);
        bit = 1u << (member - members);
        if ((seen & bit) != 0)
            return fail_member(&event->error, member, "appears twice");
        seen |= bit;
        if (member->is_payload)
            event->payload = value.bytes;
        else if (read_string(member, &value, alloc, alloc_arg, slot_of(event, member),
                             &event->error) != HK_OK)
            return event->error.code;
    }
    for (size_t i = 0; i < HK_COUNTOF(members); i++) {
        if (members[i].is_required && slot_of(event, &members[i])->p == NULL)
            return fail_member(&event->error, &members[i], "is required");
    }
    return HK_OK;
}

/* `cursor` stands behind the first member of the body, "events", which is `list`. */
static enum hk_code read_batch(struct hk_json_cursor cursor, const struct hk_json_span *list,
                               event_alloc_fn *alloc, void *alloc_arg, struct event_batch *ret,
                               struct hk_error *reterr)
{
    struct hk_json_span value;
    struct hk_str name;
    unsigned n;

    if (hk_json_next(&cursor, &name, &value))
        return hk_json_string_eq(name, "events")
                   ? hk_fail(reterr, HK_INVALID_BODY, "/events", "appears twice")
                   : fail_unknown(reterr, name);
    if (list->kind != HK_JSON_ARRAY)
        return hk_fail(reterr, HK_INVALID_BODY, "/events", "must be an array of events");
    cursor = (struct hk_json_cursor){.bytes = list->bytes};
    for (n = 0; n <= EVENT_MAX_BATCH && hk_json_next(&cursor, &name, &value);)
        n++;
    if (n == 0 || n > EVENT_MAX_BATCH)
        return hk_fail(reterr, HK_INVALID_BODY, "/events", "must have 1 to %d elements",
                       EVENT_MAX_BATCH);
    ret->is_batch = true;
    ret->n = n;
    ret->events = alloc(alloc_arg, n * sizeof(*ret->events));
    memset(ret->events, 0, n * sizeof(*ret->events));
    cursor = (struct hk_json_cursor){.bytes = list->bytes};
    for (unsigned i = 0; i < n && hk_json_next(&cursor, &name, &value); i++)
        (void)read_event(&value, alloc, alloc_arg, &ret->events[i]);
    return HK_OK;
}

enum hk_code event_scan(struct hk_str body, struct hk_json_span *ret, struct hk_error *reterr)
{
    size_t at;

    if (!hk_json_scan(body, ret, &at))
        return hk_fail(reterr, HK_MALFORMED_JSON, "",
                       "The body is not well-formed JSON, at byte %zu.", at);
    if (ret->kind != HK_JSON_OBJECT)
        return hk_fail(reterr, HK_INVALID_BODY, "", "The body must be an object.");
    return HK_OK;
}

enum hk_code event_read(struct hk_str body, event_alloc_fn *alloc, void *alloc_arg,
                        struct event_batch *ret, struct hk_error *reterr)
{
    struct hk_json_cursor cursor;
    struct hk_json_span span, first;
    struct hk_str name;

    *ret = (struct event_batch){0};
    if (event_scan(body, &span, reterr) != HK_OK)
        return reterr->code;
    cursor = (struct hk_json_cursor){.bytes = span.bytes};
    if (hk_json_next(&cursor, &name, &first) && hk_json_string_eq(name, "events"))
        return read_batch(cursor, &first, alloc, alloc_arg, ret, reterr);
    ret->n = 1;
    ret->events = alloc(alloc_arg, sizeof(*ret->events));
    memset(ret->events, 0, sizeof(*ret->events));
    (void)read_event(&span, alloc, alloc_arg, ret->events);
    return HK_OK;
}
