/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookline - what an operator does from a shell: migrations, first keys, settings; and what support
 * and partners do: the delivery log, over the REST API.
 *
 * What it is for goes to stdout, everything else to stderr. Exit codes: exit.h.
 */
#include <stdio.h>

#include "api/cli/cells.h"
#include "api/cli/command.h"
#include "api/cli/config.h"
#include "api/cli/exit.h"
#include "api/cli/keys.h"
#include "api/cli/migrate.h"
#include "api/cli/options.h"
#include "api/cli/output.h"
#include "api/cli/secrets.h"
#include "api/cli/tenants.h"

static int print_version(const struct hk_config *config, int argc, char **argv)
{
    (void)config;
    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;

    (void)printf("hookline %s\n", HOOKLINE_VERSION);
    return EXIT_OK;
}

/* One that asks the API. */
#define ASKS(word, options_, text_, run_, names_, help_)                                           \
    {                                                                                              \
        .words = {(word)}, .options = (options_), .text = (text_), .run = (run_),                  \
        .needs_config = true, .names = (names_), .help = (help_)                                   \
    }
#define OWN(first, second, options_, text_, run_, needs_config_)                                   \
    {                                                                                              \
        .words = {(first), (second)}, .options = (options_), .text = (text_), .run = (run_),       \
        .needs_config = (needs_config_)                                                            \
    }

static const struct command {
    const char *words[2]; /* the second may be NULL */
    const char *options;
    const char *text;
    command_fn *run;          /* of what follows */
    bool needs_config;        /* valid settings */
    const char *const *names; /* of options.c; NULL: `options` says all */
    const char *help;         /* more to know; with `names` */
} commands[] = {
    OWN("migrate", "up", "", "apply what is pending", migrate_up, true),
    OWN("migrate", "status", "", "list the migrations and their state", migrate_status, true),
    OWN("migrate", "check", "", "exit 1 when something is pending", migrate_check, true),
    OWN("cells", NULL, "", "list the cells; exit 1 or 69 when one is not as it should be",
        cells_list, true),
    OWN("keys", "create", "--role operator|admin [--tenant UUID] [--name N]",
        "make an API key and print it; an admin's needs its tenant", keys_create, true),
    OWN("keys", "master", "", "make a value for HOOKLINE_MASTER_KEY and print it", keys_master,
        false),
    OWN("secrets", "status", "",
        "count what each master key has sealed; exit 1 when some is not under the current one",
        secrets_status, true),
    OWN("tenants", "move", "TENANT_ID --to CELL [--max-hold SECONDS] [--abort]",
        "move a tenant to another cell while it works; may be killed and run again", tenants_move,
        true),
    OWN("config", "show", "", "print the settings; secrets starred", config_show, true),
    OWN("config", "docs", "", "print docs/configuration.md", config_docs, false),
    ASKS(
        "logs", "[QUERY] [OPTION...]", "search the delivery log", logs_run, logs_options,
        "The query is that of docs/query-language.md; its words may stand apart. Quote it for the\n"
        "shell: hookline logs 'status:failed code:5xx company:\"Bakker BV\" since:24h'\n"),
    ASKS("tail", "[QUERY] [OPTION...]", "watch the delivery log: logs --follow", tail_run,
         tail_options,
         "A lost connection is made again, and nothing of the last hour is missed.\n"),
    ASKS("explain", "EVENT_ID [OPTION...]", "say for each subscription why it was sent to or not",
         explain_run, explain_options, ""),
    ASKS("replay", "QUERY [OPTION...] | status|run|pause|resume|cancel REPLAY_ID [OPTION...]",
         "send again what a query finds; look at a replay, or change it", replay_run,
         replay_options,
         "The plan is shown first, then it asks. The workers do it: Ctrl-C ends nothing but the\n"
         "display. --plan, --yes, --max, --values and --webhook-id are of a new one, --messages\n"
         "of cancel, --rate of a new one, run and resume.\n"),
    ASKS("retry", "MESSAGE_ID [OPTION...]", "make the next attempt of a message now", message_retry,
         message_options, ""),
    ASKS("resend", "MESSAGE_ID [OPTION...]", "send a message again, as a new one", message_resend,
         resend_options, ""),
    OWN("version", NULL, "", "print the version", print_version, false),
};

static void print_synopsis(const struct command *command, FILE *out)
{
    (void)fprintf(out, "  hookline %s%s%s%s%s\n", command->words[0],
                  command->words[1] == NULL ? "" : " ",
                  command->words[1] == NULL ? "" : command->words[1],
                  command->options[0] == '\0' ? "" : " ", command->options);
}

static void print_usage(FILE *out)
{
    (void)fputs("usage:\n", out);
    for (size_t i = 0; i < HK_COUNTOF(commands); i++) {
        print_synopsis(&commands[i], out);
        (void)fprintf(out, "      %s\n", commands[i].text);
    }
    (void)fputs("Settings are environment variables: hookline config docs. logs and all below it\n"
                "ask the API at HOOKLINE_URL with the key HOOKLINE_API_KEY or in the file\n"
                "HOOKLINE_API_KEY_FILE, and say more with --help: docs/cli.md.\n"
                "Exit codes: 0 done, 1 failed, refused or something is pending, 2 usage,\n"
                "69 the database or the API cannot be reached, 77 the key is not good, or not for\n"
                "that, 78 a setting is not valid, 130 interrupted.\n",
                out);
}

static void print_help(const struct command *command)
{
    (void)fputs("usage:\n", stdout);
    print_synopsis(command, stdout);
    (void)printf("      %s\n", command->text);
    if (command->names == NULL)
        return;
    (void)fputs(command->help, stdout);
    options_print(command->names, stdout);
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

/* A usage error of a command that said what is wrong needs no list of all others. */
static void print_hint(const struct command *command)
{
    if (command->names == NULL) {
        print_usage(stderr);
        return;
    }
    (void)fputs("usage:\n", stderr);
    print_synopsis(command, stderr);
    (void)fprintf(stderr, "More: hookline %s --help\n", command->words[0]);
}

static int run(const struct command *command, int argc, char **argv)
{
    struct hk_config config = {0};
    int code;

    if (argc > 0 && is_help(argv[argc - 1]) && argv[argc - 1][0] == '-') {
        print_help(command);
        return EXIT_OK;
    }
    if (command->needs_config && !hk_config_load(&config, stderr))
        return EXIT_CONFIG;
    code = command->run(&config, argc, argv);
    if (code == EXIT_USAGE)
        print_hint(command);
    return code;
}

int main(int argc, char **argv)
{
    const struct command *command;
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
    output_init();
    code = run(command, argc - 1 - n_words, argv + 1 + n_words);
    if (fflush(stdout) != 0 && code == EXIT_OK) {
        perror("hookline: stdout");
        return EXIT_FAILED;
    }
    return code;
}
