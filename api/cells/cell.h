/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cells/cell.h - what a thread has of one cell: its pools of connections, and what hangs off
 * them. A call works with one of them at a time, call->cell.
 */
#ifndef API_CELL_H
#define API_CELL_H

#include "hk/cells.h"
#include "hk/db.h"

struct api_thread;
struct batcher;
struct ingest;
struct limits;
struct receivers;
struct replica;
struct tails;

struct api_cell {
    struct api_thread *thread;
    const struct hk_cell *place; /* its name and its database */
    bool has_been_up;            /* as far as /readyz has seen */
    struct hk_db *db;            /* role hookline_api */
    struct replica *replica;     /* NULL: it has none */
    struct batcher *batcher;
    struct ingest *ingest;
    struct limits *limits;
    struct tails *tails;
    struct receivers *receivers;
};

/* Those of its connections for everything but publishing. Borrows `place`. */
struct hk_db_options cell_db_options(const struct api_cell *cell);

/* Starts connecting. The thread has its loop and its configuration. Borrows `place`. */
void cell_start(struct api_cell *cell, struct api_thread *thread, const struct hk_cell *place);
void cell_free(struct api_cell *cell);

/* Sends what was gathered during a turn of the loop. */
void cell_flush(struct api_cell *cell);

/* The process stops: who waits for something to come is sent away. */
void cell_end(struct api_cell *cell);

/* Whether the cell can be asked, and can store. */
bool cell_is_up(const struct api_cell *cell);

#endif
