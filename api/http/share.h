/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/share.h - caps of a tenant on what lasts long (exports, live tails), of which one
 * partner may take no more than half, so that it cannot keep the others from it. Pure.
 */
#ifndef API_SHARE_H
#define API_SHARE_H

#include "api/http/call.h"

struct share {
    const struct call *call; /* the one that comes; borrowed */
    unsigned of_tenant, of_partner;
};

/* Counts `other`, which is under way, if it takes from the same. Begin with all but `call` 0. */
void share_count(struct share *share, const struct call *other);

/* Whether the call is one too many of `most`; a partner has half of that, rounded up. */
bool share_is_used_up(const struct share *share, unsigned most);

#endif
