/* SPDX-License-Identifier: Apache-2.0 */
/* `hookline explain`: an event, and each subscription with the one reason and its attempts. */
#include <inttypes.h>
#include <stdlib.h>

#include "api/cli/client.h"
#include "api/cli/command.h"
#include "api/cli/exit.h"
#include "api/cli/ids.h"
#include "api/cli/output.h"

const char *const explain_options[] = {"limit", "json", "ndjson", "url", "key-file", NULL};

enum { USUAL_LIMIT = 1000, MAX_PAGE = 250 };

static void print_text(const char *before, const char *text, const char *after)
{
    (void)fputs(before, stdout);
    output_print_clean(stdout, text);
    (void)fputs(after, stdout);
}

static void print_event(const json_t *page)
{
    const json_t *event = json_object_get(page, "event");

    print_text("", output_text(event, "event_type"), "");
    print_text("  ", output_text(event, "id"), "");
    if (output_text(event, "company")[0] != '\0')
        print_text("  company ", output_text(event, "company"), "");
    if (output_text(event, "external_id")[0] != '\0')
        print_text("  external_id ", output_text(event, "external_id"), "");
    print_text("\n", output_text(page, "explanation"), "\n\n");
}

static enum colour colour_of(const json_t *entry)
{
    const char *reason = output_text(entry, "reason");
    const json_t *message = json_object_get(entry, "message");

    if (strcmp(reason, "delivered") == 0)
        return COLOUR_GOOD;
    return json_is_object(message) ? output_colour_of(output_text(message, "status")) : COLOUR_DIM;
}

static void print_attempt(const json_t *attempt)
{
    char when[OUTPUT_TIME_SIZE];

    output_time(output_text(attempt, "started_at"), when);
    (void)printf("    attempt %" PRId64 "  ", output_int(attempt, "attempt_no"));
    print_text("", when, "");
    (void)printf("  %6" PRId64 " ms", output_int(attempt, "duration_us") / 1000);
    print_text("  ", output_text(attempt, "explanation"), "\n");
}

static void print_entry(const json_t *entry)
{
    const json_t *message = json_object_get(entry, "message");
    enum colour colour = colour_of(entry);
    json_t *attempt, *again;
    size_t i;

    print_text("", output_text(entry, "app_name"), "");
    print_text(" (", output_text(entry, "partner"), "): ");
    print_text(output_begin(colour), output_text(entry, "explanation"), output_end(colour));
    print_text("  [", output_text(entry, "reason"), "]\n");
    print_text("    subscription ", output_text(entry, "subscription_id"), "");
    if (json_is_object(message))
        print_text("  message ", output_text(message, "id"), "");
    (void)putchar('\n');
    json_array_foreach(json_object_get(message, "last_attempts"), i, attempt)
        print_attempt(attempt);
    json_array_foreach(json_object_get(entry, "sent_again"), i, again)
    {
        print_text("    sent again as ", output_text(again, "id"), "");
        print_text(": ", output_text(again, "explanation"), "\n");
    }
}

static void show(const json_t *all, const struct options *options)
{
    json_t *entry;
    size_t i;

    if (options->wants_json) {
        output_json(all, true);
        return;
    }
    if (!options->wants_ndjson)
        print_event(all);
    json_array_foreach(json_object_get(all, "data"), i, entry)
    {
        if (options->wants_ndjson)
            output_json(entry, false);
        else
            print_entry(entry);
    }
    if (output_text(all, "next_cursor")[0] != '\0')
        (void)fputs("There are more: --limit N\n", stderr);
}

/* One more page of it, behind those that `all` has; NULL: the first. The exit code. */
static int read_page(struct client *client, const char *event_id, int64_t limit, json_t **all)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf path;
    char limit_text[16];
    json_t *page;
    int code;

    (void)snprintf(limit_text, sizeof(limit_text), "%d", limit > MAX_PAGE ? MAX_PAGE : (int)limit);
    hk_buf_init(&path, CLIENT_MAX_PATH_BYTES);
    hk_buf_printf(&path, "/v1/events/%s/explain", event_id);
    client_add_parameter(&path, "limit", limit_text);
    client_add_parameter(&path, "cursor", output_text(*all, "next_cursor"));
    code = client_call(client, "GET", path.p, NULL, &page);
    if (code != EXIT_OK)
        return code;
    if (*all == NULL) {
        *all = page;
        return EXIT_OK;
    }
    (void)json_array_extend(json_object_get(*all, "data"), json_object_get(page, "data"));
    (void)json_object_set(*all, "next_cursor", json_object_get(page, "next_cursor"));
    json_decref(page);
    return EXIT_OK;
}

static int explain(struct client *client, const struct options *options)
{
    int64_t limit = options->limit == 0 ? USUAL_LIMIT : options->limit, left = limit;
    json_t *all = NULL;
    int code;

    do {
        code = read_page(client, options->words[0], left, &all);
        left = limit - (int64_t)json_array_size(json_object_get(all, "data"));
    } while (code == EXIT_OK && left > 0 && output_text(all, "next_cursor")[0] != '\0');
    if (code == EXIT_OK)
        show(all, options);
    json_decref(all);
    return code;
}

int explain_run(const struct hk_config *config, int argc, char **argv)
{
    struct options options = {0};
    struct client *client;
    int code;

    if (!options_read(explain_options, argc, argv, &options) || !ids_check(&options, 1))
        return EXIT_USAGE;
    client = client_new(config, &options);
    if (client == NULL)
        return EXIT_CONFIG;
    code = explain(client, &options);
    client_free(client);
    return code;
}
