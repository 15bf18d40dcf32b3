/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps as JSON: a table of members, a row for each kind of step, and what their texts have to be.
 * What is sent by HTTP, and as whom, is in flow_step_http.c.
 */
#include "flow_step_http.h"

#include <stdio.h>

#include "hk/filter.h"
#include "hk/template.h"
#include "hk/url.h"

enum {
    NAME,
    KIND,
    CONDITION,
    TEMPLATE,
    METHOD,
    URL,
    HEADERS,
    BODY,
    CONTENT_TYPE,
    CREDENTIALS,
    TIMEOUT_MS,
    SCHEDULE,
    ON_FAILURE,
    EVENT_TYPE,
    COMPANY,
    PAYLOAD,
    KEY,
    TIMEOUT_S,
    ON_TIMEOUT,
    N_FIELDS
};

#define BIT(field)   (UINT32_C(1) << (field))
#define STEP(member) offsetof(struct flow_step_written, step.member)
#define AT(member)   offsetof(struct flow_step_written, member)

/* clang-format off */
static const struct json_field fields[N_FIELDS] = {
    [NAME] = {"name", JSON_FIELD_STRING, 1, 64, NULL, STEP(name)},
    [KIND] = {"kind", JSON_FIELD_STRING, 1, 16, NULL, AT(kind)},
    [CONDITION] = {"condition", JSON_FIELD_STRING, 1, HK_FILTER_MAX_BYTES, NULL, STEP(condition)},
    [TEMPLATE] = {"template", JSON_FIELD_ANY, 0, 0, NULL, STEP(template)},
    [METHOD] = {"method", JSON_FIELD_STRING, 0, 0, "GET|POST|PUT|PATCH|DELETE", STEP(method)},
    [URL] = {"url", JSON_FIELD_STRING, 1, HK_URL_MAX_BYTES, NULL, STEP(url)},
    [HEADERS] = {"headers", JSON_FIELD_OBJECT, 0, 0, NULL, AT(headers)},
    [BODY] = {"body", JSON_FIELD_ANY, 0, 0, NULL, AT(body)},
    [CONTENT_TYPE] = {"content_type", JSON_FIELD_STRING, 3, 128, NULL, STEP(content_type)},
    [CREDENTIALS] = {"credentials", JSON_FIELD_OBJECT, 0, 0, NULL, STEP(credentials_json)},
    [TIMEOUT_MS] = {"timeout_ms", JSON_FIELD_INTEGER, 1000, HK_FLOW_MAX_TIMEOUT_MS, NULL, STEP(timeout_ms)},
    [SCHEDULE] = {"schedule", JSON_FIELD_STRING, 0, 1024, NULL, STEP(schedule)},
    [ON_FAILURE] = {"on_failure", JSON_FIELD_STRING, 0, 0, "fail|continue", AT(on_failure)},
    [EVENT_TYPE] = {"event_type", JSON_FIELD_STRING, 1, 128, NULL, STEP(event_type)},
    [COMPANY] = {"company", JSON_FIELD_STRING, 1, 1024, NULL, STEP(company)},
    [PAYLOAD] = {"payload", JSON_FIELD_ANY, 0, 0, NULL, AT(payload)},
    [KEY] = {"key", JSON_FIELD_STRING, 1, 1024, NULL, STEP(key)},
    [TIMEOUT_S] = {"timeout_seconds", JSON_FIELD_INTEGER, 1, HK_FLOW_MAX_WAIT_S, NULL, STEP(timeout_s)},
    [ON_TIMEOUT] = {"on_timeout", JSON_FIELD_STRING, 0, 0, "fail|continue", AT(on_timeout)},
};

#define OF_ALL (BIT(NAME) | BIT(KIND))

static const struct {
    const char *name;
    enum hk_step_kind kind;
    uint32_t required, optional;
} kinds[] = {
    {"filter", HK_STEP_FILTER, OF_ALL | BIT(CONDITION), 0},
    {"map", HK_STEP_MAP, OF_ALL | BIT(TEMPLATE), 0},
    {"http", HK_STEP_HTTP, OF_ALL | BIT(URL),
     BIT(METHOD) | BIT(HEADERS) | BIT(BODY) | BIT(CONTENT_TYPE) | BIT(CREDENTIALS) | BIT(TIMEOUT_MS) |
     BIT(SCHEDULE) | BIT(ON_FAILURE)},
    {"emit", HK_STEP_EMIT, OF_ALL | BIT(EVENT_TYPE) | BIT(COMPANY), BIT(PAYLOAD)},
    {"wait", HK_STEP_WAIT, OF_ALL | BIT(KEY) | BIT(TIMEOUT_S), BIT(ON_TIMEOUT)},
};

