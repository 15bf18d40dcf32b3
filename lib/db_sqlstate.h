/* SPDX-License-Identifier: Apache-2.0 */
/* lib/db_sqlstate.h - what a failure of PostgreSQL means to callers. Pure. */
#ifndef LIB_DB_SQLSTATE_H
#define LIB_DB_SQLSTATE_H

#include <libpq-fe.h>

#include "hk/db.h"

/* Of a result that is an error. "HKPAR": no partition takes the row. */
const char *db_sqlstate_of(const PGresult *result);

/* Its code, and what is at fault, the data or the time it takes; of one that is not known all stay.
 */
void db_sqlstate_judge(const char *sqlstate, struct hk_db_result *ret);

#endif
