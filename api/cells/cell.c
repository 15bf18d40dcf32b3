/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cells/cell.h"

#include "api/auth/authenticate.h"
#include "api/cells/replica.h"
#include "api/http/server.h"
#include "api/inbound/inbound.h"
#include "api/limits/limit.h"
#include "api/live/receive.h"
#include "api/live/tail.h"
#include "api/publish/batcher.h"
#include "api/publish/ingest.h"
#include "api/publish/payload_check.h"

static const struct batch_kind *const batch_kinds[] = {&ingest_kind,       &key_find_kind,
                                                       &payload_rule_kind, &inbound_receive_kind,
                                                       &inbound_find_kind, NULL};

struct hk_db_options cell_db_options(const struct api_cell *cell)
{
    const struct hk_config *config = &cell->place->config;

    return (struct hk_db_options){
        .url = config->database_url,
        .cell = config->cell,
        .schema = config->database_schema,
        .user = "hookline_api",
        .session_options = HK_DB_API_OPTIONS,
        .name = "hookline-api",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .asks_away = true,
        .n_connections = (unsigned)config->api_db_connections,
        .max_queued = (unsigned)config->api_max_pending_requests,
        .max_slow = (unsigned)(config->api_db_connections > 1 ? config->api_db_connections - 1 : 1),
        .slow_timeout_ms = (unsigned)config->api_search_timeout_ms,
    };
}

void cell_start(struct api_cell *cell, struct api_thread *thread, const struct hk_cell *place)
{
    struct hk_db_options options;

    cell->thread = thread;
    cell->place = place;
    options = cell_db_options(cell);
    cell->db = hk_db_new(thread->loop, &options);
    cell->replica = replica_new(cell);
    cell->batcher = batcher_new(cell, batch_kinds);
    cell->ingest = ingest_new(cell);
    cell->limits = limits_new(cell);
    cell->tails = tails_new(cell);
    cell->receivers = receivers_new(cell);
}

void cell_free(struct api_cell *cell)
{
    receivers_free(cell->receivers);
    ingest_free(cell->ingest);
    batcher_free(cell->batcher);
    hk_db_free(cell->db);
    replica_free(cell->replica);
    limits_free(cell->limits);
    tails_free(cell->tails);
}

void cell_flush(struct api_cell *cell)
{
    ingest_flush(cell->ingest);
    batcher_flush(cell->batcher);
}

void cell_end(struct api_cell *cell)
{
    tails_end(cell->tails);
    receivers_end(cell->receivers);
}

bool cell_is_up(const struct api_cell *cell)
{
    return hk_db_is_up(cell->db) && batcher_is_up(cell->batcher);
}
