/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/event_kinds.h - the kinds of a batch of events, each once: whose, of which type, for
 * which company. Where an event goes depends on no more, so ingest.sql looks it up once for each
 * kind.
 */
#ifndef API_EVENT_KINDS_H
#define API_EVENT_KINDS_H

#include "hk/pgarray.h"

enum { EVENT_KINDS_MAX = 1000, EVENT_KINDS_N_SLOTS = 2048 };

/* The texts are borrowed until the kinds are cleared. */
struct event_kind {
    struct hk_id tenant_id;
    struct hk_str event_type, company;
};

struct event_kinds {
    unsigned n;
    uint16_t slots[EVENT_KINDS_N_SLOTS]; /* by hash: a place, or 0 */
    struct event_kind kinds[EVENT_KINDS_MAX];
};

/* Those of zeros only are empty. */
void event_kinds_clear(struct event_kinds *kinds);

/*
 * The kind's place, from 1. When it is not there it is added, at most EVENT_KINDS_MAX of them, and
 * to `arrays`, the first three of ingest_events: tenant, type, company.
 */
unsigned event_kinds_place(struct event_kinds *kinds, const struct event_kind *kind,
                           struct hk_pgarray arrays[3]);

#endif
