/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/harness.h - the whole of Hookline for one test: a fresh database, the API, workers
 * and a sinker, all real programs.
 *
 *     static void test_a_webhook_is_signed(void **state)
 *     {
 *         struct harness *h = *state;
 *         struct tenant *t = given_tenant(h);
 *         ...
 *     }
 *     const struct CMUnitTest tests[] = {
 *         harness_test(test_a_webhook_is_signed),
 *         harness_test(test_two_workers_share, .n_workers = 2,
 *                      .env = (const char *const[]){"HOOKLINE_WORKER_LEASE_MS=2000", NULL}),
 *     };
 *
 * A test declared by harness_test() has the logs of its programs printed when it fails. Whatever
 * fails in here fails the test, with a message; so results need no checks. Texts and replies live
 * as long as the test. Teardown stops every program with SIGTERM and fails when one exits with
 * anything but 0 or by that signal (a sanitizer's finding shows there), unless the test killed it.
 */
#ifndef SUPPORT_HARNESS_H
#define SUPPORT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants those before it */

#include "tests/support/http.h"
#include "tests/support/pg.h"
#include "tests/support/proc.h"

#define HARNESS_MAX_WORKERS 8
#define HARNESS_MAX_SINKERS 4
#define HARNESS_MAX_TENANTS 16
#define HARNESS_MAX_CELLS   3
#define HARNESS_URL_SIZE    64

/* What a test may ask for; zero is the usual. */
struct harness_options {
    void (*test)(void **state);
    unsigned n_workers;     /* 0: one */
    unsigned n_cells;       /* beside the home cell: "b", "c", ..., databases of their own */
    bool has_no_worker;     /* the test starts its own with harness_start_worker() */
    const char *const *env; /* "HOOKLINE_...=value" for the API and the workers, NULL-ended */
};

/* A tenant and a key of each role. */
struct tenant {
    const char *id;
    const char *admin;
    const char *partner; /* of the partner "acme" */
    const char *support;
    const char *producer;
    const char *receiver; /* of the partner "acme" */
};

struct subscription {
    const char *id;
    const char *secret;
};

/* The master key that programs have unless a test says otherwise. */
#define HARNESS_MASTER_KEY "HOOKLINE_MASTER_KEY=a+pkwOU8J3XfCm+HFMN66jPjb/ggPO7EvubvG2K5zys="

struct harness {
    const struct harness_options *options;
    bool has_passed; /* the test function came to its end */
    unsigned n_api_starts;
    char directory[PROC_PATH_SIZE];
    char database[PG_NAME_SIZE];
    char url_variable[PG_URL_SIZE + 32];
    char cells[HARNESS_MAX_CELLS][PG_NAME_SIZE]; /* the databases of cells "b", "c", ... */
    char cells_variable[HARNESS_MAX_CELLS * (PG_URL_SIZE + 32) + 32]; /* HOOKLINE_CELLS=... */
    const char *master_key; /* "HOOKLINE_MASTER_KEY=...", for programs that start from here on */
    const char *master_key_old; /* the same of the one before it; NULL: none */
    struct http *http;
    const char *operator_key;

    struct proc api;
    char api_url[HARNESS_URL_SIZE]; /* "http://127.0.0.1:PORT" */
    struct proc other_api;          /* see harness_start_other_api() */
    char other_api_url[HARNESS_URL_SIZE];
    struct proc workers[HARNESS_MAX_WORKERS];
    unsigned n_workers;
    struct proc sinkers[HARNESS_MAX_SINKERS];
    char sinker_urls[HARNESS_MAX_SINKERS][HARNESS_URL_SIZE];
    unsigned n_sinkers;
    struct tenant tenants[HARNESS_MAX_TENANTS];
    unsigned n_tenants;
};

#define harness_test(fn, ...)                                                                      \
    {                                                                                              \
#fn, harness_run, harness_setup, harness_teardown, &(struct harness_options)               \
        {                                                                                          \
            .test = (fn)__VA_OPT__(, ) __VA_ARGS__                                                 \
        }                                                                                          \
    }

/* For cmocka; *state is a struct harness_options (or NULL) before, a struct harness after setup. */
int harness_setup(void **state);
int harness_teardown(void **state);
void harness_run(void **state);

/* cmocka's fail_msg() in a form that compilers know not to return. */
#define fail_test(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)
HK_NORETURN void harness_fail(const char *file, int line, const char *format, ...) HK_PRINTF(3, 4);

/* ---- programs ---- */

/* Starts one more worker; its number. */
unsigned harness_start_worker(struct harness *h);
void harness_kill_worker(struct harness *h, unsigned i); /* SIGKILL */
void harness_stop_worker(struct harness *h, unsigned i); /* SIGTERM, and it has to exit with 0 */
void harness_restart_api(struct harness *h);             /* SIGTERM, then a new one */
/* A second API process, at h->other_api_url; call it with http_call(). */
void harness_start_other_api(struct harness *h);
void harness_swap_apis(struct harness *h); /* calls go to the other one from here on */
void harness_kill_api(struct harness *h);  /* SIGKILL; harness_restart_api() goes on */

/* One more sinker with these options (NULL-ended, or NULL); its number. Number 0 is there already.
 */
unsigned harness_start_sinker(struct harness *h, const char *const options[]);

/* Runs `hookline` with these arguments (NULL-ended); its exit code and what it printed. */
int harness_cli(struct harness *h, const char *const arguments[], const char **ret_out);

/* All that the API, the workers and the sinkers have written so far. */
const char *harness_logs(struct harness *h);

/* ---- calls and replies ---- */

/* Calls the API; `body_format` is printf's, or NULL for no body. `key` may be NULL. */
struct reply api_call(struct harness *h, const char *key, const char *method, const char *path,
                      const char *body_format, ...) HK_PRINTF(5, 6);

/* The same with bytes as the body and headers ("Name: value", NULL-ended, or NULL). */
struct reply api_send(struct harness *h, const char *key, const char *method, const char *path,
                      struct hk_str body, const char *const headers[]);

/* The test fails, and shows the reply, when it has another status. */
#define assert_status(reply, status) reply_check_status(&(reply), (status), __FILE__, __LINE__)
void reply_check_status(const struct reply *reply, int status, const char *file, int line);

/* The value at a dotted path ("data.0.id"); the test fails when there is none of that type. */
const char *reply_text(const struct reply *reply, const char *path);
int64_t reply_int(const struct reply *reply, const char *path);
bool reply_bool(const struct reply *reply, const char *path);
size_t reply_count(const struct reply *reply, const char *path); /* of an array or object */
bool reply_is_null(const struct reply *reply, const char *path); /* there, and null */
bool reply_has(const struct reply *reply, const char *path);

/* The first value of the first row, asked as the superuser; NULL for SQL NULL or no row. */
const char *db_text(struct harness *h, const char *sql_format, ...) HK_PRINTF(2, 3);
int64_t db_int(struct harness *h, const char *sql_format, ...) HK_PRINTF(2, 3);

/* ---- given: what a story starts with, made through the API ---- */

struct tenant *given_tenant(struct harness *h); /* http:// URLs are allowed */
/* The same in that cell: "default", "b", ... */
struct tenant *given_tenant_in(struct harness *h, const char *cell);
const char *given_key(struct harness *h, const struct tenant *t, const char *role,
                      const char *partner); /* `partner` NULL for roles without one */
const char *given_company(struct harness *h, const struct tenant *t, const char *external_id);
void given_event_type(struct harness *h, const struct tenant *t, const char *name);
const char *given_app(struct harness *h, const struct tenant *t, const char *partner);
const char *given_connection(struct harness *h, const struct tenant *t, const char *app_id,
                             const char *company_external_id);

/* Subscribes http://<sinker 0><path> to one event type; the sinker checks its signatures. */
struct subscription given_subscription(struct harness *h, const struct tenant *t,
                                       const char *app_id, const char *path,
                                       const char *event_type);

/* All of the above: company "c1", event type "order.paid", an app of "acme" connected to c1. */
struct subscription given_story(struct harness *h, struct tenant *t, const char *path);

/* Publishes one event and returns its id. `payload` is JSON. */
const char *publish(struct harness *h, const struct tenant *t, const char *event_type,
                    const char *company, const char *payload);

/* ---- the sinker (number 0) ---- */

const char *sinker_url(struct harness *h, const char *path);

/* Sets the rule of a path: {"replies": [...], "then": {...}}, printf's arguments. */
void sinker_rule(struct harness *h, const char *path, const char *rule_format, ...) HK_PRINTF(3, 4);

/* Adds a secret to check signatures on the path with. */
void sinker_secret(struct harness *h, const char *path, const char *secret);

/* Waits until the path got `count` requests in all; fails the test when the time is over. */
void sinker_wait(struct harness *h, const char *path, unsigned count, int timeout_ms);

/* How many it got so far, and the i-th (from 0): reply_text(&r, "headers.webhook-id"), "body", ...
 */
unsigned sinker_count(struct harness *h, const char *path);
struct reply sinker_request(struct harness *h, const char *path, unsigned i);

/* {"requests", "distinct_ids", "duplicates", ...} of a path, or of all with NULL. */
struct reply sinker_stats(struct harness *h, const char *path);

/* ---- waiting ---- */

/* Looks at the condition every few milliseconds; false when it has not come true in time. */
bool wait_until(bool (*condition)(void *arg), void *arg, int timeout_ms);

/* Waits until GET `path` answers `value` (text, a number as text, NULL for null) at the path. */
void api_wait_for(struct harness *h, const char *key, const char *path, const char *at,
                  const char *value, int timeout_ms);

#endif
