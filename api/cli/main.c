/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookline - what an operator does from a shell: migrations, first keys, settings.
 *
 * What it is for goes to stdout, everything else to stderr. Exit codes: exit.h.
 */
#include <stdio.h>

#include "api/cli/config.h"
#include "api/cli/exit.h"
#include "api/cli/keys.h"
#include "api/cli/migrate.h"
#include "api/cli/secrets.h"

static int print_version(const struct hk_config *config, int argc, char **argv)
{
    (void)config;
    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;

    (void)printf("hookline %s\n", HOOKLINE_VERSION);
    return EXIT_OK;
}

static const struct command {
    const char *words[2]; /* the second may be NULL */
    const char *options;
    const char *text;
    int (*run)(const struct hk_config *config, int argc, char **argv); /* of what follows */
    bool needs_config;                                                 /* valid settings */
} commands[] = {
    {{"migrate", "up"}, "", "apply what is pending", migrate_up, true},
    {{"migrate", "status"}, "", "list the migrations and their state", migrate_status, true},
    {{"migrate", "check"}, "", "exit 1 when something is pending", migrate_check, true},
    {{"keys", "create"},
     "--role operator|admin [--tenant UUID] [--name N]",
     "make an API key and print it; an admin's needs its tenant",
     keys_create,
     true},
    {{"keys", "master"},
     "",
     "make a value for HOOKLINE_MASTER_KEY and print it",
     keys_master,
     false},
    {{"secrets", "status"},
     "",
     "count what each master key has sealed; exit 1 when some is not under the current one",
     secrets_status,
     true},
    {{"config", "show"}, "", "print the settings; secrets starred", config_show, true},
    {{"config", "docs"}, "", "print docs/configuration.md", config_docs, false},
    {{"version", NULL}, "", "print the version", print_version, false},
};

static void print_usage(FILE *out)
{
    (void)fputs("usage:\n", out);
    for (size_t i = 0; i < HK_COUNTOF(commands); i++) {
        const struct command *command = &commands[i];

        (void)fprintf(out, "  hookline %s%s%s%s%s\n      %s\n", command->words[0],
                      command->words[1] == NULL ? "" : " ",
                      command->words[1] == NULL ? "" : command->words[1],
                      command->options[0] == '\0' ? "" : " ", command->options, command->text);
    }
    (void)fputs("Settings are environment variables: hookline config docs.\n"
                "Exit codes: 0 done, 1 failed or something is pending, 2 usage,\n"
                "69 the database cannot be reached, 78 a setting is not valid.\n",
                out);
}

static const struct command *find_command(int argc, char **argv, int *ret_n_words)
{
    for (size_t i = 0; i < HK_COUNTOF(commands); i++) {
        const char *const *words = commands[i].words;
        int n_words = words[1] == NULL ? 1 : 2;

        if (argc > n_words && strcmp(argv[1], words[0]) == 0 &&
            (n_words == 1 || strcmp(argv[2], words[1]) == 0)) {
            *ret_n_words = n_words;
            return &commands[i];
        }
    }
    return NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct hk_config config = {0};
    int n_words, code;

    if (argc == 2 && is_help(argv[1])) {
        print_usage(stdout);
        return EXIT_OK;
    }
    command = find_command(argc, argv, &n_words);
    if (command == NULL) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (command->needs_config && !hk_config_load(&config, stderr))
        return EXIT_CONFIG;

    code = command->run(&config, argc - 1 - n_words, argv + 1 + n_words);
    if (code == EXIT_USAGE)
        print_usage(stderr);
    if (fflush(stdout) != 0 && code == EXIT_OK) {
        perror("hookline: stdout");
        return EXIT_FAILED;
    }
    return code;
}
