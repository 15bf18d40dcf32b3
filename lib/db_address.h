/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_address.h - the addresses of the hosts of a connection string; private to lib/db*.c.
 *
 * libpq looks names up by itself, and waits for it: a name server that does not answer would stop
 * the loop, and with it all other databases. So a thread does it before, one for each look-up.
 */
#ifndef LIB_DB_ADDRESS_H
#define LIB_DB_ADDRESS_H

#include "hk/loop.h"

struct db_address; /* a look-up: opaque */

/* Lists as libpq has them, of equal lengths: overrides for those of the connection string. */
struct db_address_found {
    const char *hosts, *addresses, *ports;
};

/* `found` is borrowed; NULL when no name has an address. The look-up is over. */
typedef void db_address_done_fn(void *done_arg, const struct db_address_found *found);

/*
 * Begins to look the names of `url` up; done() comes once, from the loop, unless it is abandoned.
 * NULL when there is no name to look up, or no thread to be had: then libpq needs no help.
 */
struct db_address *db_address_find(struct hk_loop *loop, const char *url, db_address_done_fn *done,
                                   void *done_arg);

/* done() never comes. NULL does nothing. */
void db_address_abandon(struct db_address *address);

#endif
