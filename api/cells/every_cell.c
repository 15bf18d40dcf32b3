/* SPDX-License-Identifier: Apache-2.0 */
/*
 * every_cell.c - in the order in which it runs:
 *
 *     every_cell_list or _show -> ask each [wait] -> on_answer, of each -> put together -> reply
 */
#include "api/cells/every_cell.h"

#include <assert.h>
#include <h2o.h>
#include <stdlib.h>

#include "api/cells/directory.sql.h"
#include "api/cells/replica.h"
#include "api/http/page.h"
#include "api/http/server.h"
#include "api/publish/batcher.h"

enum { TIMEOUT_MS = 3000, MAX_REPLY_BYTES = 64 << 20 };

struct row {
    struct hk_str id;
    struct hk_str body; /* .p NULL: what has a greater id was looked at, and nothing else */
};

struct answer {
    struct survey *survey;
    struct hk_db_query query;
    bool is_known;
    unsigned n_rows;
    struct row *rows;
    unsigned next; /* of the rows: while they are merged */
};

/* In the call's pool. */
struct survey {
    struct call *call;
    void (*finish)(struct survey *survey); /* once all have answered, or cannot */
    unsigned n_awaited;
    struct answer answers[]; /* of each of the thread's cells */
};

static hk_db_done_fn on_answer;

static const char *name_of(const struct survey *survey, unsigned i)
{
    return survey->call->thread->cells[i].place->name;
}

static struct survey *new_survey(struct call *call, void (*finish)(struct survey *survey))
{
    unsigned n = call->thread->n_cells;
    size_t size = sizeof(struct survey) + n * sizeof(struct answer);
    struct survey *survey = call_alloc(call, size);

    memset(survey, 0, size);
    survey->call = call;
    survey->finish = finish;
    return survey;
}

/* h2o clears the request's pool. */
static void abandon(struct call *call)
{
    struct survey *survey = call->state;

    for (unsigned i = 0; i < call->thread->n_cells; i++)
        hk_db_abandon(&survey->answers[i].query);
}

/* Of each cell that is there; the pool is `db`. */
static void ask(struct survey *survey, unsigned i, struct hk_db *db,
                const struct hk_db_query *query)
{
    struct answer *answer = &survey->answers[i];

    answer->survey = survey;
    answer->query = *query;
    answer->query.done = on_answer;
    answer->query.timeout_ms = TIMEOUT_MS;
    if (hk_db_is_up(db) && hk_db_submit(db, &answer->query) == HK_OK)
        survey->n_awaited++;
}

static enum stage_result wait_for_answers(struct survey *survey)
{
    struct call *call = survey->call;

    if (survey->n_awaited == 0)
        return call_stage_fail(call, HK_DB_UNAVAILABLE);
    call->state = survey;
    call->abandon = abandon;
    return STAGE_WAIT;
}

static struct hk_str copy_value(struct call *call, const struct hk_db_result *result, unsigned row,
                                unsigned column)
{
    struct hk_str value = hk_db_value(result, row, column);

    return value.p == NULL
               ? value
               : (struct hk_str){h2o_strdup(&call->req->pool, value.p, value.n).base, value.n};
}

static void on_answer(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct answer *answer = HK_CONTAINER_OF(query, struct answer, query);
    struct survey *survey = answer->survey;
    struct call *call = survey->call;

    answer->is_known = result->code == HK_OK;
    answer->n_rows = result->n_rows;
    answer->rows = call_alloc(call, (result->n_rows + 1) * sizeof(*answer->rows));
    for (unsigned i = 0; i < result->n_rows; i++)
        answer->rows[i] =
            (struct row){copy_value(call, result, i, 0), copy_value(call, result, i, 1)};
    if (--survey->n_awaited > 0)
        return;
    call->abandon = NULL;
    survey->finish(survey);
}

static struct hk_str copy_text(struct call *call, const struct hk_buf *buf)
{
    struct hk_str text = hk_buf_str(buf);

    return (struct hk_str){h2o_strdup(&call->req->pool, text.p, text.n).base, text.n};
}

/* ---- a list --------------------------------------------------------------------------------- */

static int compare(struct hk_str a, struct hk_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    return n == 0 ? 0 : memcmp(a.p, b.p, n);
}

/* The greatest id that a cell stopped at: below it nobody knows what there is. .n 0: none did. */
static struct hk_str find_bound(const struct survey *survey)
{
    struct hk_str bound = HK_STR("");

    for (unsigned i = 0; i < survey->call->thread->n_cells; i++) {
        const struct answer *answer = &survey->answers[i];

        for (unsigned r = 0; r < answer->n_rows; r++) {
            if (answer->rows[r].body.p == NULL &&
                (bound.n == 0 || compare(answer->rows[r].id, bound) > 0))
                bound = answer->rows[r].id;
        }
    }
    return bound;
}

