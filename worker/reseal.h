/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/reseal.h - puts everything that is sealed at rest under the current master key: what
 * stands in clear from before there was one, and what is under the old one. At start and each hour,
 * in small pages; harmless when several workers do it. When a walk has found nothing else any more,
 * the log says that the old key is not needed; `hookline secrets status` counts.
 */
#ifndef WORKER_RESEAL_H
#define WORKER_RESEAL_H

#include "hk/config.h"
#include "hk/vault.h"

struct reseal; /* opaque */
struct hk_db;
struct hk_loop;

/* Uses `db` and `vault`, which must live longer. Starts at once. */
struct reseal *reseal_new(struct hk_loop *loop, const struct hk_config *config, struct hk_db *db,
                          const struct hk_vault *vault);
void reseal_free(struct reseal *reseal);

#endif
