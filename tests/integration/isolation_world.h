/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of isolation.c: owners of one object of each kind, and what each route must be sent for
 * its ids to be looked at. A new path parameter or body is a line in isolation_world.c.
 */
#ifndef INTEGRATION_ISOLATION_WORLD_H
#define INTEGRATION_ISOLATION_WORLD_H

#include "tests/support/check.h"

enum { MAX_ROUTES = 256, MAX_IDS = 48 };

/* What stands for the :names of a path. A name that is not there: this owner has none of the kind.
 */
struct owner {
    const char *any; /* stands for every name, or NULL */
    struct {
        const char *name, *id;
    } ids[MAX_IDS];
    unsigned n_ids;
};

struct world {
    struct tenant *t;
    struct owner own, foreign_tenant, foreign_partner;
    struct listed_route routes[MAX_ROUTES];
    size_t n_routes;
};

/* Well-formed ids of nothing. */
extern const struct owner owner_missing;

void given_world(struct harness *h, struct world *ret);

/* The body that the route wants, or NULL. */
const char *body_of(const struct listed_route *route);

/* The route's path with an owner's ids; NULL when the owner has none of the kind. */
const char *path_of(struct harness *h, const struct listed_route *route, const struct owner *o);

/* None of the owner's ids is anywhere in the reply. */
void assert_shows_nothing_of(const struct reply *reply, const struct owner *o);

#endif
