/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica.c - two questions, again and again, that do not wait for each other:
 *
 *     on_tick -> primary_position -> on_primary_position
 *             -> standby_position -> on_standby_position
 */
#include "api/cells/replica.h"

#include <stdlib.h>

#include "api/cells/cell.h"
#include "api/cells/directory.h"
#include "api/cells/replica.sql.h"
#include "api/cells/replica_lag.h"
#include "api/http/server.h"
#include "hk/buf.h"
#include "hk/clock.h"
#include "hk/log.h"
#include "hk/log_query.h"

enum {
    /* Ids are given and replies read by clocks that differ, and an id is older than its commit. */
    YOUNG_MS = 2000,
    MIN_TICK_MS = 25,
    MAX_TICK_MS = 2000,
};

enum replica_state { REPLICA_DOWN, REPLICA_BEHIND, REPLICA_SERVES };

struct question {
    struct hk_db_query query;
    bool is_asked;
    int64_t asked_ms;
};

struct replica {
    struct api_cell *cell;
    struct hk_db *db; /* NULL until it is known which server's replica it has to be */
    struct replica_lag lag;
    struct hk_timer tick;
    struct question of_primary, of_standby;
    enum replica_state state;        /* as it was logged last */
    int64_t n_answered, n_passed_on; /* since then */
};

static const char *const state_names[] = {"down", "behind", "serves"};

static hk_timer_fn on_tick;

static int64_t max_lag_ms(const struct replica *replica)
{
    return replica->cell->place->config.api_max_replica_lag_ms;
}

/* How old what it shows is at most; INT64_MAX: nothing is known of it. */
static int64_t age_ms_of(const struct replica *replica)
{
    return replica_lag_ms(&replica->lag, hk_mono_ms());
}

/* Who was behind has to come closer than who is not, or it would come and go with each tick. */
static enum replica_state state_of(const struct replica *replica)
{
    int64_t most = max_lag_ms(replica);

    if (replica->db == NULL || !hk_db_is_up(replica->db))
        return REPLICA_DOWN;
    return age_ms_of(replica) <= (replica->state == REPLICA_SERVES ? most : most / 2)
               ? REPLICA_SERVES
               : REPLICA_BEHIND;
}

/* Says what has changed. Returns whether it may be asked. */
static bool look(struct replica *replica)
{
    enum replica_state state = state_of(replica);
    int64_t age_ms = age_ms_of(replica);

    if ((state == REPLICA_SERVES) != (replica->state == REPLICA_SERVES)) {
        hk_log(state == REPLICA_SERVES ? HK_LOG_INFO : HK_LOG_WARN,
               state == REPLICA_SERVES ? "replica.joined" : "replica.left",
               HK_CTEXT("cell", replica->cell->place->name), HK_CTEXT("state", state_names[state]),
               HK_I64("behind_ms", age_ms == INT64_MAX ? -1 : age_ms),
               HK_I64("answered", replica->n_answered), HK_I64("passed_on", replica->n_passed_on));
        replica->n_answered = replica->n_passed_on = 0;
    }
    replica->state = state;
    return state == REPLICA_SERVES;
}

void replica_describe(const struct replica *replica, struct hk_buf *buf)
{
    int64_t age_ms = replica == NULL ? 0 : age_ms_of(replica);

    if (replica == NULL)
        hk_buf_add_text(buf, "null");
    else if (age_ms == INT64_MAX)
        hk_buf_add_text(buf, "{\"state\":\"down\",\"behind_ms\":null}");
    else
        hk_buf_printf(buf, "{\"state\":\"%s\",\"behind_ms\":%lld}", state_names[state_of(replica)],
                      (long long)age_ms);
}

/* ---- how far it is behind ------------------------------------------------------------------- */

static void ask(struct question *question, struct hk_db *db)
{
    if (question->is_asked)
        return;
    question->asked_ms = hk_mono_ms();
    question->is_asked = hk_db_submit(db, &question->query) == HK_OK;
}

static uint64_t position_of(const struct hk_db_result *result)
{
    return result->code == HK_OK && result->n_rows == 1 ? (uint64_t)hk_db_int(result, 0, 0) : 0;
}

/* A copy of the cell's primary; a connection to any other server fails, and the log says why. */
static void connect_to(struct replica *replica, int64_t system_identifier)
{
    struct hk_db_options options = cell_db_options(replica->cell);

    options.url = replica->cell->place->replica_url;
    options.session_options = HK_DB_API_OPTIONS " -c default_transaction_read_only=on";
    options.name = "hookline-api-replica";
    options.is_standby = true;
    options.system_identifier = system_identifier;
    replica->db = hk_db_new(replica->cell->thread->loop, &options);
}

static void on_primary_position(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct question *question = HK_CONTAINER_OF(query, struct question, query);
    struct replica *replica = HK_CONTAINER_OF(question, struct replica, of_primary);

    question->is_asked = false;
    if (result->code != HK_OK)
        return;
    replica_lag_note_primary(&replica->lag, position_of(result), question->asked_ms);
    if (replica->db == NULL)
        connect_to(replica, hk_db_int(result, 0, 1));
}

static void on_standby_position(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct question *question = HK_CONTAINER_OF(query, struct question, query);
    struct replica *replica = HK_CONTAINER_OF(question, struct replica, of_standby);

    question->is_asked = false;
    replica_lag_note_standby(&replica->lag, position_of(result));
    (void)look(replica);
}

