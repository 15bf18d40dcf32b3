/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/pg.h - PostgreSQL for tests: one private server a program run (or the one whose
 * socket directory is in HOOKLINE_TEST_PG), one database a test.
 *
 * The server listens on a socket in a directory of mode 0700 and nowhere else, trusts whoever gets
 * there, and does not fsync: it is thrown away when the program ends. Its superuser is `hookline`.
 * Databases are copies of a template that `hookline migrate up` has migrated, once a build.
 */
#ifndef SUPPORT_PG_H
#define SUPPORT_PG_H

#include "hk/base.h"

#define PG_NAME_SIZE 64
#define PG_URL_SIZE  384
#define PG_MAX_ARGS  24

/* The socket directory of the server, which the first call starts. Ends the program on failure. */
const char *pg_server(void);

/*
 * Stops the server (SIGINT: fast; SIGQUIT: at once, as if it had crashed) and starts it again,
 * where it was. For programs that have a server of their own: clear HOOKLINE_TEST_PG first of all.
 */
void pg_stop(int signal_no);
void pg_start(void);

/*
 * The connection string of a database: with user=hookline, the superuser, or without a user, as the
 * API and the worker want it.
 */
void pg_url(const char *database, bool as_superuser, char ret[PG_URL_SIZE]);

/* A fresh, migrated database. Ends the program when `hookline migrate up` fails. */
void pg_create_database(char ret_name[PG_NAME_SIZE]);

/* Drops it, whoever is connected. */
void pg_drop_database(const char *name);

/*
 * Runs SQL as the superuser; the first value of the first row as text, to be freed; NULL for SQL
 * NULL, no row and no result. Ends the program on an SQL error: a test's SQL is to be right.
 */
char *pg_text(const char *database, const char *sql);

/* The same at the server and database of a connection string. */
char *pg_text_at(const char *url, const char *sql);

/*
 * A program of PostgreSQL's with these arguments (NULL-ended), after what drops root's rights: the
 * server refuses to have them. The next few calls keep its path. pg_give() gives a file to whoever
 * it runs as.
 */
void pg_argv(const char *program, const char *const arguments[], const char *ret[PG_MAX_ARGS]);
void pg_give(const char *path);

#endif
