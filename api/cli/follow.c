/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/follow.h"

#include <inttypes.h>
#include <string.h>

#include "api/cli/exit.h"
#include "api/cli/interrupt.h"
#include "api/cli/sse.h"
#include "api/cli/table.h"

enum {
    MAX_EVENT_BYTES = 4 << 20,
    FIRST_WAIT_MS = 1000, /* doubled as long as it does not come back */
    MAX_WAIT_MS = 30000,
};

static const struct table_column columns[] = {
    {.title = "WHEN (UTC)", .usual = 19},
    {.title = "WHAT", .usual = 10},
    {.title = "STATUS", .usual = 12},
    {.title = "CODE", .usual = 4, .is_right = true},
    {.title = "MS", .usual = 6, .is_right = true},
    {.title = "TYPE", .usual = 20, .is_flexible = true},
    {.title = "COMPANY", .usual = 12, .is_flexible = true},
    {.title = "MESSAGE", .usual = 36},
    {0},
};

struct follower {
    struct table table;
    struct sse sse;
    const struct options *options;
    int64_t n_shown;
    bool has_connected, is_lost; /* ever; and not since */
    int exit_code;               /* when it has had enough */
};

static void print_row(struct follower *follower, const json_t *row, bool is_attempt)
{
    struct table *table = &follower->table;
    const char *status = output_text(row, is_attempt ? "outcome" : "status");
    char when[OUTPUT_TIME_SIZE], what[32] = "message", code[16] = "", ms[32] = "";

    output_time(output_text(row, is_attempt ? "started_at" : "created_at"), when);
    if (is_attempt) {
        (void)snprintf(what, sizeof(what), "attempt %" PRId64, output_int(row, "attempt_no"));
        (void)snprintf(ms, sizeof(ms), "%" PRId64, output_int(row, "duration_us") / 1000);
    }
    if (json_is_integer(json_object_get(row, "status_code")))
        (void)snprintf(code, sizeof(code), "%" PRId64, output_int(row, "status_code"));
    table_add(table, when, COLOUR_NONE);
    table_add(table, what, COLOUR_NONE);
    table_add(table, status, output_colour_of(status));
    table_add(table, code, COLOUR_NONE);
    table_add(table, ms, COLOUR_NONE);
    table_add(table, output_text(row, "event_type"), COLOUR_NONE);
    table_add(table, output_text(row, "company"), COLOUR_NONE);
    table_add(table, output_text(row, is_attempt ? "message_id" : "id"), COLOUR_NONE);
    table_print(table);
}

static bool show_row(struct follower *follower, const char *type, json_t *row)
{
    if (follower->options->wants_ndjson || follower->options->wants_json) {
        (void)json_object_set_new(row, "kind", json_string(type));
        output_json(row, false);
    } else {
        print_row(follower, row, strcmp(type, "attempt") == 0);
    }
    if (fflush(stdout) != 0) { /* whoever reads has gone; curl keeps SIGPIPE from us */
        follower->exit_code = EXIT_FAILED;
        return false;
    }
    return ++follower->n_shown != follower->options->limit;
}

/* The API ends a stream when it stops: then we come again. Not for these reasons. */
static bool hear_end(struct follower *follower, const json_t *data)
{
    static const struct {
        const char *reason, *words;
        int exit_code;
    } ends[] = {
        {"unauthenticated", "the API key is not good any more", EXIT_DENIED},
        {"too_slow", "there is too much to look at for this query: ask for less, without path",
         EXIT_FAILED},
    };

    for (size_t i = 0; i < HK_COUNTOF(ends); i++) {
        if (strcmp(output_text(data, "reason"), ends[i].reason) != 0)
            continue;
        (void)fprintf(stderr, "hookline: %s\n", ends[i].words);
        follower->exit_code = ends[i].exit_code;
        return false;
    }
    return true; /* the connection ends next */
}

static void print_dropped(const json_t *data)
{
    if (json_is_integer(json_object_get(data, "rows")))
        (void)fprintf(stderr, "hookline: %" PRId64 " more were left out: it is too much to show\n",
                      output_int(data, "rows"));
    else
        (void)fputs("hookline: what came while the connection was lost is not all shown\n", stderr);
}

static bool on_event(void *arg, const char *type, const char *text)
{
    struct follower *follower = arg;
    json_t *data = json_loads(text, 0, NULL);
    bool goes_on = true;

    if (follower->options->wants_attempts && strcmp(type, "message") == 0)
        goes_on = true;
    else if (data != NULL && (strcmp(type, "message") == 0 || strcmp(type, "attempt") == 0))
        goes_on = show_row(follower, type, data);
    else if (strcmp(type, "dropped") == 0)
        print_dropped(data);
    else if (strcmp(type, "end") == 0)
        goes_on = hear_end(follower, data);
    json_decref(data);
    return goes_on;
}

static bool on_bytes(void *arg, const char *p, size_t n)
{
    struct follower *follower = arg;

    if (follower->is_lost)
        (void)fputs("hookline: connected again\n", stderr);
    follower->has_connected = true;
    follower->is_lost = false;
    if (sse_feed(&follower->sse, p, n, on_event, follower))
        return true;
    if (follower->sse.line.is_full || follower->sse.data.is_full) {
        (void)fputs("hookline: this is no stream of Hookline\n", stderr);
        follower->exit_code = EXIT_FAILED;
    }
    return false;
}

/* Said once for each time that it is lost. */
static void wait_for_it(struct follower *follower, const struct client_stream *stream, int *wait_ms)
{
    if (!follower->is_lost) {
        (void)fprintf(stderr, "hookline: connection lost (%s), trying again\n", stream->why);
        *wait_ms = follower->sse.retry_ms > 0 ? follower->sse.retry_ms : FIRST_WAIT_MS;
    }
    follower->is_lost = true;
    interrupt_wait(stream->wait_s * 1000 > *wait_ms ? stream->wait_s * 1000 : *wait_ms);
    *wait_ms = 2 * *wait_ms > MAX_WAIT_MS ? MAX_WAIT_MS : 2 * *wait_ms;
}

int follow(struct client *client, const char *query, const struct options *options)
{
    struct follower follower = {.options = options};
    struct client_stream stream = {.on_bytes = on_bytes, .arg = &follower};
    HK_CLEANUP(hk_buf_done) struct hk_buf path;
    int code, wait_ms = FIRST_WAIT_MS;

    hk_buf_init(&path, CLIENT_MAX_PATH_BYTES);
    hk_buf_add_text(&path, "/v1/tail");
    client_add_parameter(&path, "q", query);
    table_init(&follower.table, columns);
    sse_init(&follower.sse, MAX_EVENT_BYTES);
    stream.path = path.p;
    interrupt_catch();
    for (;;) {
        sse_restart(&follower.sse);
        stream.last_id = follower.sse.last_id;
        code = client_read(client, &stream);
        if (code != CLIENT_LOST)
            break;
        if (!follower.has_connected) {
            (void)fprintf(stderr, "hookline: the API cannot be reached: %s\n", stream.why);
            code = EXIT_UNAVAILABLE;
            break;
        }
        wait_for_it(&follower, &stream, &wait_ms);
    }
    sse_done(&follower.sse);
    table_done(&follower.table);
    return code == EXIT_OK ? follower.exit_code : code;
}
