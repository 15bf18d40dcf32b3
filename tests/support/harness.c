/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harness.c - the life of a harness: database, programs, teardown. See harness.h.
 * What a story says (given_..., sinker_...) is in story.c.
 */
#include "tests/support/harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "hk/buf.h"
#include "hk/clock.h"

#define START_TIMEOUT_MS     20000
#define STOP_TIMEOUT_MS      20000
#define MAX_ENV              32
#define MAX_ARGS             16
#define LOOK_EVERY_MS        10
#define MAX_LOG_BYTES        (64u << 20)

#define HARNESS_MAX_PROGRAMS (2 + HARNESS_MAX_WORKERS + HARNESS_MAX_SINKERS)

static const struct harness_options usual;

HK_NORETURN void harness_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprint_error(format, args);
    va_end(args);
    print_error("\n");
    _fail(file, line);
    abort(); /* _fail() never returns, but does not say so */
}

/* ---- programs ---- */

static void make_environment(const struct harness *h, const char *ret[MAX_ENV])
{
    size_t n = 0;

    ret[n++] = h->url_variable;
    if (h->cells_variable[0] != '\0')
        ret[n++] = h->cells_variable;
    ret[n++] = h->master_key;
    if (h->master_key_old != NULL)
        ret[n++] = h->master_key_old;
    ret[n++] = "HOOKLINE_API_LISTEN=127.0.0.1:0";
    ret[n++] = "HOOKLINE_API_ALLOWED_NETWORKS=127.0.0.0/8";
    ret[n++] = "HOOKLINE_WORKER_ALLOWED_NETWORKS=127.0.0.0/8";
    ret[n++] = "HOOKLINE_API_AUTH_FAILURES_PER_MINUTE=0"; /* all tests come from one address */
    for (size_t i = 0; h->options->env != NULL && h->options->env[i] != NULL; i++) {
        assert_true(n < MAX_ENV - 1);
        ret[n++] = h->options->env[i];
    }
    ret[n] = NULL;
}

static void start_program(struct harness *h, struct proc *proc, const char *program,
                          const char *name)
{
    const char *env[MAX_ENV];
    char path[PROC_PATH_SIZE];

    make_environment(h, env);
    proc_program(program, path);
    proc_start(proc, name, h->directory, (const char *const[]){path, NULL}, env);
}

struct api_start {
    struct harness *h;
    const char *url;
};

/* Also true of an API with TLS, which this request does not reach. Leaves no connection behind. */
static bool api_is_ready(void *arg)
{
    static const char *const headers[] = {"Connection: close", NULL};
    const struct api_start *start = arg;

    return http_call(start->h->http, "GET", start->url, "/readyz", NULL, HK_STR_NULL, headers)
               .status != 503;
}

/*
 * The port stands in the line {"event":"api.listening",...,"port":N} of the log. It listens before
 * it has connected to the database: what is published before that is answered 503.
 */
static void wait_for_api(struct harness *h, struct proc *api, char ret_url[HARNESS_URL_SIZE])
{
    char *said = proc_wait_for_text(api, api->err_path, "\"api.listening\"", START_TIMEOUT_MS);
    const char *line = said == NULL ? NULL : strstr(said, "\"api.listening\"");
    const char *port = line == NULL ? NULL : strstr(line, "\"port\":");

    if (port == NULL) {
        free(said);
        fail_test("hookline-api did not say where it listens");
    }
    (void)snprintf(ret_url, HARNESS_URL_SIZE, "http://127.0.0.1:%lu",
                   strtoul(port + strlen("\"port\":"), NULL, 10));
    free(said);
    if (!wait_until(api_is_ready, &(struct api_start){h, ret_url}, START_TIMEOUT_MS))
        fail_test("hookline-api is not ready");
}

/* Each run of a program has its log to itself: the port of an earlier one must not be found. */
static void start_api(struct harness *h, struct proc *api)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "api-%u", h->n_api_starts++);
    start_program(h, api, "hookline-api", name);
}

void harness_start_other_api(struct harness *h)
{
    start_api(h, &h->other_api);
    wait_for_api(h, &h->other_api, h->other_api_url);
}

void harness_swap_apis(struct harness *h)
{
    char url[HARNESS_URL_SIZE];

    assert_true(h->other_api_url[0] != '\0');
    memcpy(url, h->api_url, sizeof(url));
    memcpy(h->api_url, h->other_api_url, sizeof(url));
    memcpy(h->other_api_url, url, sizeof(url));
}

static void stop_checked(struct proc *proc)
{
    int code = proc_stop(proc, STOP_TIMEOUT_MS);

    if (code != 0)
        fail_test("%s ended with %d%s", proc->name, code,
                  code == PROC_TIMED_OUT ? ": SIGTERM did not end it" : "");
}