/* clang-format on */

enum hk_code flow_step_fail(const struct flow_step_reading *r, const char *name, const char *detail)
{
    return json_fields_fail(r->reterr, r->pointer, name, detail);
}

void flow_step_point_at(const struct flow_step_reading *r, const char *name,
                        char ret[FLOW_STEP_POINTER_SIZE])
{
    if (snprintf(ret, FLOW_STEP_POINTER_SIZE, "%s/%s", r->pointer, name) >= FLOW_STEP_POINTER_SIZE)
        ret[FLOW_STEP_POINTER_SIZE - 1] = '\0';
}

enum hk_code flow_step_point_out(const struct flow_step_reading *r, const char *name,
                                 enum hk_code code)
{
    if (code != HK_OK && r->reterr != NULL)
        flow_step_point_at(r, name, r->reterr->pointer);
    return code;
}

enum hk_code flow_step_check_template(const struct flow_step_reading *r, const char *name,
                                      struct hk_str json)
{
    char pointer[FLOW_STEP_POINTER_SIZE];

    flow_step_point_at(r, name, pointer);
    return hk_template_check(json, pointer, r->reterr);
}

enum hk_code flow_step_check_text(const struct flow_step_reading *r, const char *name,
                                  struct hk_str text)
{
    char pointer[FLOW_STEP_POINTER_SIZE];

    flow_step_point_at(r, name, pointer);
    return hk_template_check_text(text, pointer, r->reterr);
}

size_t flow_step_find_kind(struct hk_str object, size_t n_kinds, const char *(*name_of)(size_t))
{
    struct hk_json_cursor cursor = {.bytes = object};
    struct hk_json_span value;
    struct hk_str name;

    while (hk_json_next(&cursor, &name, &value)) {
        if (!hk_json_string_eq(name, "kind") || value.kind != HK_JSON_STRING)
            continue;
        for (size_t i = 0; i < n_kinds; i++) {
            if (hk_json_string_eq(value.bytes, name_of(i)))
                return i;
        }
        break;
    }
    return n_kinds;
}

static bool is_name(struct hk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool is_plain = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');

        if (!is_plain && (i == 0 || (s.p[i] != '_' && s.p[i] != '-')))
            return false;
    }
    return true;
}

/* ---- all kinds ------------------------------------------------------------------------------- */

static enum hk_code check_step(struct flow_step_reading *r, struct flow_step_written *written)
{
    struct hk_flow_step *step = &written->step;
    enum hk_code code = HK_OK;

    if (!is_name(step->name))
        return flow_step_fail(r, "name",
                              "must be a-z, 0-9, _ and -, and begin with one of the first two");
    step->goes_on = hk_str_eq(written->on_failure, HK_STR("continue")) ||
                    hk_str_eq(written->on_timeout, HK_STR("continue"));
    switch (step->kind) {
    case HK_STEP_FILTER:
        return flow_step_point_out(r, "condition", hk_filter_check(step->condition, r->reterr));
    case HK_STEP_MAP:
        return flow_step_check_template(r, "template", step->template);
    case HK_STEP_HTTP:
        return flow_step_check_http(r, written);
    case HK_STEP_EMIT:
        step->template = written->payload;
        code = flow_step_check_text(r, "company", step->company);
        if (code == HK_OK && step->template.p != NULL)
            code = flow_step_check_template(r, "payload", step->template);
        return code;
    case HK_STEP_WAIT:
        return flow_step_check_text(r, "key", step->key);
    }
    return code;
}

static const char *kind_name(size_t i)
{
    return kinds[i].name;
}

static enum hk_code read_step(struct flow_step_reading *r, const struct hk_json_span *value,
                              struct hk_flow_step *ret)
{
    struct flow_step_written written = {.on_failure = HK_STR_NULL};
    struct json_fields table = {fields, N_FIELDS, 0, 0};
    enum hk_code code;
    size_t i;

