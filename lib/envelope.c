/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/envelope.h"

#include <stdio.h>
#include <time.h>

#include "hk/clock.h"
#include "hk/json_member.h"

/* When the event was accepted is in its id: the first 48 bits of a UUIDv7 are milliseconds. */
static int64_t accepted_us(const struct hk_id *id)
{
    int64_t ms = 0;

    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms * 1000;
}

static void add_timestamp(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    char text[25];

    if (envelope->occurred_at.p != NULL) {
        hk_buf_add_json_string(ret, envelope->occurred_at);
        return;
    }
    hk_format_rfc3339(accepted_us(&envelope->event_id), text);
    hk_buf_add_json_string(ret, hk_str(text));
}

static void add_id(const struct hk_id *id, struct hk_buf *ret)
{
    char text[HK_ID_TEXT_SIZE];

    hk_id_format(id, text);
    hk_buf_add_text(ret, text);
}

static void add_standard(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    hk_buf_add_text(ret, "{\"type\":");
    hk_buf_add_json_string(ret, envelope->event_type);
    hk_buf_add_text(ret, ",\"timestamp\":");
    add_timestamp(envelope, ret);
    hk_buf_add_text(ret, ",\"data\":");
    hk_buf_add_str(ret, envelope->payload);
    if (envelope->custom_values.p != NULL) {
        hk_buf_add_text(ret, ",\"custom_fields\":");
        hk_buf_add_str(ret, envelope->custom_values);
    }
    hk_buf_add_text(ret, "}");
}

static void add_basecone(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    hk_buf_add_text(ret, "{\"type\":");
    hk_buf_add_json_string(ret, envelope->event_type);
    hk_buf_add_text(ret, ",\"id\":\"");
    add_id(&envelope->event_id, ret);
    hk_buf_add_text(ret, "\",\"timestamp\":");
    add_timestamp(envelope, ret);
    hk_buf_add_text(ret, ",");
    hk_buf_add_json_member(ret, "companyId", envelope->company);
    hk_buf_add_text(ret, ",\"data\":");
    hk_buf_add_str(ret, envelope->payload);
    if (envelope->custom_values.p != NULL) {
        hk_buf_add_text(ret, ",\"customFields\":");
        hk_buf_add_str(ret, envelope->custom_values);
    }
    hk_buf_add_text(ret, "}");
}

static void add_raw(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    hk_buf_add_str(ret, envelope->payload);
}

/* ---- basiq: links instead of data ------------------------------------------------------------ */

static void add_url_base(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    struct hk_str base = envelope->base_url;

    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (base.n > 0)
        hk_buf_add_str(ret, base);
}

/* Like curl's escaping: all but RFC 3986's unreserved characters as %XY. */
static void add_escaped(struct hk_str s, struct hk_buf *ret)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);

        if (is_unreserved)
            hk_buf_add(ret, &s.p[i], 1);
        else
            hk_buf_printf(ret, "%%%02X", c);
    }
}

/* What the event is about: "user" of "user.created". */
static struct hk_str entity_of(struct hk_str event_type)
{
    const char *dot = memchr(event_type.p, '.', event_type.n);

    return (struct hk_str){event_type.p, dot == NULL ? event_type.n : (size_t)(dot - event_type.p)};
}

/* "users" for "user", "companies" for "company"; "transactions" stays. */
static void add_plural(struct hk_str entity, struct hk_buf *ret)
{
    char last = entity.p[entity.n - 1];
    bool is_consonant_y =
        last == 'y' && entity.n > 1 && strchr("aeiou", entity.p[entity.n - 2]) == NULL;

    if (is_consonant_y) {
        add_escaped((struct hk_str){entity.p, entity.n - 1}, ret);
        hk_buf_add_text(ret, "ies");
        return;
    }
    add_escaped(entity, ret);
    if (last != 's')
        hk_buf_add_text(ret, "s");
}

/* A string without its quotes, or a number; .p is NULL when it is neither, or has escapes. */
static struct hk_str scalar(struct hk_str value)
{
    if (value.p == NULL || value.n == 0)
        return HK_STR_NULL;
    if (value.p[0] == '-' || (value.p[0] >= '0' && value.p[0] <= '9'))
        return value;
    if (value.p[0] != '"' || value.n <= 2 || memchr(value.p, '\\', value.n) != NULL)
        return HK_STR_NULL;
    return (struct hk_str){value.p + 1, value.n - 2};
}

/* The payload's "id", else its "userId": the id of the object that the event is about. */
static struct hk_str entity_id(const struct hk_envelope *envelope, struct hk_str entity)
{
    struct hk_str id = scalar(hk_json_member(envelope->payload, HK_STR("id")));
    char name[64];
    int n;

