/* SPDX-License-Identifier: Apache-2.0 */
#include "api/publish/ingest_rows.h"

#include <h2o.h>

#include "api/http/call.h"
#include "api/http/server.h"
#include "api/publish/ingest.sql.h"
#include "hk/clock.h"

const struct batch_shape ingest_shape = {
    .stmt = &stmt_ingest_events,
    .n_arrays = 9,
    .types = {HK_PG_UUID, HK_PG_TEXT, HK_PG_TEXT, HK_PG_INT4, HK_PG_UUID, HK_PG_TEXT, HK_PG_TEXT,
              HK_PG_TEXT, HK_PG_TEXT},
};

void ingest_rows_add(struct batch_rows *rows, struct ingest_request *request, unsigned i)
{
    struct ingest_event *result = &request->results[i];
    const struct event_input *event = &request->batch.events[i];
    struct hk_pgarray *arrays = rows->arrays;
    struct event_kind kind = {request->call->caller.tenant_id, event->event_type, event->company};

    if (!result->item.is_solo)
        result->id = hk_id_new(&request->call->thread->ids, hk_wall_us() / 1000);
    hk_pgarray_add_int(&arrays[3], event_kinds_place(&rows->kinds, &kind, arrays));
    hk_pgarray_add_id(&arrays[4], &result->id);
    hk_pgarray_add_str(&arrays[5], event->external_id);
    hk_pgarray_add_str(&arrays[6], event->occurred_at);
    hk_pgarray_add_str(&arrays[7], event->payload);
    hk_pgarray_add_str(&arrays[8], request->traceparent);
    rows->n++;
}

/* None, of what was refused, is "". */
static void keep_id(struct ingest_event *event, struct hk_str id)
{
    size_t n = id.n < HK_ID_TEXT_SIZE ? id.n : 0;

    if (n > 0)
        memcpy(event->id_text, id.p, n);
    event->id_text[n] = '\0';
}

enum result_kind ingest_rows_read(struct ingest_request *request, unsigned i,
                                  const struct hk_db_result *result, unsigned row)
{
    struct hk_str code = hk_db_value(result, row, 0), id = hk_db_value(result, row, 1);
    struct hk_error *error = &request->batch.events[i].error;

    if (hk_str_eq(code, HK_STR("unknown_company")))
        (void)hk_fail(error, HK_INVALID_BODY, "/company",
                      "is not the external_id of a company of this tenant");
    else if (hk_str_eq(code, HK_STR("unknown_event_type")))
        (void)hk_fail(error, HK_INVALID_BODY, "/event_type", "is not an event type of this tenant");
    else if (hk_str_eq(code, HK_STR("tenant_moving")))
        ingest_request_fail(request, HK_TENANT_MOVING);
    keep_id(&request->results[i], id);
    if (code.n > 0)
        return RESULT_FAILED;
    return hk_str_eq(hk_db_value(result, row, 2), HK_STR("t")) ? RESULT_DUPLICATE : RESULT_STORED;
}
