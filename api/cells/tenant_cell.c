/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tenant_cell.c - in the order in which it runs:
 *
 *     enter [-> ask [wait] -> on_found -> the stage again -> enter]
 *     choose -> place [wait] -> on_placed: of a new tenant
 *     follow -> ask [wait] -> on_asked_again -> the stage again, elsewhere; or tenant_moving
 */
#include "api/cells/tenant_cell.h"

#include "api/cells/directory.h"
#include "api/cells/directory.sql.h"
#include "api/http/server.h"
#include "hk/clock.h"
#include "hk/log.h"

enum { ASK_AGAIN_MS = 1000 }; /* about a tenant whose cell cannot be reached: it may have moved */

static hk_db_done_fn on_found;
static hk_db_done_fn on_placed;
static hk_db_done_fn on_asked_again;

static bool is_installation(const struct hk_id *tenant_id)
{
    static const struct hk_id nil;

    return memcmp(tenant_id, &nil, sizeof(nil)) == 0;
}

/* Whoever calls: the tenant itself may be away from the home cell. */
static const struct hk_db_context installation = {
    .tenant_id = {"00000000-0000-0000-0000-000000000000", 36},
    .actor = {"", 0},
    .request_id = {"", 0}};

static enum hk_code ask(struct call *call, hk_db_done_fn *done)
{
    call->query = (struct hk_db_query){
        .stmt = &stmt_tenant_cell_find,
        .params = {hk_str(call->tenant_id)},
        .context = &installation,
        .done = done,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->thread->home->db, &call->query);
}

/* What the directory answers is kept. False: it names a cell that this process does not have. */
static bool take_answer(struct call *call, const struct hk_db_result *result, unsigned *ret)
{
    struct api_thread *thread = call->thread;
    struct hk_str name = result->n_rows == 0 ? hk_str(HK_CELLS_HOME) : hk_db_value(result, 0, 0);
    struct hk_id tenant_id;

    for (*ret = 0; *ret < thread->n_cells; ++*ret) {
        if (hk_str_eq(hk_str(thread->cells[*ret].place->name), name) &&
            hk_id_parse(hk_str(call->tenant_id), &tenant_id)) {
            directory_put(thread->directory, &tenant_id, hk_mono_ms(), *ret);
            return true;
        }
    }
    hk_log(HK_LOG_ERROR, "cell.unknown", HK_CTEXT("cell", name.p),
           HK_CTEXT("tenant_id", call->tenant_id));
    return false;
}

/* ---- entering ------------------------------------------------------------------------------- */

/* Whether the tenant of a cell that is down should be asked for anew. */
static bool is_worth_asking(const struct call *call, const struct hk_id *tenant_id, unsigned cell)
{
    const struct api_thread *thread = call->thread;

    return !cell_is_up(&thread->cells[cell]) && hk_db_is_up(thread->home->db) &&
           !directory_find(thread->directory, tenant_id, ASK_AGAIN_MS, hk_mono_ms(), &cell);
}

enum stage_result tenant_cell_enter(struct call *call)
{
    struct api_thread *thread = call->thread;
    struct hk_id tenant_id;
    unsigned cell = 0;

    if (thread->n_cells == 1)
        return STAGE_NEXT;
    if (hk_id_parse(hk_str(call->tenant_id), &tenant_id) && !is_installation(&tenant_id) &&
        (!directory_find(thread->directory, &tenant_id, INT64_MAX, hk_mono_ms(), &cell) ||
         is_worth_asking(call, &tenant_id, cell)))
        return ask(call, on_found) == HK_OK ? STAGE_WAIT : call_stage_fail(call, HK_BUSY);
    call->cell = &thread->cells[cell];
    return STAGE_NEXT;
}

static void on_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    unsigned cell;

    if (result->code != HK_OK)
        call_fail_code(call, result->code, HK_STR_NULL);
    else if (!take_answer(call, result, &cell))
        call_fail_code(call, HK_DB_UNAVAILABLE, HK_STR_NULL);
    else
        call_run(call);
}

enum stage_result tenant_cell_stage(struct call *call)
{
    return call->acts_for_another ? tenant_cell_enter(call) : STAGE_NEXT;
}

/* ---- creating ------------------------------------------------------------------------------- */

enum hk_code tenant_cell_choose(struct call *call, struct hk_str name, struct hk_error *reterr)
{
    struct api_thread *thread = call->thread;

    call->acts_for_another = false; /* nobody needs to be asked where it is */
    call->cell = thread->home;
    if (name.p == NULL)
        return HK_OK;
    for (unsigned i = 0; i < thread->n_cells; i++) {
        if (!hk_str_eq(hk_str(thread->cells[i].place->name), name))
            continue;
        call->cell = &thread->cells[i];
        return HK_OK;
    }
    return hk_fail(reterr, HK_INVALID_BODY, "/cell", "is not a cell of this installation");
}

enum stage_result tenant_cell_place(struct call *call)
{
    if (call->cell == call->thread->home)
        return STAGE_NEXT;
    if (!cell_is_up(call->cell))
        return call_stage_fail(call, HK_DB_UNAVAILABLE);
    call->query = (struct hk_db_query){
        .stmt = &stmt_tenant_cell_place,
        .params = {hk_str(call->tenant_id), hk_str(call->cell->place->name)},
        .context = &installation,
        .done = on_placed,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->thread->home->db, &call->query) == HK_OK
               ? STAGE_WAIT
               : call_stage_fail(call, HK_BUSY);
}

/* Completes the stage. */
static void on_placed(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    call->stage++;
    call_run(call);
}

/* ---- following ------------------------------------------------------------------------------ */

void tenant_cell_stay(struct call *call)
{
    call->has_followed = true;
}

bool tenant_cell_follow(struct call *call)
{
    if (call->thread->n_cells == 1 || call->has_followed)
        return false;
    call->has_followed = true;
    if (call->abandon != NULL) {
        call->abandon(call);
        call->abandon = NULL;
    }
    call->idempotency = NULL; /* its transaction is rolled back */
    return ask(call, on_asked_again) == HK_OK;
}

static void on_asked_again(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    unsigned cell;

    if (result->code != HK_OK || !take_answer(call, result, &cell) ||
        call->cell == &call->thread->cells[cell]) {
        call_fail_code(call, HK_TENANT_MOVING, HK_STR_NULL);
        return;
    }
    call->cell = &call->thread->cells[cell];
    call_run(call);
}
