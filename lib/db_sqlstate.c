/* SPDX-License-Identifier: Apache-2.0 */
#include "db_sqlstate.h"

#include <string.h>

#include "hk/base.h"

/* What a SQLSTATE means to the caller; the first prefix that fits. */
static const struct {
    const char *prefix;
    enum hk_code code;
    bool is_data_error;
} sqlstates[] = {
    {"", HK_OK, false},
    {"23505", HK_CONFLICT, true}, /* unique_violation */
    {"22", HK_INTERNAL, true},    /* data exception */
    {"23", HK_INTERNAL, true},    /* integrity constraint violation */
    {"08", HK_DB_UNAVAILABLE, false},
    {"25006", HK_DB_UNAVAILABLE, false}, /* read-only: a failover is under way */
    {"40", HK_DB_UNAVAILABLE, false},    /* serialization failure, deadlock: tried again before */
    {"53", HK_DB_UNAVAILABLE, false},    /* out of disk, memory, connections */
    {"55P03", HK_DB_UNAVAILABLE, false}, /* lock timeout */
    {"HKQUO", HK_QUOTA_EXCEEDED, false}, /* quota_take() */
    {"HKPAR", HK_DB_UNAVAILABLE, false}, /* a week's partition is missing: a worker makes it */
    {"57", HK_DB_UNAVAILABLE, false},    /* shutdown, statement timeout */
};

/* PostgreSQL calls a row that no partition takes a check violation, which is no fault of the row.
 */
const char *db_sqlstate_of(const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (sqlstate == NULL)
        return "08006";
    return strcmp(sqlstate, "23514") == 0 &&
                   PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) == NULL
               ? "HKPAR"
               : sqlstate;
}

void db_sqlstate_judge(const char *sqlstate, enum hk_code *ret_code, bool *ret_is_data_error)
{
    for (size_t i = 0; i < HK_COUNTOF(sqlstates); i++) {
        size_t n = strlen(sqlstates[i].prefix);

        if (n == 0 ? sqlstate[0] == '\0' : strncmp(sqlstate, sqlstates[i].prefix, n) == 0) {
            *ret_code = sqlstates[i].code;
            *ret_is_data_error = sqlstates[i].is_data_error;
            return;
        }
    }
}
