/* SPDX-License-Identifier: Apache-2.0 */
/* `hookline retry` and `hookline resend`: one message. */
#include <inttypes.h>

#include "api/cli/client.h"
#include "api/cli/command.h"
#include "api/cli/exit.h"
#include "api/cli/ids.h"
#include "api/cli/output.h"

const char *const message_options[] = {"json", "url", "key-file", NULL};
const char *const resend_options[] = {"values", "webhook-id", "json", "url", "key-file", NULL};

static void print_message(const json_t *message)
{
    const char *status = output_text(message, "status");
    const char *next = output_text(message, "next_attempt_at");
    char when[OUTPUT_TIME_SIZE];

    output_time(next, when);
    output_print_clean(stdout, output_text(message, "id"));
    (void)printf("  %s", output_begin(output_colour_of(status)));
    output_print_clean(stdout, status);
    (void)printf("%s, %" PRId64 " attempts", output_end(output_colour_of(status)),
                 output_int(message, "attempts"));
    if (when[0] != '\0') {
        (void)fputs(", next at ", stdout);
        output_print_clean(stdout, when);
        (void)fputs(" UTC", stdout);
    }
    (void)putchar('\n');
}

/* POST /v1/messages/ID/`what`. */
static int post(const struct hk_config *config, const struct options *options, const char *what,
                const json_t *body)
{
    struct client *client;
    char path[128];
    json_t *message;
    int code;

    if (!ids_check(options, 1))
        return EXIT_USAGE;
    client = client_new(config, options);
    if (client == NULL)
        return EXIT_CONFIG;
    (void)snprintf(path, sizeof(path), "/v1/messages/%s/%s", options->words[0], what);
    code = client_call(client, "POST", path, body, &message);
    if (code == EXIT_OK) {
        if (options->wants_json)
            output_json(message, true);
        else
            print_message(message);
        json_decref(message);
    }
    client_free(client);
    return code;
}

int message_retry(const struct hk_config *config, int argc, char **argv)
{
    struct options options = {0};

    if (!options_read(message_options, argc, argv, &options))
        return EXIT_USAGE;
    return post(config, &options, "retry", NULL);
}

int message_resend(const struct hk_config *config, int argc, char **argv)
{
    struct options options = {0};
    json_t *body;
    int code;

    if (!options_read(resend_options, argc, argv, &options))
        return EXIT_USAGE;
    body = json_pack("{s:s*, s:s*}", "values", options.values, "webhook_id", options.webhook_id);
    code = post(config, &options, "resend", body);
    json_decref(body);
    return code;
}
