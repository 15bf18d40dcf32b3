/* SPDX-License-Identifier: Apache-2.0 */
/* lib/db_sqlstate.h - what a failure of PostgreSQL means to callers. Pure. */
#ifndef LIB_DB_SQLSTATE_H
#define LIB_DB_SQLSTATE_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "hk/err.h"

/* Of a result that is an error. "HKPAR": no partition takes the row. */
const char *db_sqlstate_of(const PGresult *result);

/* Its code, and whether the statement's data are at fault; of one that is not known both stay. */
void db_sqlstate_judge(const char *sqlstate, enum hk_code *ret_code, bool *ret_is_data_error);

#endif
