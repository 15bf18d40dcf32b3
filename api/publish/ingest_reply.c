/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_reply.c - what a publisher hears: see ingest_request.h. */
#include <stdio.h>

#include "api/http/call.h"
#include "api/http/problem.h"
#include "api/publish/ingest_request.h"
#include "api/publish/payload_check.h"
#include "hk/buf.h"

enum { MAX_REPLY_BYTES = 4 << 20 };

/* "pointer", "detail" of what is wrong with the payload: the event is at `place`. */
static void add_faults(struct hk_buf *buf, const struct ingest_event *result, const char *place)
{
    char prefix[48];

    (void)snprintf(prefix, sizeof(prefix), "%s/payload", place);
    payload_faults_write(buf, result->faults, result->n_faults, prefix);
}

static void add_stored(struct hk_buf *buf, const struct ingest_event *result, const char *place)
{
    hk_buf_add_text(buf, "{\"id\":\"");
    hk_buf_add_text(buf, result->id_text);
    hk_buf_add_text(buf, result->kind == RESULT_DUPLICATE ? "\",\"duplicate\":true"
                                                          : "\",\"duplicate\":false");
    if (result->n_faults > 0) {
        hk_buf_add_text(buf, ",\"warnings\":[");
        add_faults(buf, result, place);
        hk_buf_add_text(buf, "]");
    }
    hk_buf_add_text(buf, "}");
}

static void reply_one(struct ingest_request *request)
{
    const struct ingest_event *result = &request->results[0];
    const struct hk_error *error = &request->batch.events[0].error;
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    if (result->kind != RESULT_FAILED) {
        add_stored(&buf, result, "");
        call_reply(request->call, 202, hk_buf_str(&buf));
    } else if (error->code == HK_PAYLOAD_INVALID) {
        hk_buf_add_text(&buf, "[");
        add_faults(&buf, result, "");
        hk_buf_add_text(&buf, "]");
        call_fail_code(request->call, error->code, hk_buf_str(&buf));
    } else {
        call_fail(request->call, error);
    }
}

static void write_place(char ret[16], unsigned i)
{
    (void)snprintf(ret, 16, "/events/%u", i);
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

/* Elements of a problem's "errors": what is wrong with the event. */
static void add_errors(struct hk_buf *buf, const struct ingest_request *request, unsigned i)
{
    struct hk_error error = error_at(request, i);
    char place[16];

    if (error.code == HK_PAYLOAD_INVALID) {
        write_place(place, i);
        add_faults(buf, &request->results[i], place);
        return;
    }
    hk_buf_add_text(buf, "{\"pointer\":");
    hk_buf_add_json_string(buf, hk_str(error.pointer));
    hk_buf_add_text(buf, ",\"detail\":");
    hk_buf_add_json_string(buf, hk_str(error.detail));
    hk_buf_add_text(buf, "}");
}

static void add_result(struct hk_buf *buf, const struct ingest_request *request, unsigned i)
{
    struct hk_buf errors HK_CLEANUP(hk_buf_done);
    struct hk_error error;
    char place[16];

    hk_buf_init(&errors, MAX_REPLY_BYTES);
    write_place(place, i);
    if (request->results[i].kind != RESULT_FAILED) {
        add_stored(buf, &request->results[i], place);
        return;
    }
    error = error_at(request, i);
    hk_buf_add_text(buf, "{\"error\":");
    if (error.code == HK_PAYLOAD_INVALID) {
        error.pointer[0] = '\0'; /* the faults have their own */
        hk_buf_add_text(&errors, "[");
        add_errors(&errors, request, i);
        hk_buf_add_text(&errors, "]");
    }
    problem_write(buf, &error, errors.n > 0 ? hk_buf_str(&errors) : HK_STR_NULL, "");
    hk_buf_add_text(buf, "}");
}

/*
 * Nothing was stored: one problem with every event's errors. It is our fault when one of them is,
 * and the payloads' when all of them are.
 */
static void reply_all_rejected(struct ingest_request *request)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    enum hk_code code = HK_PAYLOAD_INVALID;

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    for (unsigned i = 0; i < request->batch.n; i++) {
        enum hk_code own = error_at(request, i).code;

        hk_buf_add_text(&buf, i == 0 ? "[" : ",");
        add_errors(&buf, request, i);
        if (own == HK_INTERNAL)
            code = HK_INTERNAL;
        else if (own != HK_PAYLOAD_INVALID && code != HK_INTERNAL)
            code = HK_INVALID_BODY;
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