    if (value->kind != HK_JSON_OBJECT)
        return hk_fail(r->reterr, HK_INVALID_BODY, r->pointer, "must be an object");
    i = flow_step_find_kind(value->bytes, HK_COUNTOF(kinds), kind_name);
    if (i == HK_COUNTOF(kinds))
        return flow_step_fail(r, "kind", "must be one of filter|map|http|emit|wait");
    table.required = kinds[i].required;
    table.allowed = table.required | kinds[i].optional;
    written.step.kind = kinds[i].kind;
    code = json_fields_read(&table, value->bytes, r->pointer, r->texts, &written, r->reterr);
    if (code == HK_OK)
        code = check_step(r, &written);
    *ret = written.step;
    return code;
}

static enum hk_code read_steps(struct flow_step_reading *r, const char *pointer,
                               struct hk_flow_steps *steps)
{
    struct hk_json_cursor cursor = {.bytes = steps->json};
    struct hk_json_span value;
    struct hk_str no_name;
    enum hk_code code = HK_OK;

    while (code == HK_OK && hk_json_next(&cursor, &no_name, &value)) {
        if (steps->n == HK_FLOW_MAX_STEPS)
            return hk_fail(r->reterr, HK_INVALID_BODY, pointer, "must have at most %d steps",
                           HK_FLOW_MAX_STEPS);
        (void)snprintf(r->pointer, sizeof(r->pointer), "%.128s/%u", pointer, steps->n);
        code = read_step(r, &value, &steps->step[steps->n]);
        if (code == HK_OK && hk_flow_steps_find(steps, steps->step[steps->n].name) < steps->n)
            code = flow_step_fail(r, "name", "is that of another step");
        steps->n++;
    }
    return code;
}

enum hk_code hk_flow_steps_parse(struct hk_str json, const char *pointer, bool allows_http,
                                 struct hk_flow_steps *ret, struct hk_error *reterr)
{
    struct json_texts texts;
    struct flow_step_reading reading = {
        .texts = &texts, .allows_http = allows_http, .reterr = reterr};
    enum hk_code code;

    *ret = (struct hk_flow_steps){.n = 0};
    if (json.n > HK_FLOW_MAX_STEPS_BYTES)
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "must have at most %d bytes",
                       HK_FLOW_MAX_STEPS_BYTES);
    code = json_fields_scan(json, HK_JSON_ARRAY, pointer, &ret->json, reterr);
    if (code != HK_OK)
        return code;
    json_texts_init(&texts, ret->json.n);
    ret->text = texts.p;
    code = read_steps(&reading, pointer, ret);
    if (code != HK_OK)
        hk_flow_steps_done(ret);
    return code;
}

void hk_flow_steps_done(struct hk_flow_steps *steps)
{
    json_texts_free(steps->text, steps->json.n);
    *steps = (struct hk_flow_steps){.n = 0};
}

/* ---- back to JSON ---------------------------------------------------------------------------- */

static void write_credentials(struct hk_str object, struct hk_buf *buf)
{
    struct hk_json_cursor cursor = {.bytes = object};
    struct hk_json_span value;
    struct hk_str name;
    const char *separator = "{";

    while (hk_json_next(&cursor, &name, &value)) {
        if (hk_json_string_eq(name, "secret"))
            continue;
        hk_buf_add_text(buf, separator);
        hk_buf_add_str(buf, name);
        hk_buf_add_text(buf, ":");
        hk_buf_add_str(buf, value.bytes);
        separator = ",";
    }
    hk_buf_add_text(buf, "}");
}

void hk_flow_steps_write(const struct hk_flow_steps *steps, struct hk_buf *buf)
{
    const char *done = steps->json.p;

    for (unsigned i = 0; i < steps->n; i++) {
        struct hk_str credentials = steps->step[i].credentials_json;

        if (steps->step[i].secret.p == NULL)
            continue;
        hk_buf_add(buf, done, (size_t)(credentials.p - done));
        write_credentials(credentials, buf);
        done = credentials.p + credentials.n;
    }
    hk_buf_add(buf, done, steps->json.n - (size_t)(done - steps->json.p));
}

unsigned hk_flow_steps_find(const struct hk_flow_steps *steps, struct hk_str name)
{
    for (unsigned i = 0; i < steps->n; i++) {
        if (hk_str_eq(steps->step[i].name, name))
            return i;
    }
    return HK_FLOW_MAX_STEPS;
}
