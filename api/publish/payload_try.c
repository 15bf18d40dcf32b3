/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload_try.c - POST /v1/event_types/:name/validate: what publishing would say about a payload,
 * whatever the event type's validation is. {"payload": ...} in; {"valid", "errors"} out. The
 * payload is checked as the bytes that came, as those of an event are.
 */
#include "api/publish/payload_try.h"

#include "api/http/bind.h"
#include "api/http/call.h"
#include "api/http/server.h"
#include "api/publish/payload_check.h"
#include "api/publish/payload_check.sql.h"
#include "hk/json_scan.h"

enum { MAX_REPLY_BYTES = 64 << 10 };

static bool payload_try(struct call *call);
static hk_db_done_fn on_schema_known;

const struct route payload_try_routes[] = {
    {
        .method = "POST",
        .path = "/v1/event_types/:name/validate",
        .scope = SCOPE_EVENT_TYPES_READ,
        .ok_status = 200,
        .handle = payload_try,
    },
    {0},
};

/* The one member of the body. */
static enum hk_code read_payload(struct hk_str body, struct hk_str *ret, struct hk_error *reterr)
{
    struct hk_json_span span, value;
    struct hk_json_cursor cursor;
    struct hk_str name;

    if (event_scan(body, &span, reterr) != HK_OK)
        return reterr->code;
    *ret = HK_STR_NULL;
    cursor = (struct hk_json_cursor){.bytes = span.bytes};
    while (hk_json_next(&cursor, &name, &value)) {
        if (!hk_json_string_eq(name, "payload"))
            return hk_fail(reterr, HK_INVALID_BODY, "", "The only member is payload.");
        if (ret->p != NULL)
            return hk_fail(reterr, HK_INVALID_BODY, "/payload", "appears twice");
        *ret = value.bytes;
    }
    return ret->p == NULL ? hk_fail(reterr, HK_INVALID_BODY, "/payload", "is required") : HK_OK;
}

static bool payload_try(struct call *call)
{
    struct hk_error error = {.code = HK_OK};
    struct hk_str *payload = call_alloc(call, sizeof(*payload));
    struct hk_str name;

    if (read_payload(call->body, payload, &error) != HK_OK ||
        bind_path(call, "name", &name, &error) != HK_OK) {
        call_fail(call, &error);
        return true;
    }
    call->state = payload;
    call->query = (struct hk_db_query){
        .stmt = &stmt_payload_rule,
        .params = {hk_str(call->tenant_id), name},
        .context = &call->context,
        .done = on_schema_known,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    if (hk_db_submit(call->cell->db, &call->query) != HK_OK)
        call_fail_code(call, HK_BUSY, HK_STR_NULL);
    return true;
}

static void reply(struct call *call, struct hk_str text)
{
    struct hk_error fault = {.code = HK_OK};
    struct schema *schema = text.p == NULL ? NULL : schema_compile(text, &fault);
    struct payload_rule rule = {VALIDATION_ENFORCE, schema, fault.code == HK_OK ? NULL : &fault};
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    struct schema_report report;
    const struct hk_str *payload = call->state;
    bool is_valid = payload_matches(&rule, *payload, SCHEMA_MAX_FAULTS, &report);

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    hk_buf_printf(&buf, "{\"valid\":%s,\"errors\":[", is_valid ? "true" : "false");
    payload_faults_write(&buf, report.faults, report.n, "/payload");
    hk_buf_add_text(&buf, "]}");
    schema_free(schema);
    call_reply(call, 200, hk_buf_str(&buf));
}

static void on_schema_known(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);

    if (result->code != HK_OK)
        call_fail_code(call, result->code, HK_STR_NULL);
    else if (result->n_rows == 0)
        call_fail_code(call, HK_NOT_FOUND, HK_STR_NULL);
    else
        reply(call, hk_db_value(result, 0, 0));
}
