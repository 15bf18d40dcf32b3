/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/load_read.h - attempts of the rows that message_load returns. On the loop's thread.
 */
#ifndef WORKER_LOAD_READ_H
#define WORKER_LOAD_READ_H

#include "hk/buf.h"
#include "worker/load.h"

struct hk_db_result;

/* `terms`: of the subscriptions that were read, by the row that has them. */
struct load_reader {
    const struct hk_config *config;
    const struct hk_vault *vault;
    struct hk_buf scratch; /* where bodies are built */
    struct hk_buf opened;  /* where secrets are opened */
    struct terms *terms[CLAIM_MAX];
};

/* Borrows both. */
void load_reader_init(struct load_reader *reader, const struct hk_config *config,
                      const struct hk_vault *vault);
void load_reader_done(struct load_reader *reader);

/* A message's row, and that with its subscription's columns. */
struct load_row {
    const struct claimed *claimed;
    const struct hk_db_result *result;
    unsigned own, of_subscription;
    bool is_of_lanes;
    int64_t lease_ends_ms;
};

/* What is known of an attempt before the load. */
struct attempt *load_attempt_new(const struct claimed *claimed, bool is_of_lanes,
                                 int64_t lease_ends_ms, size_t n_data);

bool load_row_is_gone(const struct load_row *row);
bool load_row_is_run(const struct load_row *row); /* of a flow; else it is a message */

struct attempt *load_read_message(struct load_reader *reader, const struct load_row *row);

/* Behind the last row of a result: the rows of the next one are others. */
void load_reader_forget(struct load_reader *reader);

/* Without what only run_load brings. Its body is the event's payload, as it came. */
struct attempt *load_read_run(struct load_reader *reader, const struct load_row *row);

#endif
