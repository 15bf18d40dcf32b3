/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/live/recheck.h - whether the caller of a reply that takes long (an export, a live tail) would
 * be let in now: its key may have been revoked, its session ended, its token expired, its tenant
 * suspended, its role changed. Asked every RECHECK_MS at most.
 */
#ifndef API_RECHECK_H
#define API_RECHECK_H

#include "api/http/call.h"

enum { RECHECK_MS = 15000 };

/* Embedded in who asks, and abandoned by it: hk_db_abandon(&recheck->query). */
struct recheck {
    struct hk_db_query query;
    int64_t good_at_ms; /* monotonic: when the caller was good last */
    char idle_text[16];
};

/* The call has just been authenticated. */
void recheck_init(struct recheck *recheck, const struct call *call);

/* Whether it is time to ask. */
bool recheck_is_due(const struct recheck *recheck);

/* As hk_db_submit(): `done` goes on with recheck_judge(). HK_UNAUTHENTICATED: the token is over. */
HK_NODISCARD enum hk_code recheck_ask(struct recheck *recheck, struct call *call,
                                      hk_db_done_fn *done);

/* HK_OK, HK_UNAUTHENTICATED, or why that is not known. */
enum hk_code recheck_judge(struct recheck *recheck, const struct hk_db_result *result);

#endif
