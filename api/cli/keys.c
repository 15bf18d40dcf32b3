/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/keys.h"

#include "api/auth/auth.h"
#include "api/cli/cells.h"
#include "api/cli/exit.h"
#include "api/cli/session.h"
#include "hk/vault.h"

struct key_options {
    const char *role, *tenant, *name;
    struct hk_id tenant_id; /* of the installation for an operator's key */
};

static bool read_options(int argc, char **argv, struct key_options *ret)
{
    bool is_operator;

    for (int i = 0; i < argc; i += 2) {
        const char **option = strcmp(argv[i], "--role") == 0     ? &ret->role
                              : strcmp(argv[i], "--tenant") == 0 ? &ret->tenant
                              : strcmp(argv[i], "--name") == 0   ? &ret->name
                                                                 : NULL;

        if (option == NULL || *option != NULL || i + 1 == argc || argv[i + 1][0] == '\0')
            return false;
        *option = argv[i + 1];
    }
    if (ret->role == NULL)
        return false;
    is_operator = strcmp(ret->role, "operator") == 0;
    if (!is_operator && strcmp(ret->role, "admin") != 0)
        return false;
    if (is_operator)
        return ret->tenant == NULL;
    return ret->tenant != NULL && hk_id_parse(hk_str(ret->tenant), &ret->tenant_id);
}

/*
 * A move waits for whoever has this lock (api/cli/move_hold.c). What is asked behind it sees the
 * fence, or is seen by the move.
 */
static const char lock_tenant[] = "SELECT FROM tenant t WHERE t.tenant_id = $1::uuid FOR KEY SHARE";

/* One row when the tenant is there. An admin's key is none of the installation's. */
static const char insert_key[] =
    "WITH created AS ("
    "    INSERT INTO api_key (tenant_id, name, role, key_sha256, hint, created_by)"
    "    SELECT t.tenant_id, $2, $3, decode($4, 'hex'), $5, 'hookline keys create' FROM tenant t"
    "     WHERE t.tenant_id = $1::uuid AND ($3 = 'operator') = (t.tenant_id = installation_id())"
    "       AND NOT EXISTS (SELECT FROM tenant_away w WHERE w.tenant_id = t.tenant_id)"
    "    RETURNING tenant_id, id, name, role"
    "), audited AS ("
    "    INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)"
    "    SELECT c.tenant_id, 'hookline keys create', 'key.created', c.id::text,"
    "           json_build_object('name', c.name, 'role', c.role)"
    "      FROM created c"
    ") "
    "SELECT c.id FROM created c";

static bool store_key(PGconn *connection, const struct key_options *options, const char *key)
{
    char tenant_id[HK_ID_TEXT_SIZE], hex[2 * HK_SHA256_SIZE + 1];
    uint8_t hash[HK_SHA256_SIZE];
    const char *params[] = {tenant_id, options->name == NULL ? options->role : options->name,
                            options->role, hex, key + strlen(key) - 4};
    PGresult *result;
    bool is_stored;

    hk_sha256(key, strlen(key), hash);
    hk_hex_encode(hash, sizeof(hash), hex);
    hk_id_format(&options->tenant_id, tenant_id);

    if (!session_run(connection, "BEGIN", 0, NULL) ||
        !session_run(connection, lock_tenant, 1, params))
        return false;
    result = session_query(connection, insert_key, HK_COUNTOF(params), params);
    if (result == NULL)
        return false;
    is_stored = PQntuples(result) == 1;
    if (!is_stored)
        (void)fprintf(stderr, "hookline: there is no tenant %s, or it is being moved\n", tenant_id);
    PQclear(result);
    return is_stored && session_run(connection, "COMMIT", 0, NULL);
}

/* Where it is to be stored: the installation's keys in the home cell, a tenant's in its own. */
static int open_cell(const struct hk_config *config, const struct hk_id *tenant_id, PGconn **ret)
{
    char id[HK_ID_TEXT_SIZE];
    const struct hk_cell *cell;
    struct hk_cells cells;
    int code;

    if (!hk_cells_load(&cells, config, stderr))
        return EXIT_CONFIG;
    hk_id_format(tenant_id, id);
    code = cells_find_tenant(&cells, id, &cell);
    if (code == EXIT_OK) {
        *ret = session_open(&cell->config);
        code = *ret == NULL ? EXIT_UNAVAILABLE : EXIT_OK;
    }
    hk_cells_done(&cells);
    return code;
}

int keys_create(const struct hk_config *config, int argc, char **argv)
{
    struct key_options options = {0};
    char key[AUTH_KEY_TEXT_SIZE];
    PGconn *connection;
    bool is_stored;
    int code;

    if (!read_options(argc, argv, &options))
        return EXIT_USAGE;
    code = open_cell(config, &options.tenant_id, &connection);
    if (code != EXIT_OK)
        return code;

    auth_key_new(&options.tenant_id, key);
    is_stored = store_key(connection, &options, key);
    PQfinish(connection);
    if (is_stored)
        (void)puts(key);
    explicit_bzero(key, sizeof(key));
    return is_stored ? EXIT_OK : EXIT_FAILED;
}

int keys_master(const struct hk_config *config, int argc, char **argv)
{
    char key[HK_VAULT_KEY_TEXT_SIZE];

    (void)config;
    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;

    hk_vault_new_key(key);
    (void)puts(key);
    explicit_bzero(key, sizeof(key));
    return EXIT_OK;
}