void harness_restart_api(struct harness *h)
{
    if (proc_is_running(&h->api))
        stop_checked(&h->api);
    start_api(h, &h->api);
    wait_for_api(h, &h->api, h->api_url);
}

void harness_kill_api(struct harness *h)
{
    proc_kill(&h->api);
    h->api.exit_code = 0; /* as was wanted */
}

unsigned harness_start_worker(struct harness *h)
{
    unsigned i = h->n_workers++;
    char name[32];

    assert_true(i < HARNESS_MAX_WORKERS);
    (void)snprintf(name, sizeof(name), "worker-%u", i);
    start_program(h, &h->workers[i], "hookline-worker", name);
    return i;
}

void harness_kill_worker(struct harness *h, unsigned i)
{
    assert_true(i < h->n_workers);
    proc_kill(&h->workers[i]);
    h->workers[i].exit_code = 0; /* as was wanted */
}

void harness_stop_worker(struct harness *h, unsigned i)
{
    assert_true(i < h->n_workers);
    stop_checked(&h->workers[i]);
}

static unsigned start_sinker(struct harness *h, const char *const options[])
{
    const char *argv[MAX_ARGS] = {HOOKLINE_BIN_DIR "/sinker", "--listen", "127.0.0.1:0"};
    unsigned i = h->n_sinkers++;
    char name[32];

    assert_true(i < HARNESS_MAX_SINKERS);
    for (size_t n = 0; options != NULL && options[n] != NULL; n++) {
        assert_true(n + 4 < MAX_ARGS);
        argv[n + 3] = options[n];
    }
    (void)snprintf(name, sizeof(name), "sinker-%u", i);
    proc_start(&h->sinkers[i], name, h->directory, argv, NULL);
    return i;
}

static void wait_for_sinker(struct harness *h, unsigned i, bool has_tls)
{
    struct proc *proc = &h->sinkers[i];
    char *said = proc_wait_for_text(proc, proc->out_path, "{\"listening\":\"", START_TIMEOUT_MS);

    if (said == NULL)
        fail_test("%s did not say where it listens", proc->name);
    (void)snprintf(h->sinker_urls[i], sizeof(h->sinker_urls[i]), "%s://%.*s",
                   has_tls ? "https" : "http", (int)strcspn(said + 14, "\""), said + 14);
    free(said);
}

unsigned harness_start_sinker(struct harness *h, const char *const options[])
{
    unsigned i = start_sinker(h, options);
    bool has_tls = false;

    for (size_t n = 0; options != NULL && options[n] != NULL; n++)
        has_tls |= strcmp(options[n], "--tls-cert") == 0;
    wait_for_sinker(h, i, has_tls);
    return i;
}

/* The value of HOOKLINE_CELLS, as a variable. */
static void name_cells(const struct harness *h, bool as_superuser,
                       char ret[sizeof(h->cells_variable)])
{
    size_t n = (size_t)snprintf(ret, sizeof(h->cells_variable), "HOOKLINE_CELLS=");
    char url[PG_URL_SIZE];

    for (unsigned i = 0; i < h->options->n_cells; i++) {
        pg_url(h->cells[i], as_superuser, url);
        n += (size_t)snprintf(ret + n, sizeof(h->cells_variable) - n, "%c hookline %s\n", 'b' + i,
                              url);
        assert_true(n < sizeof(h->cells_variable));
    }
}

int harness_cli(struct harness *h, const char *const arguments[], const char **ret_out)
{
    char program[PROC_PATH_SIZE];
    const char *argv[MAX_ARGS] = {program};
    char variable[PG_URL_SIZE + 32], cells[sizeof(h->cells_variable)], url[PG_URL_SIZE];
    const char *env[] = {variable, h->master_key, NULL, NULL, NULL};
    size_t n_env = 2;
    char *out;
    int code;

    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(i + 2 < MAX_ARGS);
        argv[i + 1] = arguments[i];
    }
    proc_program("hookline", program);
    pg_url(h->database, true, url);
    (void)snprintf(variable, sizeof(variable), "HOOKLINE_DATABASE_URL=%s", url);
    if (h->master_key_old != NULL)
        env[n_env++] = h->master_key_old;
    if (h->options->n_cells > 0) {
        name_cells(h, true, cells);
        env[n_env] = cells;
    }
    code = proc_run("hookline", h->directory, argv, env, &out);
    if (ret_out != NULL)
        *ret_out = http_text(h->http, "%s", out);
    free(out);
    return code;
}

/* ---- setup ---- */

static const char *make_operator_key(struct harness *h)
{
    const char *out, *key;

    if (harness_cli(h, (const char *const[]){"keys", "create", "--role", "operator", NULL}, &out) !=
        0)
        fail_test("hookline keys create failed");
    key = strstr(out, "hk_");
    if (key == NULL)
        fail_test("hookline keys create printed no key: %s", out);
    return http_text(h->http, "%.*s", (int)strcspn(key, " \t\r\n"), key);
}

