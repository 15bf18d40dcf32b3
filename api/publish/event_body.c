/* SPDX-License-Identifier: Apache-2.0 */
/* event_body.c - event_body_stage -> ask [wait] -> on_found */
#include "api/publish/event_body.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/http/bind.h"
#include "api/http/call.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "hk/encode.h"

enum { CODE, ERRORS, BYTES, CONTENT_TYPE };

static hk_db_done_fn on_found;

enum stage_result event_body_stage(struct call *call)
{
    return bind_and_ask(call, on_found);
}

/* PostgreSQL's base64 has lines: without them, in place of `text`. */
static size_t join_lines(struct hk_str text, char *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\n')
            ret[n++] = text.p[i];
    }
    return n;
}

static void reply_bytes(struct call *call, const struct hk_db_result *result)
{
    struct hk_str encoded = hk_db_value(result, 0, BYTES);
    struct hk_str type = hk_db_value(result, 0, CONTENT_TYPE);
    char *joined = call_alloc(call, encoded.n + 1), *media_type = call_alloc(call, type.n + 1);
    uint8_t *bytes = call_alloc(call, encoded.n + 1);
    size_t n = join_lines(encoded, joined), n_bytes = 0;
    char disposition[HK_ID_TEXT_SIZE + 32];

    if (!hk_b64_decode((struct hk_str){joined, n}, bytes, encoded.n + 1, &n_bytes)) {
        call_fail_code(call, HK_INTERNAL, HK_STR_NULL);
        return;
    }
    memcpy(media_type, type.p == NULL ? "" : type.p, type.n);
    media_type[type.n] = '\0';
    (void)snprintf(disposition, sizeof(disposition), "attachment; filename=\"%.*s\"",
                   (int)call_path_param(call, "event_id").n, call_path_param(call, "event_id").p);
    reply_add_header(call, "content-disposition", hk_str(disposition));
    reply_add_header(call, "content-security-policy", HK_STR("sandbox; default-src 'none'"));
    call_reply_as(call, 200, type.n > 0 ? media_type : "application/octet-stream",
                  (struct hk_str){(const char *)bytes, n_bytes});
}

static void on_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct hk_str code;

    if (result->code != HK_OK || result->n_rows != 1) {
        call_fail_code(call, result->code == HK_OK ? HK_INTERNAL : result->code, HK_STR_NULL);
        return;
    }
    code = hk_db_value(result, 0, CODE);
    if (code.n > 0)
        call_fail_code(call, hk_code_from_slug(code), hk_db_value(result, 0, ERRORS));
    else
        reply_bytes(call, result);
}