    if (id.p != NULL)
        return id;
    n = snprintf(name, sizeof(name), "%.*sId", (int)entity.n, entity.p);
    if (n < 0 || (size_t)n >= sizeof(name))
        return HK_STR_NULL;
    return scalar(hk_json_member(envelope->payload, (struct hk_str){name, (size_t)n}));
}

static void add_basiq(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    struct hk_str entity = entity_of(envelope->event_type);
    struct hk_str id = entity_id(envelope, entity);

    hk_buf_add_text(ret, "{\"eventTypeId\":");
    hk_buf_add_json_string(ret, envelope->event_type);
    hk_buf_add_text(ret, ",\"eventId\":\"");
    add_id(&envelope->event_id, ret);
    hk_buf_add_text(ret, "\",\"links\":{\"event\":\"");
    add_url_base(envelope, ret); /* a URL: nothing in it needs escaping */
    hk_buf_add_text(ret, "/events/");
    add_id(&envelope->event_id, ret);
    hk_buf_add_text(ret, "\",\"eventEntity\":");
    if (id.p == NULL || entity.n == 0) {
        hk_buf_add_text(ret, "null}}");
        return;
    }
    hk_buf_add_text(ret, "\"");
    add_url_base(envelope, ret);
    hk_buf_add_text(ret, "/");
    add_plural(entity, ret);
    hk_buf_add_text(ret, "/");
    add_escaped(id, ret);
    hk_buf_add_text(ret, "\"}}");
}

/* ---- acculynx -------------------------------------------------------------------------------- */

/* "+01:30" in minutes, 0 for "Z"; false when it is no offset. */
static bool read_offset(struct hk_str s, int *ret_minutes)
{
    int hours, minutes;
    char sign, text[7];

    if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
        *ret_minutes = 0;
        return true;
    }
    if (s.n != sizeof(text) - 1)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    /* NOLINTNEXTLINE(cert-err34-c): two digits each, which cannot overflow */
    if (sscanf(text, "%c%2d:%2d", &sign, &hours, &minutes) != 3)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    return true;
}

/*
 * The moment in UTC, with as many digits of a second as the producer gave (AL-05). What is not a
 * moment stays as it is: publishing has checked it.
 */
static void add_utc_timestamp(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    enum { SECONDS_END = 19 };
    struct hk_str at = envelope->occurred_at;
    char text[SECONDS_END + 1];
    struct tm tm = {0};
    size_t n_fraction = 0;
    int offset_minutes;
    time_t seconds;

    if (at.p == NULL || at.n <= SECONDS_END) {
        add_timestamp(envelope, ret);
        return;
    }
    memcpy(text, at.p, SECONDS_END);
    text[SECONDS_END] = '\0';
    text[10] = 'T';
    while (SECONDS_END + n_fraction < at.n && at.p[SECONDS_END + n_fraction] != '\0' &&
           strchr(".0123456789", at.p[SECONDS_END + n_fraction]) != NULL)
        n_fraction++;
    if (!read_offset(
            (struct hk_str){at.p + SECONDS_END + n_fraction, at.n - SECONDS_END - n_fraction},
            &offset_minutes) ||
        strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
        add_timestamp(envelope, ret);
        return;
    }
    seconds = timegm(&tm) - (time_t)offset_minutes * 60;
    (void)gmtime_r(&seconds, &tm);
    hk_buf_printf(ret, "\"%04d-%02d-%02dT%02d:%02d:%02d%.*sZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)n_fraction,
                  at.p + SECONDS_END);
}

/* `names`: of the five members, in order. */
static void add_five(const struct hk_envelope *envelope, const char *const names[5],
                     struct hk_buf *ret)
{
    hk_buf_printf(ret, "{\"%s\":", names[0]);
    hk_buf_add_json_string(ret, envelope->event_type);
    hk_buf_printf(ret, ",\"%s\":", names[1]);
    add_utc_timestamp(envelope, ret);
    hk_buf_printf(ret, ",\"%s\":\"", names[2]);
    add_id(&envelope->event_id, ret);
    hk_buf_printf(ret, "\",\"%s\":\"", names[3]);
    add_id(&envelope->subscription_id, ret);
    hk_buf_printf(ret, "\",\"%s\":", names[4]);
    hk_buf_add_str(ret, envelope->payload);
    hk_buf_add_text(ret, "}");
}

/* As the document's sample spells it, a slip of the pen included: receivers read "topicNamee". */
static void add_acculynx(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    static const char *const names[] = {"topicNamee", "eventDateTime", "eventId", "subscriptionId",
                                        "Event"};

    add_five(envelope, names, ret);
}

/* As the document's table has it. */
static void add_acculynx_table(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    static const char *const names[] = {"Type", "EventDateTime", "EventId", "SubscriptionId",
                                        "Event"};

    add_five(envelope, names, ret);
}

/* ---- CloudEvents 1.0.2 ----------------------------------------------------------------------- */

