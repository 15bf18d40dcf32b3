/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/ingest_request.h - one POST /v1/events, its events' results and its reply. Private to
 * ingest.c and ingest_reply.c.
 */
#ifndef API_INGEST_REQUEST_H
#define API_INGEST_REQUEST_H

#include "api/publish/batcher.h"
#include "api/publish/event_reader.h"
#include "hk/id.h"

struct call;
struct schema_fault;

enum result_kind { RESULT_NONE, RESULT_STORED, RESULT_DUPLICATE, RESULT_FAILED };

/* Lives in its call's pool, which is freed once the reply is sent. */
struct ingest_request {
    struct call *call;
    struct event_batch batch;
    struct ingest_event {
        struct batch_item item;
        struct ingest_request *request; /* whose event it is; set when it is queued */
        enum result_kind kind;
        struct hk_id id;
        char id_text[HK_ID_TEXT_SIZE];
        bool awaits_rule; /* see payload_check.c */
        bool is_to_be_refused;
        unsigned n_faults;
        struct schema_fault *faults; /* of its payload: with enforce, the reason of its failure */
    } * results;                     /* one per event */
    struct hk_str traceparent;
    unsigned n_left;      /* events without a result */
    enum hk_code failure; /* see ingest_request_fail() */
};

/*
 * An event has failed, and with it the request. Only when all that failed did so because their
 * tenant is away does the request go on in another cell: nothing of them was stored in this one.
 */
static inline void ingest_request_fail(struct ingest_request *request, enum hk_code code)
{
    if (request->failure == HK_OK || request->failure == HK_TENANT_MOVING)
        request->failure = code;
}

/* Gives the request's events a place in the next batches; replies when none needs one. */
void ingest_enqueue(struct ingest_request *request);

/*
 * Replies when no event is left without a result; nothing may touch the request afterwards.
 *
 * A failure of the database fails the whole request: the producer repeats it, and external ids keep
 * what was stored already from being stored twice.
 */
void ingest_request_reply_if_complete(struct ingest_request *request);

#endif