/* The object with the greatest id of those that are left; NULL: there is none. */
static const struct row *take_next(struct survey *survey)
{
    struct answer *best = NULL;

    for (unsigned i = 0; i < survey->call->thread->n_cells; i++) {
        struct answer *answer = &survey->answers[i];

        while (answer->next < answer->n_rows && answer->rows[answer->next].body.p == NULL)
            answer->next++;
        if (answer->next < answer->n_rows &&
            (best == NULL || compare(answer->rows[answer->next].id, best->rows[best->next].id) > 0))
            best = answer;
    }
    return best == NULL ? NULL : &best->rows[best->next++];
}

/* {"unavailable_cells":["b"]}, for reply_list(); .p NULL when all have answered. */
static struct hk_str name_unavailable(struct survey *survey)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    unsigned n = 0;

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    for (unsigned i = 0; i < survey->call->thread->n_cells; i++) {
        if (survey->answers[i].is_known)
            continue;
        hk_buf_add_text(&buf, n++ == 0 ? "{\"unavailable_cells\":[" : ",");
        hk_buf_add_json_string(&buf, hk_str(name_of(survey, i)));
    }
    hk_buf_add_text(&buf, "]}");
    return n == 0 ? HK_STR_NULL : copy_text(survey->call, &buf);
}

static unsigned page_limit(const struct call *call)
{
    unsigned i = 0;

    while (strcmp(call->match.route->bind[i], "?limit") != 0)
        i++;
    return (unsigned)strtoul(call->query.params[i].p, NULL, 10);
}

/* A tenant that is just moving may be told of by two cells: it is shown once. */
static void finish_list(struct survey *survey)
{
    struct call *call = survey->call;
    struct hk_str bound = find_bound(survey), last = HK_STR("");
    struct hk_buf body HK_CLEANUP(hk_buf_done);
    unsigned n = 0, limit = page_limit(call);
    const struct row *row;

    hk_buf_init(&body, MAX_REPLY_BYTES);
    while ((row = take_next(survey)) != NULL && compare(row->id, bound) >= 0) {
        if (hk_str_eq(row->id, last))
            continue;
        if (++n > limit)
            break;
        hk_buf_add_text(&body, n == 1 ? "[" : ",");
        hk_buf_add_str(&body, row->body);
        last = row->id;
    }
    hk_buf_add_text(&body, n == 0 ? "[]" : "]");
    call->reply_code = HK_STR("");
    call->reply_body = copy_text(call, &body);
    call->reply_key = n > limit ? last : bound.n > 0 ? bound : HK_STR_NULL;
    call->reply_head = name_unavailable(survey);
    call->stage++;
    call_run(call);
}

enum stage_result every_cell_list(struct call *call)
{
    struct survey *survey = new_survey(call, finish_list);
    const struct hk_stmt *stmt = call->match.route->stmt_of_cell;

    for (unsigned i = 0; i < call->thread->n_cells; i++) {
        struct hk_db_query query = {.stmt = stmt, .context = &call->context};

        memcpy(query.params, call->query.params, sizeof(query.params));
        query.params[stmt->n_params - 1] = hk_str(name_of(survey, i));
        ask(survey, i, call->thread->cells[i].db, &query);
    }
    return wait_for_answers(survey);
}

/* ---- the cells themselves ------------------------------------------------------------------- */

static void finish_show(struct survey *survey)
{
    static const char down[] = "\"state\":\"down\",\"schema_version\":null,\"tenants\":null,"
                               "\"queue_age_ms\":null,\"backlog\":null}";
    struct call *call = survey->call;
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    for (unsigned i = 0; i < call->thread->n_cells; i++) {
        const struct answer *answer = &survey->answers[i];

        hk_buf_printf(&buf, "%s{\"name\":\"%s\",\"replica\":", i == 0 ? "{\"data\":[" : ",",
                      name_of(survey, i));
        replica_describe(call->thread->cells[i].replica, &buf);
        hk_buf_add_text(&buf, ",");
        if (answer->is_known && answer->n_rows == 1)
            hk_buf_add_str(&buf, answer->rows[0].body);
        else
            hk_buf_add_text(&buf, down);
    }
    hk_buf_add_text(&buf, "]}");
    call_reply(call, 200, hk_buf_str(&buf));
}

bool every_cell_show(struct call *call)
{
    struct survey *survey = new_survey(call, finish_show);

    for (unsigned i = 0; i < call->thread->n_cells; i++)
        ask(survey, i, batcher_db(call->thread->cells[i].batcher),
            &(struct hk_db_query){.stmt = &stmt_cell_state});
    (void)wait_for_answers(survey); /* or the reply is on its way */
    return true;
}
