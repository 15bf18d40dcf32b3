/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - hookline-worker: settings, signals, start and stop.
 *
 * The first SIGTERM or SIGINT drains, the second one ends the process at once; either way nothing
 * is lost: what was not recorded is claimed again when its lease has ended.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hk/addr.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "hk/process.h"
#include "hk/vault.h"
#include "worker/attempt.h"
#include "worker/workers.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 78 }; /* as hookline-api has them */

static struct hk_loop *signal_loop;
static volatile sig_atomic_t n_stop_signals;

static void on_stop_signal(int signal_no)
{
    (void)signal_no;
    if (++n_stop_signals > 1)
        _exit(EXIT_FAILURE);
    hk_loop_wake(signal_loop);
}

static void handle_signals(struct hk_loop *loop)
{
    struct sigaction stop = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    signal_loop = loop;
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static void run(const struct hk_cells *cells, const struct hk_vault *vault,
                const struct hk_networks *networks)
{
    struct hk_loop *loop = hk_loop_new();
    struct workers *workers;
    char host[64] = "", name[96];

    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(name, sizeof(name), "%s:%ld", host, (long)getpid());
    workers = workers_new(&(struct workers_options){
        .loop = loop, .cells = cells, .vault = vault, .allowed_networks = networks, .name = name});
    handle_signals(loop);
    hk_log(HK_LOG_INFO, "worker.started", HK_CTEXT("worker", name),
           HK_CTEXT("version", HOOKLINE_VERSION), HK_I64("n_cells", cells->n),
           HK_I64("max_in_flight", cells->cells[0].config.worker_max_in_flight));

    while (workers_turn(workers)) {
        if (n_stop_signals > 0)
            workers_drain(workers);
    }
    hk_log(HK_LOG_INFO, "worker.stopped", HK_CTEXT("worker", name),
           HK_I64("n_unfinished", workers_n_unfinished(workers)));
    workers_free(workers);
    hk_loop_free(loop);
}

int main(int argc, char **argv)
{
    static struct hk_config config;
    static struct hk_cells cells;
    static struct hk_networks networks;
    static struct hk_vault vault;

    if (argc == 2 && strcmp(argv[1], "--print-states") == 0) {
        attempt_print_states(stdout);
        return EXIT_SUCCESS;
    }
    if (argc != 1) {
        (void)fprintf(stderr, "usage: hookline-worker [--print-states]\n"
                              "The settings are environment variables: hookline config docs\n");
        return EXIT_USAGE;
    }
    if (!hk_config_load(&config, stderr) ||
        !hk_networks_parse(config.worker_allowed_networks, &networks) ||
        !hk_cells_load(&cells, &config, stderr))
        return EXIT_CONFIG;
    if (config.worker_ca_file[0] != '\0' && access(config.worker_ca_file, R_OK) != 0) {
        (void)fprintf(stderr, "HOOKLINE_WORKER_CA_FILE: cannot be read\n");
        return EXIT_CONFIG;
    }
    if (!hk_vault_load(&vault, &config, stderr))
        return EXIT_CONFIG;
    hk_log_init("hookline-worker", hk_log_level_from_name(config.log_level));
    hk_process_set_limits();
    run(&cells, &vault, &networks);
    hk_vault_done(&vault);
    hk_cells_done(&cells);
    return EXIT_SUCCESS;
}
