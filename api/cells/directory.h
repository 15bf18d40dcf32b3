/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cells/directory.h - in which cell a tenant lives, as far as a thread has asked. What it knows
 * does not grow old: a cell that a tenant has left says so (tenant_away), and then it is asked
 * again. So the home cell, which keeps the directory, may be away for as long as it likes. Pure:
 * the monotonic time is an argument.
 */
#ifndef API_DIRECTORY_H
#define API_DIRECTORY_H

#include "hk/id.h"

struct directory; /* opaque */

struct directory *directory_new(void);
void directory_free(struct directory *directory);

/* Whether it is known, and was asked for no longer than `max_age_ms` ago. */
HK_NODISCARD bool directory_find(const struct directory *directory, const struct hk_id *tenant_id,
                                 int64_t max_age_ms, int64_t now_ms, unsigned *ret_cell);

/*
 * Takes the place of what was known, or of the tenant of its set that was asked for longest ago: of
 * those of the home cell (0), if there are any. So made-up tenants push out nobody but one another.
 */
void directory_put(struct directory *directory, const struct hk_id *tenant_id, int64_t now_ms,
                   unsigned cell);

#endif
