/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hookline replay`: what a query finds is sent again. First the plan, then the question, then the
 * progress; the work is the workers', and goes on without us.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/cli/client.h"
#include "api/cli/command.h"
#include "api/cli/exit.h"
#include "api/cli/ids.h"
#include "api/cli/interrupt.h"
#include "api/cli/output.h"

enum {
    FIRST_WAIT_MS = 250,
    MAX_WAIT_MS = 2000,
    MAX_HOURS = 24,
    MAX_APPS = 20,
    MAX_LINE_BYTES = 1024,
    USUAL_WIDTH = 79
};

const char *const replay_options[] = {"plan", "yes",    "detach",     "rate",
                                      "max",  "values", "webhook-id", "messages",
                                      "json", "url",    "key-file",   NULL};

static const char *state_of(const json_t *replay)
{
    return output_text(replay, "state");
}

static bool has_state(const json_t *replay, const char *state)
{
    return strcmp(state_of(replay), state) == 0;
}

static bool has_ended(const json_t *replay)
{
    return has_state(replay, "finished") || has_state(replay, "cancelled");
}

/* GET it, or POST /`verb`. The one before it is given back. The exit code. */
static int ask(struct client *client, const char *verb, const json_t *body, json_t **replay)
{
    char path[256];
    json_t *answer;
    int code;

    (void)snprintf(path, sizeof(path), "/v1/replays/%s%s%s", output_text(*replay, "id"),
                   verb == NULL ? "" : "/", verb == NULL ? "" : verb);
    code = client_call(client, verb == NULL ? "GET" : "POST", path, body, &answer);
    if (code != EXIT_OK)
        return code;
    (void)json_object_set(answer, "id", json_object_get(*replay, "id")); /* which is one */
    json_decref(*replay);
    *replay = answer;
    return EXIT_OK;
}

/* ---- what is shown -------------------------------------------------------------------------- */

static void print_counts(const json_t *list, const char *title, const char *name, size_t max)
{
    json_t *entry;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    (void)printf("  by %s\n", title);
    json_array_foreach(list, i, entry)
    {
        char text[OUTPUT_TIME_SIZE];

        if (i == max) {
            (void)printf("    and %zu more\n", json_array_size(list) - max);
            break;
        }
        (void)printf("    %8" PRId64 "  ", output_int(entry, "messages"));
        output_time(output_text(entry, name), text);
        output_print_clean(stdout, strcmp(name, "hour") == 0 ? text : output_text(entry, name));
        (void)putchar('\n');
    }
}

static void print_plan(const json_t *replay)
{
    const json_t *plan = json_object_get(replay, "plan");

    (void)printf("replay %s: %" PRId64 " messages%s, %" PRId64 " a second\n",
                 output_text(replay, "id"), output_int(replay, "planned"),
                 json_is_true(json_object_get(replay, "is_truncated")) ? " (there are more)" : "",
                 output_int(replay, "rate_per_second"));
    print_counts(json_object_get(plan, "by_app"), "app", "app_id", MAX_APPS);
    print_counts(json_object_get(plan, "by_hour"), "hour (UTC)", "hour", MAX_HOURS);
    (void)fflush(stdout);
}

static void add_status(struct hk_buf *line, const json_t *replay)
{
    const json_t *outcomes = json_object_get(replay, "outcomes");

    hk_buf_printf(line, "replay %s ", output_text(replay, "id"));
    (void)output_add_clean(line, state_of(replay), 0);
    hk_buf_printf(line,
                  ": %" PRId64 " planned, %" PRId64 " sent again, %" PRId64 " skipped, %" PRId64
                  " left",
                  output_int(replay, "planned"), output_int(replay, "replayed"),
                  output_int(replay, "skipped"), output_int(replay, "remaining"));
    if (outcomes != NULL)
        hk_buf_printf(line,
                      "; %" PRId64 " succeeded, %" PRId64 " failed, %" PRId64 " cancelled, %" PRId64
                      " on their way",
                      output_int(outcomes, "succeeded"), output_int(outcomes, "failed"),
                      output_int(outcomes, "cancelled"), output_int(outcomes, "waiting"));
    if (json_is_true(json_object_get(replay, "is_waiting")))
        hk_buf_add_text(line, " (waits: what is live goes first, or receivers have enough)");
}

/* A `width` other than 0: no more columns than that. */
static void print_status(FILE *out, const json_t *replay, int width)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf line, cut;

    hk_buf_init(&line, MAX_LINE_BYTES);
    hk_buf_init(&cut, MAX_LINE_BYTES);
    add_status(&line, replay);
    (void)output_add_clean(&cut, line.p, width);
    (void)fputs(cut.p, out);
}

/* With the reasons of what was skipped. */
static void print_end(const json_t *replay, const struct options *options)
{
    const char *reason;
    json_t *n;

    if (options->wants_json) {
        output_json(replay, true);
        return;
    }
    print_status(stdout, replay, 0);
    (void)putchar('\n');
    json_object_foreach(json_object_get(replay, "skipped_by_reason"), reason, n)
    {
        (void)printf("    %8" PRId64 "  skipped: ", (int64_t)json_integer_value(n));
        output_print_clean(stdout, reason);
        (void)putchar('\n');
    }
}

/* Progress goes to stderr: over one line of a terminal, else only what has changed of its state. */
static void print_progress(const json_t *replay, bool *has_line)
{
    if (isatty(STDERR_FILENO) != 1)
        return;
    (void)fputs("\r\033[K", stderr);
    print_status(stderr, replay, output_width() > 1 ? output_width() - 1 : USUAL_WIDTH);
    (void)fflush(stderr);
    *has_line = true;
}

/* Nothing that is under way ends because nobody looks. */
static void leave(const json_t *replay)
{
    const char *id = output_text(replay, "id");

    (void)fprintf(stderr, "\nThe replay %s is ", id);
    output_print_clean(stderr, state_of(replay));
    (void)fprintf(stderr,
                  " and goes on without us. To look: hookline replay status %s\n"
                  "It is changed by: hookline replay run|pause|resume|cancel %s\n",
                  id, id);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Until it is none of these states any more (`b` may be NULL). */
static int wait_while(struct client *client, const char *a, const char *b, json_t **replay)
{
    int wait_ms = FIRST_WAIT_MS, code = EXIT_OK;
    bool has_line = false;

    while (code == EXIT_OK && (has_state(*replay, a) || (b != NULL && has_state(*replay, b)))) {
        interrupt_wait(wait_ms);
        wait_ms = wait_ms * 3 / 2 > MAX_WAIT_MS ? MAX_WAIT_MS : wait_ms * 3 / 2;
        code = interrupt_has_come() ? EXIT_INTERRUPTED : ask(client, NULL, NULL, replay);
        if (code == EXIT_OK)
            print_progress(*replay, &has_line);
    }
    if (has_line)
        (void)fputc('\n', stderr);
    if (code != EXIT_OK)
        leave(*replay);
    return code;
}

/* The end: finished, or somebody has paused or cancelled it. */
static int watch(struct client *client, json_t **replay, const struct options *options)
{
    int code = EXIT_OK;

    if (!options->detaches)
        code = wait_while(client, "running", "cancelling", replay);
    if (code != EXIT_OK)
        return code;
    print_end(*replay, options);
    return has_state(*replay, "cancelled") ? EXIT_FAILED : EXIT_OK;
}

/* ---- a new one ------------------------------------------------------------------------------ */

static bool says_yes(const json_t *replay)
{
    char answer[16] = "";

    (void)fprintf(stderr, "Send %" PRId64 " messages again? [y/N] ", output_int(replay, "planned"));
    (void)fflush(stderr);
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

static int discard(struct client *client, json_t **replay, const struct options *options)
{
    int code = ask(client, "cancel", NULL, replay);

    if (code == EXIT_OK && options->wants_json)
        output_json(*replay, true);
    else if (code == EXIT_OK)
        (void)fputs("Nothing is sent; the plan is cancelled.\n", stderr);
    return code;
}

/* It is planned: shown, asked about, run, watched. */
static int go_on(struct client *client, json_t **replay, const struct options *options)
{
    int code;

    if (!options->wants_json)
        print_plan(*replay);
    if (!has_state(*replay, "planned") || options->wants_plan_only) {
        if (options->wants_json)
            output_json(*replay, true);
        else if (has_state(*replay, "planned"))
            (void)fprintf(stderr, "It waits for 7 days: hookline replay run %s\n",
                          output_text(*replay, "id"));
        return has_state(*replay, "cancelled") ? EXIT_FAILED : EXIT_OK;
    }
    if (!options->says_yes && !says_yes(*replay)) {
        if (interrupt_has_come()) {
            leave(*replay);
            return EXIT_INTERRUPTED;
        }
        return discard(client, replay, options);
    }
    code = ask(client, "run", NULL, replay);
    return code == EXIT_OK ? watch(client, replay, options) : code;
}

static json_t *new_body(const struct options *options, const char *query)
{
    json_t *body = json_pack("{s:s, s:s*, s:s*}", "q", query, "values", options->values,
                             "webhook_id", options->webhook_id);

    if (options->rate > 0)
        (void)json_object_set_new(body, "rate_per_second", json_integer(options->rate));
    if (options->max_messages > 0)
        (void)json_object_set_new(body, "max_messages", json_integer(options->max_messages));
    return body;
}

static int create(struct client *client, const struct options *options)
{
    char *query = options_join(options);
    json_t *body = new_body(options, query), *replay = NULL;
    int code;

    interrupt_catch();
    code = client_call(client, "POST", "/v1/replays", body, &replay);
    if (code == EXIT_OK && !ids_is_one(output_text(replay, "id"))) {
        (void)fputs("hookline: this is no answer of Hookline\n", stderr);
        code = EXIT_FAILED;
    }
    if (code == EXIT_OK)
        code = ask(client, NULL, NULL, &replay); /* with its plan, if it has one yet */
    if (code == EXIT_OK)
        code = wait_while(client, "planning", NULL, &replay);
    if (code == EXIT_OK)
        code = go_on(client, &replay, options);
    json_decref(replay);
    json_decref(body);
    free(query);
    return code;
}

/* ---- one that there is ---------------------------------------------------------------------- */

static const char *const verbs[] = {"status", "run", "pause", "resume", "cancel"};

static bool is_verb(const char *word)
{
    for (size_t i = 0; i < HK_COUNTOF(verbs); i++) {
        if (strcmp(word, verbs[i]) == 0)
            return true;
    }
    return false;
}

static int change(struct client *client, const struct options *options)
{
    const char *verb = options->words[0];
    json_t *replay = json_pack("{s:s}", "id", options->words[1]), *body = json_object();
    bool runs = strcmp(verb, "run") == 0 || strcmp(verb, "resume") == 0;
    int code = EXIT_OK;

    if (options->rate > 0 && runs)
        (void)json_object_set_new(body, "rate_per_second", json_integer(options->rate));
    if (options->wants_messages && strcmp(verb, "cancel") == 0)
        (void)json_object_set_new(body, "messages", json_true());
    if (strcmp(verb, "status") != 0)
        code = ask(client, verb, json_object_size(body) == 0 ? NULL : body, &replay);
    if (code == EXIT_OK)
        code = ask(client, NULL, NULL, &replay); /* what it has become of its messages, too */
    if (code == EXIT_OK && runs && !options->detaches && !has_ended(replay)) {
        interrupt_catch();
        code = watch(client, &replay, options);
    } else if (code == EXIT_OK) {
        print_end(replay, options);
    }
    json_decref(body);
    json_decref(replay);
    return code;
}

/* Whether the words say what to do, and nothing is asked where nobody can answer. */
static bool is_possible(const struct options *options, bool has_verb)
{
    if (options->n_words == 0) {
        (void)fputs("hookline: replay what? A query, or status, run, pause, resume or cancel and "
                    "an id\n",
                    stderr);
        return false;
    }
    if (has_verb)
        return ids_check(options, 2);
    if (options->says_yes || options->wants_plan_only ||
        (isatty(STDIN_FILENO) == 1 && !options->wants_json))
        return true;
    (void)fputs("hookline: nobody can be asked here: say --yes, or --plan\n", stderr);
    return false;
}

int replay_run(const struct hk_config *config, int argc, char **argv)
{
    struct options options = {0};
    struct client *client;
    bool has_verb;
    int code;

    if (!options_read(replay_options, argc, argv, &options))
        return EXIT_USAGE;
    has_verb = options.n_words > 0 && is_verb(options.words[0]);
    if (!is_possible(&options, has_verb))
        return EXIT_USAGE;
    client = client_new(config, &options);
    if (client == NULL)
        return EXIT_CONFIG;
    code = (has_verb ? change : create)(client, &options);
    client_free(client);
    return code;
}