static void on_tick(struct hk_timer *timer)
{
    struct replica *replica = HK_CONTAINER_OF(timer, struct replica, tick);
    int64_t tick_ms = max_lag_ms(replica) / 8;

    if (tick_ms < MIN_TICK_MS)
        tick_ms = MIN_TICK_MS;
    else if (tick_ms > MAX_TICK_MS)
        tick_ms = MAX_TICK_MS;
    (void)look(replica);
    ask(&replica->of_primary, replica->cell->db);
    if (replica->db != NULL)
        ask(&replica->of_standby, replica->db);
    hk_loop_set_timer(replica->cell->thread->loop, &replica->tick, tick_ms, on_tick);
}

struct replica *replica_new(struct api_cell *cell)
{
    const struct hk_config *config = &cell->place->config;
    struct replica *replica;

    if (cell->place->replica_url == NULL)
        return NULL;
    replica = calloc(1, sizeof(*replica));
    if (replica == NULL)
        abort();
    replica->cell = cell;
    replica->of_primary.query = (struct hk_db_query){
        .stmt = &stmt_primary_position,
        .wants_binary_result = true,
        .done = on_primary_position,
        .timeout_ms = (unsigned)config->api_query_timeout_ms,
    };
    replica->of_standby.query = replica->of_primary.query;
    replica->of_standby.query.stmt = &stmt_standby_position;
    replica->of_standby.query.done = on_standby_position;
    on_tick(&replica->tick);
    return replica;
}

void replica_free(struct replica *replica)
{
    if (replica == NULL)
        return;
    hk_loop_stop_timer(replica->cell->thread->loop, &replica->tick);
    hk_db_free(replica->db);
    free(replica);
}

/* ---- the calls that it answers -------------------------------------------------------------- */

/* When the id that `text` begins with was given; 0: it begins with none. */
static int64_t time_of(struct hk_str text)
{
    struct hk_id id;
    int64_t ms = 0;

    if (text.n > HK_ID_TEXT_SIZE - 1)
        text.n = HK_ID_TEXT_SIZE - 1;
    if (text.p == NULL || !hk_id_parse(text, &id))
        return 0;
    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    return ms;
}

/*
 * Whether a parameter asks for what may be younger than what the replica shows: what has an id (a
 * cheap look-up wherever it is), an event that may be young, or the page behind one that has ended
 * at the primary, whose rest would be left out.
 */
static bool asks_for_news(const char *bind, struct hk_str value, int64_t as_of_ms)
{
    if (strcmp(bind, "?event_id") == 0 || strcmp(bind, "?external_id") == 0)
        return value.p != NULL;
    if (strcmp(bind, "?q") == 0)
        return hk_log_filter_names_an_id(value);
    if (strcmp(bind, ":event_id") == 0 || strcmp(bind, "?cursor") == 0 ||
        strcmp(bind, "=cursor") == 0)
        return time_of(value) > as_of_ms;
    return false;
}

static bool is_too_young(const struct call *call, const struct replica *replica)
{
    const struct route *route = call->match.route;
    int64_t as_of_ms = hk_wall_us() / 1000 - age_ms_of(replica) - YOUNG_MS;

    for (unsigned i = 0; i < route->stmt->n_params; i++) {
        if (asks_for_news(route->bind[i], call->query.params[i], as_of_ms))
            return true;
    }
    return false;
}

/* A tenant whose cell was learned of late may have moved there after what the replica shows. */
static bool may_have_just_come(const struct call *call, const struct replica *replica)
{
    const struct api_thread *thread = call->thread;
    struct hk_id tenant_id;
    unsigned cell;

    return thread->n_cells > 1 && hk_id_parse(hk_str(call->tenant_id), &tenant_id) &&
           directory_find(thread->directory, &tenant_id, age_ms_of(replica), hk_mono_ms(), &cell);
}

enum hk_code replica_submit(struct call *call)
{
    struct replica *replica = call->cell->replica;
    enum hk_code code;

    call->is_at_replica = false;
    if (replica == NULL || !call->match.route->reads_log || !look(replica) ||
        is_too_young(call, replica) || may_have_just_come(call, replica))
        return hk_db_submit(call->cell->db, &call->query);
    call->asked_ms = hk_mono_ms();
    call->query.timeout_ms -= call->query.timeout_ms / 4; /* the primary may have to be asked */
    code = hk_db_submit(replica->db, &call->query);
    call->is_at_replica = code == HK_OK;
    return code;
}

/* Its bounds on searches are its own: who has not had a turn there has none at the primary. */
static bool has_answered(const struct hk_db_result *result)
{
    if (result->code == HK_OK && result->n_rows == 1)
        return hk_db_value(result, 0, 0).n == 0;
    return result->code == HK_SEARCH_TOO_SLOW || result->code == HK_BUSY;
}

bool replica_asks_primary(struct call *call, const struct hk_db_result *result)
{
    int64_t left_ms;

    if (!call->is_at_replica)
        return false;
    call->is_at_replica = false;
    call->cell->replica->n_answered += has_answered(result);
    left_ms = call->asked_ms + call->cell->place->config.api_query_timeout_ms - hk_mono_ms();
    if (has_answered(result) || left_ms <= 0)
        return false;
    call->cell->replica->n_passed_on++;
    call->query.timeout_ms = (unsigned)left_ms;
    return hk_db_submit(call->cell->db, &call->query) == HK_OK;
}

unsigned replica_n_slow(const struct call *call)
{
    const struct replica *replica = call->cell->replica;

    return replica == NULL || replica->db == NULL
               ? 0
               : hk_db_n_slow(replica->db, call->context.tenant_id);
}
