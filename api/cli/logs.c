/* SPDX-License-Identifier: Apache-2.0 */
/* `hookline logs`: the delivery log, with the query language of docs/query-language.md. */
#include <inttypes.h>
#include <stdlib.h>

#include "api/cli/client.h"
#include "api/cli/command.h"
#include "api/cli/exit.h"
#include "api/cli/follow.h"
#include "api/cli/output.h"
#include "api/cli/table.h"

enum { USUAL_LIMIT = 50, MAX_PAGE = 250 };

const char *const logs_options[] = {"limit", "cursor", "attempts", "count",    "follow",
                                    "json",  "ndjson", "url",      "key-file", NULL};
const char *const tail_options[] = {"limit", "attempts", "json", "ndjson", "url", "key-file", NULL};

static const struct table_column message_columns[] = {
    {.title = "WHEN (UTC)"},
    {.title = "STATUS"},
    {.title = "TYPE", .is_flexible = true},
    {.title = "COMPANY", .is_flexible = true},
    {.title = "TRIES", .is_right = true},
    {.title = "NEXT, OR WHY", .is_flexible = true},
    {.title = "MESSAGE"},
    {0},
};

static const struct table_column attempt_columns[] = {
    {.title = "WHEN (UTC)"},
    {.title = "OUTCOME"},
    {.title = "CODE", .is_right = true},
    {.title = "MS", .is_right = true},
    {.title = "TRY", .is_right = true},
    {.title = "TYPE", .is_flexible = true},
    {.title = "COMPANY", .is_flexible = true},
    {.title = "MESSAGE"},
    {0},
};

struct listing {
    struct client *client;
    const struct options *options;
    const char *query;
    struct table table;
    int64_t left;
    json_t *all;  /* with --json */
    json_t *next; /* the cursor of what was not asked for; NULL: none */
};

static void add_number(struct table *table, const json_t *row, const char *name, int64_t divisor)
{
    const json_t *value = json_object_get(row, name);
    char text[32] = "";

    if (json_is_integer(value))
        (void)snprintf(text, sizeof(text), "%" PRId64,
                       (int64_t)json_integer_value(value) / divisor);
    table_add(table, text, COLOUR_NONE);
}

static void add_time(struct table *table, const json_t *row, const char *name)
{
    char when[OUTPUT_TIME_SIZE];

    output_time(output_text(row, name), when);
    table_add(table, when, COLOUR_NONE);
}

static void add_message(struct table *table, const json_t *row)
{
    const char *status = output_text(row, "status");

    add_time(table, row, "created_at");
    table_add(table, status, output_colour_of(status));
    table_add(table, output_text(row, "event_type"), COLOUR_NONE);
    table_add(table, output_text(row, "company"), COLOUR_NONE);
    add_number(table, row, "attempts", 1);
    if (json_is_string(json_object_get(row, "next_attempt_at")))
        add_time(table, row, "next_attempt_at");
    else
        table_add(table, output_text(row, "status_reason"), COLOUR_NONE);
    table_add(table, output_text(row, "id"), COLOUR_NONE);
}

static void add_attempt(struct table *table, const json_t *row)
{
    const char *outcome = output_text(row, "outcome");

    add_time(table, row, "started_at");
    table_add(table, outcome, output_colour_of(outcome));
    add_number(table, row, "status_code", 1);
    add_number(table, row, "duration_us", 1000);
    add_number(table, row, "attempt_no", 1);
    table_add(table, output_text(row, "event_type"), COLOUR_NONE);
    table_add(table, output_text(row, "company"), COLOUR_NONE);
    table_add(table, output_text(row, "message_id"), COLOUR_NONE);
}

static void show_page(struct listing *listing, const json_t *data)
{
    const struct options *options = listing->options;
    json_t *row;
    size_t i;

    json_array_foreach(data, i, row)
    {
        if (options->wants_json)
            (void)json_array_append(listing->all, row);
        else if (options->wants_ndjson)
            output_json(row, false);
        else if (options->wants_attempts)
            add_attempt(&listing->table, row);
        else
            add_message(&listing->table, row);
    }
    if (!options->wants_json && !options->wants_ndjson)
        table_print(&listing->table);
}

