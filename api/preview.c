/* SPDX-License-Identifier: Apache-2.0 */
/* preview.c - preview_stage -> plan [wait] -> reply */
#include "api/preview.h"

#include <stdlib.h>

#include "api/bind.h"
#include "api/call.h"
#include "api/server.h"
#include "api/webhook_plan.h"
#include "hk/describe.h"

enum { MAX_REPLY_BYTES = 96 << 20 };

static hk_db_done_fn on_planned;

enum stage_result preview_stage(struct call *call)
{
    struct hk_error error = {0};

    call->query = (struct hk_db_query){
        .stmt = call->match.route->stmt,
        .context = &call->context,
        .done = on_planned,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    if (bind_params(call, &error) != HK_OK) {
        call_fail(call, &error);
        return STAGE_REPLIED;
    }
    return hk_db_submit(call->thread->db, &call->query) == HK_OK ? STAGE_WAIT
                                                                 : call_stage_fail(call, HK_BUSY);
}

static void add_members(const struct hk_db_result *result, const struct webhook *webhook,
                        struct hk_buf *buf)
{
    hk_buf_add_text(buf, "{");
    hk_buf_add_json_member(buf, "profile", hk_db_value(result, 0, PLAN_PROFILE));
    hk_buf_add_text(buf, ",");
    hk_buf_add_json_member(buf, "event_type", webhook->event_type);
    hk_buf_printf(buf, ",\"event_id\":\"%s\",\"message_id\":\"%s\",", webhook->event_id,
                  webhook->message_id);
    hk_buf_add_json_member(buf, "company", webhook->company);
    hk_buf_add_text(buf, ",\"illustrative\":");
    hk_buf_add_str(buf, hk_db_value(result, 0, PLAN_ILLUSTRATIVE));
    hk_buf_add_text(buf, ",\"request\":");
}

static bool has_illustrative_signature(const struct hk_db_result *result)
{
    struct hk_str names = hk_db_value(result, 0, PLAN_ILLUSTRATIVE);
    struct hk_str name = HK_STR("\"signature\"");

    return memmem(names.p, names.n, name.p, name.n) != NULL;
}

static void reply(struct call *call, const struct hk_db_result *result)
{
    struct webhook_plan plan = {
        .result = result,
        .is_preview = true,
        .signs_with_stand_ins = has_illustrative_signature(result),
    };
    struct hk_request *request = malloc(sizeof(*request)); /* 16 KiB: not for the stack */
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    struct webhook webhook HK_CLEANUP(webhook_done);
    const char *why = NULL;
    bool is_built;

    if (request == NULL)
        abort();
    hk_buf_init(&buf, MAX_REPLY_BYTES);
    is_built = webhook_build(call, &plan, &webhook, request, &why);
    add_members(result, &webhook, &buf);
    if (is_built)
        hk_describe_request(request, &buf);
    else
        hk_buf_add_text(&buf, "null");
    hk_buf_add_text(&buf, ",");
    hk_buf_add_json_member(&buf, "error", is_built ? HK_STR_NULL : hk_str(why));
    hk_buf_add_text(&buf, "}");
    explicit_bzero(request, sizeof(*request));
    free(request);
    if (buf.is_full)
        call_fail_code(call, HK_INTERNAL, HK_STR_NULL);
    else
        call_reply(call, call->match.route->ok_status, hk_buf_str(&buf));
}

static void on_planned(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct hk_str code;

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    code = hk_db_value(result, 0, PLAN_CODE);
    if (code.n > 0)
        call_fail_code(call, hk_code_from_slug(code), hk_db_value(result, 0, PLAN_ERRORS));
    else
        reply(call, result);
}
