/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/config.h"

#include "api/cli/exit.h"

int config_show(const struct hk_config *config, int argc, char **argv)
{
    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;

    hk_config_print(config, stdout);
    return EXIT_OK;
}

int config_docs(const struct hk_config *config, int argc, char **argv)
{
    (void)config;
    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;

    hk_config_print_docs(stdout);
    return EXIT_OK;
}