/* One page; the exit code. A page may be short, or empty, and not the last (docs/adr/0009). */
static int list_page(struct listing *listing, const char *cursor)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf path;
    json_t *page, *data;
    char limit[16];
    int code;

    (void)snprintf(limit, sizeof(limit), "%d",
                   listing->left > MAX_PAGE ? MAX_PAGE : (int)listing->left);
    hk_buf_init(&path, CLIENT_MAX_PATH_BYTES);
    hk_buf_add_text(&path, listing->options->wants_attempts ? "/v1/attempts" : "/v1/messages");
    client_add_parameter(&path, "q", listing->query);
    client_add_parameter(&path, "limit", limit);
    client_add_parameter(&path, "cursor", cursor);
    code = client_call(listing->client, "GET", path.p, NULL, &page);
    if (code != EXIT_OK)
        return code;
    data = json_object_get(page, "data");
    show_page(listing, data);
    listing->left -= (int64_t)json_array_size(data);
    json_decref(listing->next);
    listing->next = json_object_get(page, "next_cursor");
    if (json_is_string(listing->next))
        (void)json_incref(listing->next);
    else
        listing->next = NULL;
    json_decref(page);
    return EXIT_OK;
}

static void print_end(const struct listing *listing)
{
    if (listing->options->wants_json) {
        json_t *whole =
            json_pack("{s:O, s:O?}", "data", listing->all, "next_cursor", listing->next);

        output_json(whole, true);
        json_decref(whole);
    } else if (listing->next != NULL) {
        (void)fprintf(stderr, "There are more: --limit N, or --cursor %s\n",
                      json_string_value(listing->next));
    }
}

static int list(struct client *client, const char *query, const struct options *options)
{
    struct listing listing = {
        .client = client,
        .options = options,
        .query = query,
        .left = options->limit == 0 ? USUAL_LIMIT : options->limit,
        .all = json_array(),
    };
    int code;

    table_init(&listing.table, options->wants_attempts ? attempt_columns : message_columns);
    code = list_page(&listing, options->cursor);
    while (code == EXIT_OK && listing.next != NULL && listing.left > 0) {
        char *cursor = strdup(json_string_value(listing.next));

        if (cursor == NULL)
            abort();
        code = list_page(&listing, cursor);
        free(cursor);
    }
    if (code == EXIT_OK)
        print_end(&listing);
    table_done(&listing.table);
    json_decref(listing.all);
    json_decref(listing.next);
    return code;
}

static int count(struct client *client, const char *query, const struct options *options)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf path;
    json_t *answer;
    int code;

    hk_buf_init(&path, CLIENT_MAX_PATH_BYTES);
    hk_buf_add_text(&path, "/v1/messages/count");
    client_add_parameter(&path, "q", query);
    code = client_call(client, "GET", path.p, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    if (options->wants_json || options->wants_ndjson)
        output_json(answer, false);
    else
        (void)printf("%" PRId64 "%s\n", output_int(answer, "count"),
                     json_is_true(json_object_get(answer, "is_exact")) ? "" : "+");
    json_decref(answer);
    return EXIT_OK;
}

static int run(const struct hk_config *config, const struct options *options)
{
    struct client *client;
    char *query;
    int code;

    if (options->wants_count && (options->wants_attempts || options->follows)) {
        (void)fputs("hookline: --count is of messages, as they are now\n", stderr);
        return EXIT_USAGE;
    }
    if (options->cursor != NULL && (options->wants_count || options->follows)) {
        (void)fputs("hookline: --cursor is of a list\n", stderr);
        return EXIT_USAGE;
    }
    client = client_new(config, options);
    if (client == NULL)
        return EXIT_CONFIG;
    query = options_join(options);
    if (options->follows)
        code = follow(client, query, options);
    else
        code = (options->wants_count ? count : list)(client, query, options);
    free(query);
    client_free(client);
    return code;
}

int logs_run(const struct hk_config *config, int argc, char **argv)
{
    struct options options = {0};

    return options_read(logs_options, argc, argv, &options) ? run(config, &options) : EXIT_USAGE;
}

int tail_run(const struct hk_config *config, int argc, char **argv)
{
    struct options options = {.follows = true};

    return options_read(tail_options, argc, argv, &options) ? run(config, &options) : EXIT_USAGE;
}
