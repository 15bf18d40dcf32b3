/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/export.h - a whole list as one reply, NDJSON or CSV, however long it is: page by page
 * from the database to the client, the next page only when the one before has been written.
 *
 * A route of an export binds "?format" and "=cursor". Its statement returns one row as a list's
 * does, but `body` is the page's lines as text, and `key` is the cursor of the next page: export.c
 * asks until there is none. So an export is as consistent as a list is, and no transaction is held.
 *
 * The status has been sent when a later page fails. Then the last line says {"incomplete": true}
 * (or "incomplete"), and the connection ends without the mark of a whole body, which every HTTP
 * client takes for an error.
 */
#ifndef API_EXPORT_H
#define API_EXPORT_H

#include "api/http/call.h"

/* The `work` of the route of an export. */
stage_fn export_run;

#endif
