/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/session.h - a blocking connection to the database as HOOKLINE_DATABASE_URL has it: the
 * schema's owner. The servers never connect like this (lib/db.c).
 */
#ifndef API_CLI_SESSION_H
#define API_CLI_SESSION_H

#include <libpq-fe.h>

#include "hk/config.h"

/* NULL, with the reason on stderr, when the database cannot be reached. End with PQfinish(). */
PGconn *session_open(const struct hk_config *config);

/*
 * Runs `sql` with `n` text parameters; with none, `sql` may hold several statements. The caller
 * clears the result. NULL, with the server's words on stderr, on failure.
 */
PGresult *session_query(PGconn *connection, const char *sql, int n, const char *const *params);

/* The same for what has no result worth keeping. False on failure. */
HK_NODISCARD bool session_run(PGconn *connection, const char *sql, int n,
                              const char *const *params);

#endif