static void start_all(struct harness *h)
{
    unsigned n_workers = h->options->n_workers == 0 ? 1 : h->options->n_workers;

    (void)start_sinker(h, NULL);
    start_api(h, &h->api);
    for (unsigned i = 0; i < n_workers && !h->options->has_no_worker; i++)
        (void)harness_start_worker(h);
    h->operator_key = make_operator_key(h);
    wait_for_sinker(h, 0, false);
    wait_for_api(h, &h->api, h->api_url);
}

/* When a setup fails, cmocka never calls teardown: the next setup, or the end, makes up for it. */
static struct harness *current;

static void clean_up(void)
{
    void *state = current;

    if (current == NULL)
        return;
    (void)fprintf(stderr, "the setup of a test failed\n");
    (void)harness_teardown(&state);
}

static void make_cells(struct harness *h)
{
    assert_true(h->options->n_cells <= HARNESS_MAX_CELLS);
    for (unsigned i = 0; i < h->options->n_cells; i++)
        pg_create_database(h->cells[i]);
    if (h->options->n_cells > 0)
        name_cells(h, false, h->cells_variable);
}

int harness_setup(void **state)
{
    static bool is_registered;
    struct harness *h = calloc(1, sizeof(*h));
    char url[PG_URL_SIZE];

    assert_non_null(h);
    clean_up();
    h->options = *state == NULL ? &usual : *state;
    h->master_key = HARNESS_MASTER_KEY;
    h->http = http_new();
    pg_create_database(h->database);
    make_cells(h);
    if (!is_registered)
        (void)atexit(clean_up); /* after pg's own: runs before the server stops */
    is_registered = true;
    proc_make_directory("hookline-test", h->directory);
    current = h;
    pg_url(h->database, false, url);
    (void)snprintf(h->url_variable, sizeof(h->url_variable), "HOOKLINE_DATABASE_URL=%s", url);
    *state = h;
    start_all(h);
    h->has_passed = h->options->test == NULL; /* plain cmocka tests: nobody will know */
    return 0;
}

void harness_run(void **state)
{
    struct harness *h = *state;

    h->options->test(state);
    h->has_passed = true;
}

/* ---- teardown ---- */

/* In the order of stopping: senders before receivers. */
static size_t list_programs(struct harness *h, struct proc *ret[HARNESS_MAX_PROGRAMS])
{
    size_t n = 0;

    ret[n++] = &h->api;
    if (h->other_api_url[0] != '\0')
        ret[n++] = &h->other_api;
    for (unsigned i = 0; i < h->n_workers; i++)
        ret[n++] = &h->workers[i];
    for (unsigned i = 0; i < h->n_sinkers; i++)
        ret[n++] = &h->sinkers[i];
    return n;
}

static bool stop_all(struct harness *h)
{
    struct proc *programs[HARNESS_MAX_PROGRAMS];
    size_t n = list_programs(h, programs);
    bool is_clean = true;

    for (size_t i = 0; i < n; i++)
        proc_signal(programs[i], SIGTERM);
    for (size_t i = 0; i < n; i++) {
        int code = proc_wait(programs[i], STOP_TIMEOUT_MS);

        if (code == PROC_TIMED_OUT)
            proc_kill(programs[i]);
        if (code == 0 || code == 128 + SIGTERM)
            continue; /* SIGTERM may come before a program has its handler */
        (void)fprintf(stderr, "%s ended with %d\n", programs[i]->name, code);
        is_clean = false;
    }
    return is_clean;
}

int harness_teardown(void **state)
{
    struct harness *h = *state;
    bool is_clean = stop_all(h);

    current = NULL;
    if (!h->has_passed || !is_clean)
        proc_print_directory(h->directory);
    pg_drop_database(h->database);
    for (unsigned i = 0; i < h->options->n_cells; i++)
        pg_drop_database(h->cells[i]);
    proc_remove_directory(h->directory);
    http_free(h->http);
    free(h);
    return is_clean ? 0 : -1;
}

/* ---- logs, waiting ---- */

static void append_file(const char *path, void *log)
{
    char *text = proc_read_file(path);

    hk_buf_add_text(log, text);
    free(text);
}

const char *harness_logs(struct harness *h)
{
    struct hk_buf log;
    const char *text;

    hk_buf_init(&log, MAX_LOG_BYTES);
    proc_each_file(h->directory, append_file, &log);
    text = http_text(h->http, "%s", hk_buf_str(&log).p);
    hk_buf_done(&log);
    return text;
}

bool wait_until(bool (*condition)(void *arg), void *arg, int timeout_ms)
{
    int64_t until_ms = hk_mono_ms() + timeout_ms;

    while (!condition(arg)) {
        if (hk_mono_ms() >= until_ms)
            return false;
        proc_pause(LOOK_EVERY_MS);
    }
    return true;
}
