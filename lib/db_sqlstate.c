/* SPDX-License-Identifier: Apache-2.0 */
#include "db_sqlstate.h"

#include <string.h>

#include "hk/base.h"

/* What a SQLSTATE means to the caller; the first prefix that fits. */
static const struct {
    const char *prefix;
    enum hk_code code;
    bool is_data_error, is_timeout;
} sqlstates[] = {
    {"", HK_OK, false, false},
    {"23505", HK_CONFLICT, true, false}, /* unique_violation */
    {"22", HK_INTERNAL, true, false},    /* data exception */
    {"23", HK_INTERNAL, true, false},    /* integrity constraint violation */
    {"08", HK_DB_UNAVAILABLE, false, false},
    {"25006", HK_DB_UNAVAILABLE, false, false}, /* read-only: a failover is under way */
    {"40", HK_DB_UNAVAILABLE, false,
     false}, /* serialization failure, deadlock: tried again before */
    {"53", HK_DB_UNAVAILABLE, false, false},    /* out of disk, memory, connections */
    {"55P03", HK_DB_UNAVAILABLE, false, true},  /* lock timeout */
    {"HKQUO", HK_QUOTA_EXCEEDED, false, false}, /* quota_take() */
    {"HKAWY", HK_TENANT_MOVING, false, false},  /* tenant_fence() */
    {"HKPAR", HK_DB_UNAVAILABLE, false,
     false}, /* a week's partition is missing: a worker makes it */
    {"57014", HK_DB_UNAVAILABLE, false, true}, /* statement timeout */
    {"57", HK_DB_UNAVAILABLE, false, false},   /* shutdown */
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

void db_sqlstate_judge(const char *sqlstate, struct hk_db_result *ret)
{
    for (size_t i = 0; i < HK_COUNTOF(sqlstates); i++) {
        size_t n = strlen(sqlstates[i].prefix);

        if (n == 0 ? sqlstate[0] == '\0' : strncmp(sqlstate, sqlstates[i].prefix, n) == 0) {
            ret->code = sqlstates[i].code;
            ret->is_data_error = sqlstates[i].is_data_error;
            ret->is_timeout = sqlstates[i].is_timeout;
            return;
        }
    }
}