/* The tenant: its own API's URL, or a name that no other tenant has. */
static void add_source(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    if (envelope->base_url.n > 0) {
        add_url_base(envelope, ret);
        return;
    }
    hk_buf_add_text(ret, "urn:uuid:");
    add_id(&envelope->tenant_id, ret);
}

static void add_cloudevents(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    hk_buf_add_text(ret, "{\"specversion\":\"1.0\",\"id\":\"");
    add_id(&envelope->event_id, ret);
    hk_buf_add_text(ret, "\",\"source\":\"");
    add_source(envelope, ret);
    hk_buf_add_text(ret, "\",\"type\":");
    hk_buf_add_json_string(ret, envelope->event_type);
    if (envelope->company.p != NULL) {
        hk_buf_add_text(ret, ",");
        hk_buf_add_json_member(ret, "subject", envelope->company);
    }
    hk_buf_add_text(ret, ",\"time\":");
    add_timestamp(envelope, ret);
    hk_buf_add_text(ret, ",\"datacontenttype\":\"application/json\"");
    if (envelope->custom_values.p != NULL) { /* an attribute is no object, but may be a string */
        hk_buf_add_text(ret, ",\"customfields\":");
        hk_buf_add_json_string(ret, envelope->custom_values);
    }
    hk_buf_add_text(ret, ",\"data\":");
    hk_buf_add_str(ret, envelope->payload);
    hk_buf_add_text(ret, "}");
}

/* The binding's escaping (3.1.3.2): blank, '"', '%' and all outside U+0021 to U+007E. */
static void add_attribute(const char *name, struct hk_str value, struct hk_buf *ret)
{
    hk_buf_printf(ret, "ce-%s: ", name);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (c > 0x20 && c < 0x7f && c != '"' && c != '%')
            hk_buf_add(ret, &value.p[i], 1);
        else
            hk_buf_printf(ret, "%%%02X", c);
    }
    hk_buf_add_text(ret, "\n");
}

/* Custom values may be longer than a header section: binary mode has none. */
static void add_attributes(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    char accepted_at[25];
    struct hk_str time = envelope->occurred_at;

    if (time.p == NULL) {
        hk_format_rfc3339(accepted_us(&envelope->event_id), accepted_at);
        time = hk_str(accepted_at);
    }
    hk_buf_add_text(ret, "ce-specversion: 1.0\nce-id: ");
    add_id(&envelope->event_id, ret);
    hk_buf_add_text(ret, "\nce-source: ");
    add_source(envelope, ret);
    hk_buf_add_text(ret, "\n");
    add_attribute("type", envelope->event_type, ret);
    if (envelope->company.p != NULL)
        add_attribute("subject", envelope->company, ret);
    add_attribute("time", time, ret);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    void (*add_body)(const struct hk_envelope *envelope, struct hk_buf *ret);
    const char *content_type;
} kinds[HK_ENVELOPE_COUNT] = {
    [HK_ENVELOPE_STANDARD] = {"standard", add_standard, "application/json"},
    [HK_ENVELOPE_BASECONE] = {"basecone", add_basecone, "application/json"},
    [HK_ENVELOPE_RAW] = {"raw", add_raw, "application/json"},
    [HK_ENVELOPE_BASIQ] = {"basiq", add_basiq, "application/json"},
    [HK_ENVELOPE_ACCULYNX] = {"acculynx", add_acculynx, "application/json"},
    [HK_ENVELOPE_ACCULYNX_TABLE] = {"acculynx_table", add_acculynx_table, "application/json"},
    [HK_ENVELOPE_CLOUDEVENTS] = {"cloudevents", add_cloudevents,
                                 "application/cloudevents+json; charset=UTF-8"},
    [HK_ENVELOPE_CLOUDEVENTS_BINARY] = {"cloudevents_binary", add_raw, "application/json"},
};

bool hk_envelope_kind_from_name(struct hk_str name, enum hk_envelope_kind *ret)
{
    for (size_t i = 0; i < HK_COUNTOF(kinds); i++) {
        if (hk_str_eq(name, hk_str(kinds[i].name))) {
            *ret = (enum hk_envelope_kind)i;
            return true;
        }
    }
    return false;
}

void hk_envelope_build(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    kinds[envelope->kind].add_body(envelope, ret);
}

void hk_envelope_add_headers(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    hk_buf_add_text(ret, "content-type: ");
    hk_buf_add_text(ret, kinds[envelope->kind].content_type);
    hk_buf_add_text(ret, "\n");
    if (envelope->kind == HK_ENVELOPE_CLOUDEVENTS_BINARY)
        add_attributes(envelope, ret);
    if (envelope->webhook_origin.p != NULL) {
        hk_buf_add_text(ret, "webhook-request-origin: ");
        hk_buf_add_str(ret, envelope->webhook_origin);
        hk_buf_add_text(ret, "\n");
    }
}
