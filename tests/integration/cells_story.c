/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An installation with two cells, as its users see it: from the operator who adds a cell, by the
 * commands of docs/operations.md, to the webhook and the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/cell.h"
#include "tests/support/cli.h"
#include "tests/support/message.h"

#define B 0 /* the cell "b" */

/* ---- two cells, one installation ---- */

#define N_EVENTS "SELECT count(*) FROM hookline.event WHERE tenant_id = '%s'"

/* What the tenant's log has of it, at a shell: so many deliveries, all of its own. */
static void check_log(struct harness *h, const struct tenant *t, unsigned n)
{
    struct said said = cli_run(h, h->api_url, t->support, "logs", "--count", "status:succeeded");

    assert_said(said, 0, http_text(h->http, "%u\n", n));
    assert_int_equal(message_count(h, t, "succeeded"), n);
}

static void check_webhooks(struct harness *h, const char *path, unsigned n)
{
    struct reply stats;

    sinker_wait(h, path, n, 20000);
    stats = sinker_stats(h, path);
    assert_int_equal(reply_int(&stats, "distinct_ids"), n);
    assert_int_equal(reply_int(&stats, "signature_invalid"), 0);
}

struct succeeded {
    struct harness *h;
    const struct tenant *t;
    unsigned n;
};

static bool is_recorded(void *arg)
{
    const struct succeeded *wanted = arg;
    struct reply reply = api_call(wanted->h, wanted->t->admin, "GET", "/v1/messages?limit=1", NULL);

    if (reply.status == 503)
        return false; /* the API has not heard yet that the cell is up again */
    return message_count(wanted->h, wanted->t, "succeeded") == wanted->n;
}

static void test_tenants_of_two_cells_have_one_installation(void **state)
{
    struct harness *h = *state;
    struct tenant *at_home = given_tenant(h), *in_b = given_tenant_in(h, "b");
    const char *event_id, *path;
    struct reply reply;

    (void)given_story(h, at_home, "/a");
    (void)given_story(h, in_b, "/b");
    publish_many(h, at_home, 20);
    publish_many(h, in_b, 29);
    event_id = publish(h, in_b, "order.paid", "c1", "{\"order\": 30}");
    check_webhooks(h, "/a", 20);
    check_webhooks(h, "/b", 30);
    assert_true(wait_until(is_recorded, &(struct succeeded){h, at_home, 20}, 10000));
    assert_true(wait_until(is_recorded, &(struct succeeded){h, in_b, 30}, 10000));
    check_log(h, at_home, 20);
    check_log(h, in_b, 30);

    path = message_path(h, in_b, event_id, NULL);
    assert_int_equal(message_n_attempts(h, in_b, path), 1);
    reply = api_call(h, at_home->support, "GET", path, NULL);
    assert_status(reply, 404);

    assert_int_equal(db_int(h, N_EVENTS, at_home->id), 20);
    assert_int_equal(db_int(h, N_EVENTS, in_b->id), 0);
    assert_int_equal(cell_int(h, B, N_EVENTS, at_home->id), 0);
    assert_int_equal(cell_int(h, B, N_EVENTS, in_b->id), 30);
    reply = api_call(h, h->operator_key, "GET", "/v1/tenants", NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 2);
}

/* What was accepted is sent, whatever is killed; and nothing of one cell is sent by the other. */
static void test_nothing_is_lost_of_either_cell_when_programs_are_killed(void **state)
{
    struct harness *h = *state;
    struct tenant *at_home = given_tenant(h), *in_b = given_tenant_in(h, "b");
    struct reply stats;

    (void)given_story(h, at_home, "/a");
    (void)given_story(h, in_b, "/b");
    sinker_rule(h, "/a", "{\"then\": {\"status\": 200, \"delay_ms\": 20}}");
    sinker_rule(h, "/b", "{\"then\": {\"status\": 200, \"delay_ms\": 20}}");
    publish_many(h, at_home, 200);
    publish_many(h, in_b, 200);
    harness_kill_worker(h, 0);
    harness_kill_api(h);
    cell_down(h, B);
    harness_restart_api(h);
    (void)harness_start_worker(h);
    cell_up(h, B);
    sinker_wait(h, "/a", 200, 30000);
    sinker_wait(h, "/b", 200, 30000);
    assert_true(wait_until(is_recorded, &(struct succeeded){h, at_home, 200}, 30000));
    assert_true(wait_until(is_recorded, &(struct succeeded){h, in_b, 200}, 30000));
    stats = sinker_stats(h, "/a");
    assert_int_equal(reply_int(&stats, "distinct_ids"), 200);
    stats = sinker_stats(h, "/b");
    assert_int_equal(reply_int(&stats, "distinct_ids"), 200);
}

