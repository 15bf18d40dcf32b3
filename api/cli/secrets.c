/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/secrets.h"

#include <stdlib.h>

#include "api/cli/cells.h"
#include "api/cli/exit.h"
#include "api/cli/session.h"
#include "hk/vault.h"

/* worker/reseal.c has the same list. The key is "" for what stands in clear. $1: a tenant, or all.
 */
static const char count_by_key[] =
    "WITH stored (tenant_id, place, value) AS ("
    "    SELECT k.tenant_id, 'flow_secret.secret', k.secret FROM flow_secret k"
    "     UNION ALL "
    "    SELECT k.tenant_id, 'signing_key.private_key', k.private_key FROM signing_key k"
    "     WHERE k.private_key IS NOT NULL"
    "     UNION ALL "
    "    SELECT s.tenant_id, 'subscription.client_key', s.client_key FROM subscription s"
    "     WHERE s.client_key IS NOT NULL"
    "     UNION ALL "
    "    SELECT s.tenant_id, 'subscription.headers', h.value"
    "      FROM subscription s CROSS JOIN LATERAL json_each_text(s.headers) h"
    "     WHERE header_is_sensitive(h.key)"
    "     UNION ALL "
    "    SELECT b.tenant_id, 'subscription_credentials.password', b.password"
    "      FROM subscription_credentials b"
    "     UNION ALL "
    "    SELECT k.tenant_id, 'subscription_secret.secret', k.secret FROM subscription_secret k"
    "     UNION ALL "
    "    SELECT k.tenant_id, 'tenant_secret.secret', k.secret FROM tenant_secret k"
    ") "
    "SELECT s.place,"
    "       CASE WHEN s.value ~ '^v1\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]{38,}$'"
    "            THEN substr(s.value, 4, 8) ELSE '' END AS key,"
    "       count(*)"
    "  FROM stored s"
    " WHERE $1::uuid IS NULL OR s.tenant_id = $1::uuid"
    " GROUP BY 1, 2"
    " ORDER BY 1, 2";

/* To be cleared; NULL on failure. */
static PGresult *count(PGconn *connection, const char *tenant_id)
{
    return session_query(connection, count_by_key, 1, &tenant_id);
}

static bool has_key(const struct hk_vault *vault, const char *key)
{
    return key[0] == '\0' || strcmp(key, vault->current.id) == 0 || strcmp(key, vault->old.id) == 0;
}

bool secrets_open(const struct hk_vault *vault, PGconn *connection, const char *tenant_id,
                  const char *cell)
{
    PGresult *counts = count(connection, tenant_id);
    bool is_well = counts != NULL;

    for (int row = 0; is_well && row < PQntuples(counts); row++) {
        const char *key = PQgetvalue(counts, row, 1);

        is_well = has_key(vault, key);
        if (!is_well)
            (void)fprintf(stderr,
                          "hookline: cell %s has secrets under the master key %s (%s), which is"
                          " neither HOOKLINE_MASTER_KEY (%s) nor HOOKLINE_MASTER_KEY_OLD: all cells"
                          " need the same\n",
                          cell, key, PQgetvalue(counts, row, 0), vault->current.id);
    }
    PQclear(counts);
    return is_well;
}

static const char *describe_key(const struct hk_vault *vault, const char *key)
{
    if (key[0] == '\0')
        return "not sealed yet";
    if (strcmp(key, vault->current.id) == 0)
        return "current";
    return has_key(vault, key) ? "old" : "KEY IS MISSING";
}

/* How many are not under the current key. */
static long long print_counts(const struct hk_vault *vault, const PGresult *counts)
{
    long long n_others = 0;

    for (int row = 0; row < PQntuples(counts); row++) {
        const char *key = PQgetvalue(counts, row, 1), *n = PQgetvalue(counts, row, 2);

        (void)printf("%-34s %-8s %-14s %10s\n", PQgetvalue(counts, row, 0),
                     key[0] == '\0' ? "-" : key, describe_key(vault, key), n);
        if (strcmp(key, vault->current.id) != 0)
            n_others += strtoll(n, NULL, 10);
    }
    return n_others;
}

static int print_status(const struct hk_config *config, void *arg)
{
    const struct hk_vault *vault = arg;
    PGconn *connection = session_open(config);
    long long n_others;
    PGresult *counts;

    if (connection == NULL)
        return EXIT_UNAVAILABLE;
    counts = count(connection, NULL);
    PQfinish(connection);
    if (counts == NULL)
        return EXIT_FAILED;
    n_others = print_counts(vault, counts);
    PQclear(counts);
    if (n_others > 0)
        (void)printf("%lld not under the current key %s: a worker seals them within the hour.\n",
                     n_others, vault->current.id);
    else
        (void)printf("All are under the current key %s%s.\n", vault->current.id,
                     vault->old.id[0] == '\0' ? ""
                     : config->cell != NULL
                         ? ": HOOKLINE_MASTER_KEY_OLD is not needed any more in this cell"
                         : ": HOOKLINE_MASTER_KEY_OLD is not needed any more");
    return n_others > 0 ? EXIT_FAILED : EXIT_OK;
}

int secrets_status(const struct hk_config *config, int argc, char **argv)
{
    struct hk_config own = *config;
    struct hk_vault vault;
    int code;

    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;
    if (!hk_vault_load(&vault, &own, stderr))
        return EXIT_CONFIG;
    code = cells_each(config, print_status, &vault);
    hk_vault_done(&vault);
    return code;
}
