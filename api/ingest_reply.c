/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_reply.c - what a publisher hears: see ingest_request.h. */
#include <stdio.h>

#include "api/call.h"
#include "api/ingest_request.h"
#include "api/problem.h"
#include "hk/buf.h"

enum { MAX_REPLY_BYTES = 4 << 20 };

static void reply_one(struct ingest_request *request)
{
    const struct ingest_event *result = &request->results[0];
    char body[96];
    int n;

    if (result->kind == RESULT_FAILED) {
        call_fail(request->call, &request->batch.events[0].error);
        return;
    }
    n = snprintf(body, sizeof(body), "{\"id\":\"%s\",\"duplicate\":%s}", result->id_text,
                 result->kind == RESULT_DUPLICATE ? "true" : "false");
    call_reply(request->call, 202, (struct hk_str){body, (size_t)n});
}

/* The event's error with its place in the batch. */
static struct hk_error error_at(const struct ingest_request *request, unsigned i)
{
    const struct hk_error *own = &request->batch.events[i].error;
    struct hk_error error = {.code = own->code == HK_OK ? request->failure : own->code};

    (void)snprintf(error.pointer, sizeof(error.pointer), "/events/%u%.200s", i, own->pointer);
    memcpy(error.detail, own->detail, sizeof(error.detail));
    return error;
}

static void add_result(struct hk_buf *buf, const struct ingest_request *request, unsigned i)
{
    const struct ingest_event *result = &request->results[i];
    struct hk_error error;

    if (result->kind != RESULT_FAILED) {
        hk_buf_printf(buf, "{\"id\":\"%s\",\"duplicate\":%s}", result->id_text,
                      result->kind == RESULT_DUPLICATE ? "true" : "false");
        return;
    }
    error = error_at(request, i);
    hk_buf_add_text(buf, "{\"error\":");
    problem_write(buf, &error, HK_STR_NULL, "");
    hk_buf_add_text(buf, "}");
}

/* Nothing was stored: one problem with every event's error, and our fault when one is. */
static void reply_all_rejected(struct ingest_request *request)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    enum hk_code code = HK_INVALID_BODY;

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    for (unsigned i = 0; i < request->batch.n; i++) {
        struct hk_error error = error_at(request, i);

        hk_buf_add_text(&buf, i == 0 ? "[{\"pointer\":" : ",{\"pointer\":");
        hk_buf_add_json_string(&buf, hk_str(error.pointer));
        hk_buf_add_text(&buf, ",\"detail\":");
        hk_buf_add_json_string(&buf, hk_str(error.detail));
        hk_buf_add_text(&buf, "}");
        if (error.code == HK_INTERNAL)
            code = HK_INTERNAL;
    }
    hk_buf_add_text(&buf, "]");
    call_fail_code(request->call, code, hk_buf_str(&buf));
}

static void reply_batch(struct ingest_request *request)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    unsigned n_of_kind[RESULT_FAILED + 1] = {0};

    for (unsigned i = 0; i < request->batch.n; i++)
        n_of_kind[request->results[i].kind]++;
    hk_buf_init(&buf, MAX_REPLY_BYTES);
    if (n_of_kind[RESULT_FAILED] == request->batch.n) {
        reply_all_rejected(request);
        return;
    }
    hk_buf_add_text(&buf, "{\"data\":[");
    for (unsigned i = 0; i < request->batch.n; i++) {
        if (i > 0)
            hk_buf_add_text(&buf, ",");
        add_result(&buf, request, i);
    }
    hk_buf_printf(&buf, "],\"accepted\":%u,\"duplicates\":%u,\"rejected\":%u}",
                  n_of_kind[RESULT_STORED], n_of_kind[RESULT_DUPLICATE], n_of_kind[RESULT_FAILED]);
    call_reply(request->call, 202, hk_buf_str(&buf));
}

void ingest_request_reply_if_complete(struct ingest_request *request)
{
    if (request->n_left > 0)
        return;
    if (request->failure != HK_OK)
        call_fail_code(request->call, request->failure, HK_STR_NULL);
    else if (request->batch.is_batch)
        reply_batch(request);
    else
        reply_one(request);
}