/* ---- docs/operations.md ---- */

static const char program[] = HOOKLINE_SOURCE_DIR "/tests/transcript";
static const char document[] = HOOKLINE_SOURCE_DIR "/docs/operations.md";

/* Of the programs, from the second start on: where they listen is to stay, and they know cells. */
static char listen_variable[64] = "HOOKLINE_API_LISTEN=127.0.0.1:0";
static char cells_variable[PROC_PATH_SIZE + 64] = "HOOKLINE_LOG_LEVEL=info";

/* The folders of the installation, and the empty database of the cell to come. */
struct recipe {
    const char *keys, *etc, *dsn;
    char database[PG_NAME_SIZE];
    struct proc transcript;
};

static const char *make_folder(struct harness *h, const char *name)
{
    const char *path = http_text(h->http, "%s/%s", h->directory, name);

    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static void set_up_recipe(struct harness *h, struct recipe *recipe)
{
    char url[PG_URL_SIZE];
    FILE *file;

    recipe->keys = make_folder(h, "keys");
    recipe->etc = make_folder(h, "etc");
    file = fopen(http_text(h->http, "%s/operator.key", recipe->keys), "w");
    assert_non_null(file);
    (void)fprintf(file, "%s\n", h->operator_key);
    assert_int_equal(fclose(file), 0);

    (void)snprintf(recipe->database, sizeof(recipe->database), "%.40s_b", h->database);
    free(pg_text("postgres",
                 http_text(h->http, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'",
                           recipe->database)));
    pg_url(recipe->database, true, url);
    recipe->dsn = http_text(h->http, "%s", url);
    (void)snprintf(listen_variable, sizeof(listen_variable), "HOOKLINE_API_LISTEN=%s",
                   h->api_url + strlen("http://"));
    (void)snprintf(cells_variable, sizeof(cells_variable), "HOOKLINE_CELLS_FILE=%s/cells",
                   recipe->etc);
}

static void start_transcript(struct harness *h, struct recipe *recipe)
{
    const char *update = getenv("HOOKLINE_TEST_TRANSCRIPT");
    const char *const argv[] = {program, update == NULL ? document : update,
                                update == NULL ? "Cells" : document,
                                update == NULL ? NULL : "Cells", NULL};
    char url[PG_URL_SIZE];
    const char *const env[] = {
        http_text(h->http, "PATH=%s:%s", HOOKLINE_BIN_DIR, getenv("PATH")),
        http_text(h->http, "api=%s", h->api_url),
        http_text(h->http, "keys=%s", recipe->keys),
        http_text(h->http, "etc=%s", recipe->etc),
        http_text(h->http, "dsn_b=%s", recipe->dsn),
        http_text(h->http, "HOOKLINE_DATABASE_URL=%s", (pg_url(h->database, true, url), url)),
        NULL};

    proc_start(&recipe->transcript, "transcript", h->directory, argv, env);
}

/* The operator has named the cells; or the document has failed before. */
static bool has_cells(void *arg)
{
    struct recipe *recipe = arg;
    char path[PROC_PATH_SIZE + 16];
    struct stat file;

    (void)snprintf(path, sizeof(path), "%s/cells", recipe->etc);
    return (stat(path, &file) == 0 && file.st_size > 0) || !proc_is_running(&recipe->transcript);
}

static void test_a_cell_is_added_by_the_commands_of_the_operations_document(void **state)
{
    struct harness *h = *state;
    struct recipe recipe = {0};
    struct tenant *t;

    set_up_recipe(h, &recipe);
    start_transcript(h, &recipe);
    assert_true(wait_until(has_cells, &recipe, 60000));
    (void)harness_start_worker(h); /* rolling: the new one, then the old one */
    harness_stop_worker(h, 0);
    harness_restart_api(h);
    assert_int_equal(proc_wait(&recipe.transcript, 120000), 0);

    t = given_tenant_in(h, "b");
    (void)given_story(h, t, "/b");
    publish_many(h, t, 5);
    check_webhooks(h, "/b", 5);
    harness_stop_worker(h, 1);
    pg_drop_database(recipe.database);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_tenants_of_two_cells_have_one_installation, .n_cells = 1),
        harness_test(test_nothing_is_lost_of_either_cell_when_programs_are_killed, .n_cells = 1,
                     .env = (const char *const[]){"HOOKLINE_WORKER_LEASE_MS=3000", NULL}),
        harness_test(test_a_cell_is_added_by_the_commands_of_the_operations_document,
                     .env = (const char *const[]){listen_variable, cells_variable, NULL}),
    };

    return cmocka_run_group_tests_name("cells_story", tests, NULL, NULL);
}
