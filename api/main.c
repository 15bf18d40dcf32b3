/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - hookline-api: options, settings, signals. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "api/auth/auth.h"
#include "api/http/route.h"
#include "api/http/server.h"
#include "hk/cells.h"
#include "hk/log.h"
#include "hk/process.h"
#include "hk/vault.h"

static const char usage[] =
    "usage: hookline-api [--print-config | --print-routes | --version | --help]\n"
    "Settings come from HOOKLINE_* environment variables: see docs/configuration.md.\n";

static void on_stop_signal(int signal_number)
{
    (void)signal_number;
    server_stop();
}

static void set_up_process(void)
{
    struct sigaction stop = {.sa_handler = on_stop_signal,
                             .sa_flags = SA_RESETHAND}; /* a second one kills */
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    hk_process_set_limits();
}

static int print_routes(void)
{
    for (size_t table = 0; route_tables[table] != NULL; table++) {
        for (const struct route *route = route_tables[table]; route->method != NULL; route++)
            (void)printf("%s %s %s\n", route->method, route->path, auth_scope_name(route->scope));
    }
    return 0;
}

static int run(const struct hk_cells *cells)
{
    struct hk_config *config = &cells->cells[0].config;
    static struct hk_vault vault;
    int status;

    if (!hk_vault_load(&vault, config, stderr))
        return 78; /* EX_CONFIG */
    hk_log_init("hookline-api", hk_log_level_from_name(config->log_level));
    set_up_process();
    status = server_run(cells, &vault);
    hk_vault_done(&vault);
    return status;
}

int main(int argc, char **argv)
{
    struct hk_config config;
    struct hk_cells cells;
    int status;

    if (argc > 2)
        argv[1] = (char *)(uintptr_t) "--help";
    if (argc > 1 && strcmp(argv[1], "--print-routes") == 0)
        return print_routes();
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return printf("hookline-api %s\n", HOOKLINE_VERSION) < 0;
    if (argc > 1 && strcmp(argv[1], "--print-config") != 0) {
        (void)fputs(usage, stderr);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    if (!hk_config_load(&config, stderr) || !hk_cells_load(&cells, &config, stderr) ||
        !route_check_all())
        return 78; /* EX_CONFIG */
    if (argc > 1) {
        hk_config_print(&config, stdout);
        hk_cells_done(&cells);
        return 0;
    }
    if (config.api_ca_file[0] != '\0' && access(config.api_ca_file, R_OK) != 0) {
        (void)fputs("HOOKLINE_API_CA_FILE: cannot be read\n", stderr);
        return 78;
    }
    status = run(&cells);
    hk_cells_done(&cells);
    return status;
}
