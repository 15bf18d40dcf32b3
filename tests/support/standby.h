/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/standby.h - a streaming read replica of the program's PostgreSQL (pg.h), as
 * docs/operations.md makes one. All databases are in it. For programs that have a server of their
 * own: clear HOOKLINE_TEST_PG first of all.
 */
#ifndef SUPPORT_STANDBY_H
#define SUPPORT_STANDBY_H

#include "tests/support/pg.h"

/* Copies the primary and starts; thrown away at the program's end. Ends the program on failure. */
void standby_make(void);

/* Stops it (SIGINT, SIGQUIT: see pg_stop()) and starts it again, where it was. */
void standby_stop(int signal_no);
void standby_start(void);

/* Replays nothing until it resumes; waits until it is so. */
void standby_pause(void);
void standby_resume(void);

/*
 * Before all else, in place of clearing HOOKLINE_TEST_PG: a migrated database of the server that
 * it names, which is no copy of the program's own. A connection string without a user; NULL: it
 * names none.
 */
const char *standby_make_stranger(void);

/* As pg_url() and pg_text(). */
void standby_url(const char *database, bool as_superuser, char ret[PG_URL_SIZE]);
char *standby_text(const char *database, const char *sql);

#endif
