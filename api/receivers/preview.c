/* SPDX-License-Identifier: Apache-2.0 */
/* preview.c - preview_stage, attempt_curl_stage -> plan [wait] -> reply */
#include "api/receivers/preview.h"

#include <stdlib.h>

#include "api/http/bind.h"
#include "api/http/call.h"
#include "api/http/server.h"
#include "api/receivers/webhook_plan.h"
#include "hk/describe.h"

enum { MAX_REPLY_BYTES = 96 << 20 };

static hk_db_done_fn on_preview_planned, on_curl_planned;

enum stage_result preview_stage(struct call *call)
{
    return bind_and_ask(call, on_preview_planned);
}

enum stage_result attempt_curl_stage(struct call *call)
{
    return bind_and_ask(call, on_curl_planned);
}

/* Writes the reply, but for the brace that ends it. `request`: NULL when it cannot be made. */
typedef void write_reply_fn(const struct hk_db_result *result, const struct webhook *webhook,
                            const struct hk_request *request, struct hk_buf *buf);

static void write_preview(const struct hk_db_result *result, const struct webhook *webhook,
                          const struct hk_request *request, struct hk_buf *buf)
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
    if (request != NULL)
        hk_describe_request(request, buf);
    else
        hk_buf_add_text(buf, "null");
}

static void write_curl(const struct hk_db_result *result, const struct webhook *webhook,
                       const struct hk_request *request, struct hk_buf *buf)
{
    struct hk_buf command HK_CLEANUP(hk_buf_done);

    (void)webhook;
    hk_buf_init(&command, MAX_REPLY_BYTES / 2);
    if (request != NULL)
        hk_describe_curl(request, &command);
    buf->is_full |= command.is_full;
    hk_buf_add_text(buf, "{");
    hk_buf_add_json_member(buf, "command", request == NULL ? HK_STR_NULL : hk_buf_str(&command));
    hk_buf_add_text(buf, ",\"masked\":");
    if (request != NULL)
        hk_describe_masked(request, buf);
    else
        hk_buf_add_text(buf, "[]");
    hk_buf_add_text(buf, ",\"illustrative\":");
    hk_buf_add_str(buf, hk_db_value(result, 0, PLAN_ILLUSTRATIVE));
}

static bool has_illustrative_signature(const struct hk_db_result *result)
{
    struct hk_str names = hk_db_value(result, 0, PLAN_ILLUSTRATIVE);
    struct hk_str name = HK_STR("\"signature\"");

    return memmem(names.p, names.n, name.p, name.n) != NULL;
}

static void reply(struct call *call, const struct hk_db_result *result, write_reply_fn *write_reply)
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
    write_reply(result, &webhook, is_built ? request : NULL, &buf);
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

static void answer(struct hk_db_query *query, const struct hk_db_result *result,
                   write_reply_fn *write_reply)
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
        reply(call, result, write_reply);
}

static void on_preview_planned(struct hk_db_query *query, const struct hk_db_result *result)
{
    answer(query, result, write_preview);
}

static void on_curl_planned(struct hk_db_query *query, const struct hk_db_result *result)
{
    answer(query, result, write_curl);
}
