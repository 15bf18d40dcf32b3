/* SPDX-License-Identifier: Apache-2.0 */
/* event_type_check.c - collect -> [ask for what is stored] -> judge each. */
#include "api/schema/event_type_check.h"

#include <stdio.h>

#include "api/http/call.h"
#include "api/http/server.h"
#include "api/schema/event_type_check.sql.h"
#include "api/schema/schema_cache.h"
#include "hk/buf.h"
#include "hk/json_scan.h"

enum { MAX_NAMES_BYTES = 1 << 20, MAX_SENTENCE = 200 };

/* What is given of a type; .kind 0: absent. A value that is null stands for none. */
struct given {
    struct hk_str name; /* with its quotes */
    unsigned index;     /* in the list */
    struct hk_json_span schema, sample, validation;
};

/* In the request's pool while the database is asked. */
struct check {
    const char *list; /* where types are in the request: "/event_types", "/webhooks" or NULL */
    unsigned n;
    struct given *types;
};

static hk_db_done_fn on_stored_known;

/* ---- judging -------------------------------------------------------------------------------- */

static bool is_none(const struct hk_json_span *span)
{
    return span->kind == 0 || span->kind == HK_JSON_NULL;
}

static enum hk_code fail_at(struct hk_error *reterr, const char *prefix, const char *member,
                            const char *pointer, const char *detail)
{
    char whole[sizeof(reterr->pointer)];

    (void)snprintf(whole, sizeof(whole), "%.100s%s%.140s", prefix, member, pointer);
    return hk_fail(reterr, HK_INVALID_BODY, whole, "%.*s", MAX_SENTENCE, detail);
}

static enum hk_code judge(const struct given *type, const char *prefix, struct hk_error *reterr)
{
    struct hk_error fault = {.code = HK_OK};
    enum hk_code code = HK_OK;
    struct schema_report report;
    struct schema *schema;

    if (type->validation.kind == 0 || hk_json_string_eq(type->validation.bytes, "off"))
        return HK_OK;
    if (is_none(&type->schema))
        return fail_at(reterr, prefix, "/validation", "", "needs a schema");
    schema = schema_compile(type->schema.bytes, &fault);
    if (schema == NULL)
        return fail_at(reterr, prefix, "/schema", fault.pointer, fault.detail);
    if (!is_none(&type->sample) && hk_json_string_eq(type->validation.bytes, "enforce") &&
        !schema_check(schema, type->sample.bytes, 1, &report))
        code =
            fail_at(reterr, prefix, "/sample", report.faults[0].pointer, report.faults[0].detail);
    schema_free(schema);
    return code;
}

static enum hk_code judge_all(const struct check *check, struct hk_error *reterr)
{
    for (unsigned i = 0; i < check->n; i++) {
        const struct given *type = &check->types[i];
        char prefix[192] = "";

        if (check->list != NULL && strcmp(check->list, "/webhooks") == 0)
            (void)snprintf(prefix, sizeof(prefix), "%s/%.*s", check->list, (int)type->name.n - 2,
                           type->name.p + 1);
        else if (check->list != NULL)
            (void)snprintf(prefix, sizeof(prefix), "%s/%u", check->list, type->index);
        if (judge(type, prefix, reterr) != HK_OK)
            return reterr->code;
    }
    return HK_OK;
}

/* ---- collecting ----------------------------------------------------------------------------- */

static struct given read_given(const struct hk_json_span *object)
{
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct given given = {.name = HK_STR_NULL};
    struct hk_json_span value;
    struct hk_str name;

    while (hk_json_next(&cursor, &name, &value)) {
        if (hk_json_string_eq(name, "name"))
            given.name = value.bytes;
        else if (hk_json_string_eq(name, "schema"))
            given.schema = value;
        else if (hk_json_string_eq(name, "sample"))
            given.sample = value;
        else if (hk_json_string_eq(name, "validation"))
            given.validation = value;
    }
    return given;
}

static bool says_something(const struct given *given)
{
    return given->schema.kind != 0 || given->sample.kind != 0 || given->validation.kind != 0;
}

static struct hk_json_span scan(struct hk_str text)
{
    struct hk_json_span span = {.kind = 0};
    size_t at;

    if (text.p != NULL && !hk_json_scan(text, &span, &at))
        span.kind = 0;
    return span;
}

static struct check *collect_one(struct call *call)
{
    struct check *check = call_alloc(call, sizeof(*check));
    struct hk_json_span body = scan(call->body);

    *check = (struct check){.types = call_alloc(call, sizeof(*check->types))};
    check->types[0] = read_given(&body);
    check->n = says_something(&check->types[0]);
    return check;
}

