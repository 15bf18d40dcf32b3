/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/second.h - a second PostgreSQL beside the one of pg.h, for cells that share nothing
 * with the first: started by the first call, thrown away at the program's end.
 */
#ifndef SUPPORT_SECOND_H
#define SUPPORT_SECOND_H

#include "tests/support/pg.h"

/* A fresh, migrated database there. Ends the program on failure, as the others do. */
void second_create_database(char ret_name[PG_NAME_SIZE]);

/* As pg_url() and pg_text(). */
void second_url(const char *database, bool as_superuser, char ret[PG_URL_SIZE]);
char *second_text(const char *database, const char *sql);

#endif