static struct check *collect_list(struct call *call, const char *where,
                                  const struct hk_json_span *list)
{
    struct check *check = call_alloc(call, sizeof(*check));
    struct hk_json_cursor cursor = {.bytes = list->bytes};
    struct hk_json_span object;
    struct hk_str ignored;
    unsigned n = 0;

    *check = (struct check){.list = where};
    while (hk_json_next(&cursor, &ignored, &object))
        n++;
    check->types = call_alloc(call, (n + 1) * sizeof(*check->types));
    cursor = (struct hk_json_cursor){.bytes = list->bytes};
    for (unsigned i = 0; hk_json_next(&cursor, &ignored, &object); i++) {
        struct given given = read_given(&object);

        given.index = i;
        if (says_something(&given))
            check->types[check->n++] = given;
    }
    return check;
}

/* ---- what is stored ------------------------------------------------------------------------- */

static struct hk_str list_names(struct call *call, const struct check *check)
{
    struct hk_buf names HK_CLEANUP(hk_buf_done);
    char *copy;

    hk_buf_init(&names, MAX_NAMES_BYTES);
    for (unsigned i = 0; i < check->n; i++) {
        hk_buf_add_text(&names, i == 0 ? "[" : ",");
        hk_buf_add_str(&names, check->types[i].name);
    }
    hk_buf_add_text(&names, "]");
    copy = call_alloc(call, names.n + 1);
    memcpy(copy, names.p, names.n + 1);
    return (struct hk_str){copy, names.n};
}

static enum stage_result ask(struct call *call, struct check *check)
{
    if (check->n == 0)
        return STAGE_NEXT;
    call->state = check;
    call->query = (struct hk_db_query){
        .stmt = &stmt_event_type_stored,
        .params = {hk_str(call->tenant_id), list_names(call, check)},
        .context = &call->context,
        .done = on_stored_known,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}

/* The row is borrowed: what is filled in here is judged before it goes. */
static void fill_in(struct check *check, const struct hk_db_result *result, unsigned row)
{
    struct hk_str name = hk_db_value(result, row, 0);

    for (unsigned i = 0; i < check->n; i++) {
        struct given *type = &check->types[i];

        if (!hk_json_string_eq(type->name, name.p))
            continue;
        if (type->validation.kind == 0)
            type->validation = (struct hk_json_span){HK_JSON_STRING, hk_db_value(result, row, 1)};
        if (type->schema.kind == 0)
            type->schema = scan(hk_db_value(result, row, 2));
        if (type->sample.kind == 0)
            type->sample = scan(hk_db_value(result, row, 3));
    }
}

static void on_stored_known(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct check *check = call->state;
    struct hk_error error = {.code = HK_OK};
    bool is_missing;

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    for (unsigned row = 0; row < result->n_rows; row++)
        fill_in(check, result, row);
    is_missing = check->list == NULL && result->n_rows == 0; /* the statement will say so */
    if (!is_missing && judge_all(check, &error) != HK_OK) {
        call_fail(call, &error);
        return;
    }
    call->stage++;
    call_run(call);
}

/* ---- stages --------------------------------------------------------------------------------- */

enum stage_result event_type_check_created(struct call *call)
{
    struct hk_error error = {.code = HK_OK};

    if (judge_all(collect_one(call), &error) == HK_OK)
        return STAGE_NEXT;
    call_fail(call, &error);
    return STAGE_REPLIED;
}

/* A name with other characters than these is none, and the statement will say so. */
static bool is_plain(struct hk_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' &&
            c != '.' && c != '-')
            return false;
    }
    return true;
}

enum stage_result event_type_check_changed(struct call *call)
{
    struct check *check = collect_one(call);
    struct hk_str name = call_path_param(call, "name");
    char *quoted;

    if (!is_plain(name))
        return STAGE_NEXT;
    quoted = call_alloc(call, name.n + 2);
    quoted[0] = quoted[name.n + 1] = '"';
    memcpy(quoted + 1, name.p, name.n);
    check->types[0].name = (struct hk_str){quoted, name.n + 2};
    return ask(call, check);
}

enum stage_result event_type_check_imported(struct call *call)
{
    struct hk_json_span body = scan(call->body), list = {.kind = 0};
    struct hk_json_cursor cursor = {.bytes = body.bytes};
    struct hk_str name;

    while (hk_json_next(&cursor, &name, &list) && !hk_json_string_eq(name, "event_types"))
        continue;
    return ask(call, collect_list(call, "/event_types", &list));
}

enum stage_result event_type_check_webhooks(struct call *call)
{
    struct hk_json_span list = {.kind = 0};

    for (unsigned i = 0; i < call->n_set_params; i++) {
        if (strcmp(call->set_params[i].name, "=event_types") == 0)
            list = scan(call->set_params[i].value);
    }
    return ask(call, collect_list(call, "/webhooks", &list));
}
