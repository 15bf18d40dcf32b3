/* SPDX-License-Identifier: Apache-2.0 */
/* `hookline migrate` and `hookline keys` on databases of their own, from empty to up to date. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/harness.h"
#include "tests/support/pg.h"
#include "tests/support/proc.h"

enum { OK = 0, FAILED = 1, USAGE = 2, UNAVAILABLE = 69, CONFIG = 78 };

struct place {
    char database[PG_NAME_SIZE];
    char directory[PROC_PATH_SIZE];
    char *said; /* by the last command, both outputs */
};

static int setup(void **state)
{
    static unsigned n_databases;
    struct place *place = calloc(1, sizeof(*place));
    char sql[128];

    assert_non_null(place);
    (void)snprintf(place->database, sizeof(place->database), "migrate_%d_%u", (int)getpid(),
                   ++n_databases);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'",
                   place->database);
    free(pg_text("postgres", sql));
    proc_make_directory("hookline-migrate", place->directory);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;

    pg_drop_database(place->database);
    proc_remove_directory(place->directory);
    free(place->said);
    free(place);
    return 0;
}

/* ---- commands ---- */

static void start_with(struct place *place, struct proc *proc, const char *name, const char *url,
                       const char *const words[])
{
    const char *argv[8] = {HOOKLINE_BIN_DIR "/hookline"};
    char variable[PG_URL_SIZE + 64];

    for (size_t i = 0; words[i] != NULL; i++)
        argv[i + 1] = words[i];
    (void)snprintf(variable, sizeof(variable), "HOOKLINE_DATABASE_URL=%s", url);
    proc_start(proc, name, place->directory, argv,
               (const char *const[]){variable, HARNESS_MASTER_KEY, NULL});
}

/* What it wrote goes to place->said. */
static int finish(struct place *place, struct proc *proc)
{
    int code = proc_wait(proc, 60000);
    char *out = proc_read_file(proc->out_path), *err = proc_read_file(proc->err_path);

    free(place->said);
    if (asprintf(&place->said, "%s%s", out, err) < 0)
        abort();
    free(out);
    free(err);
    (void)unlink(proc->out_path);
    (void)unlink(proc->err_path);
    return code;
}

static int run_at(struct place *place, const char *url, const char *const words[])
{
    struct proc proc = {.pid = 0};

    start_with(place, &proc, "hookline", url, words);
    return finish(place, &proc);
}

static int run(struct place *place, const char *const words[])
{
    char url[PG_URL_SIZE];

    pg_url(place->database, true, url);
    return run_at(place, url, words);
}

static int migrate(struct place *place, const char *what)
{
    return run(place, (const char *const[]){"migrate", what, NULL});
}

static void assert_said(const struct place *place, const char *text)
{
    if (strstr(place->said, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, place->said);
}

static long ask(struct place *place, const char *sql)
{
    char *text = pg_text(place->database, sql);
    long number = text == NULL ? -1 : strtol(text, NULL, 10);

    free(text);
    return number;
}

/* ---- up, status, check ---- */

static void test_an_empty_database_is_brought_up(void **state)
{
    struct place *place = *state;

    assert_int_equal(migrate(place, "check"), FAILED);
    assert_said(place, "pending");
    assert_int_equal(migrate(place, "up"), OK);
    assert_said(place, "applied 0001_");
    assert_int_equal(migrate(place, "check"), OK);
    assert_int_equal(migrate(place, "status"), OK);
    assert_said(place, "applied");
    assert_null(strstr(place->said, "pending"));
    assert_true(ask(place, "SELECT count(*) FROM hookline.schema_migration") >= 4);
    assert_true(ask(place,
                    "SELECT count(*) FROM pg_class c, pg_namespace n WHERE nspname = 'hookline'"
                    " AND n.oid = c.relnamespace AND relispartition AND relkind = 'r'"
                    " AND relname LIKE 'event_2%'") >= 5);
    assert_int_equal(ask(place, /* whatever week they are of, payloads are compressed by lz4 */
                         "SELECT count(*) FROM pg_partition_tree('hookline.event') t"
                         "  JOIN pg_attribute a ON a.attrelid = t.relid AND a.attname = 'payload'"
                         " WHERE a.attcompression <> 'l'"),
                     0);
}

static void test_bringing_up_twice_changes_nothing(void **state)
{
    static const char applied[] =
        "SELECT md5(string_agg(x::text, ',' ORDER BY name))"
        "  FROM (SELECT name, sha256, applied_at FROM hookline.schema_migration UNION ALL"
        "        SELECT name, sha256, applied_at FROM hookline.schema_repeatable) x";
    struct place *place = *state;
    char *before, *after;

    assert_int_equal(migrate(place, "up"), OK);
    before = pg_text(place->database, applied);
    assert_int_equal(migrate(place, "up"), OK);
    assert_null(strstr(place->said, "applied"));
    after = pg_text(place->database, applied);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void test_a_migration_that_changed_since_is_an_error(void **state)
{
    struct place *place = *state;

    assert_int_equal(migrate(place, "up"), OK);
    (void)ask(place,
              "UPDATE hookline.schema_migration SET sha256 = repeat('0', 64) WHERE version = 2");
    assert_int_equal(migrate(place, "up"), FAILED);
    assert_said(place, "0002_");
    assert_said(place, "has changed since");
    assert_int_equal(migrate(place, "check"), FAILED);
    assert_said(place, "changed");
    assert_int_equal(migrate(place, "status"), OK);
}

static void test_a_function_that_changed_since_is_applied_again(void **state)
{
    struct place *place = *state;

    assert_int_equal(migrate(place, "up"), OK);
    (void)ask(place, "UPDATE hookline.schema_repeatable SET sha256 = repeat('0', 64)"
                     " WHERE name = (SELECT min(name) FROM hookline.schema_repeatable)");
    assert_int_equal(migrate(place, "check"), FAILED);
    assert_int_equal(migrate(place, "up"), OK);
    assert_said(place, "applied ");
    assert_int_equal(migrate(place, "check"), OK);
}

static void test_a_schema_of_a_newer_program_is_not_touched(void **state)
{
    struct place *place = *state;

    assert_int_equal(migrate(place, "up"), OK);
    (void)ask(place, "INSERT INTO hookline.schema_migration (version, name, sha256, took_ms)"
                     " VALUES (9999, '9999_future.sql', 'x', 1)");
    assert_int_equal(migrate(place, "up"), FAILED);
    assert_said(place, "9999_future.sql");
    assert_int_equal(migrate(place, "check"), OK); /* programs are older for a while */
}

static void test_a_failing_migration_leaves_nothing_behind(void **state)
{
    struct place *place = *state;

    (void)ask(place, "CREATE SCHEMA hookline");
    (void)ask(place, "CREATE TABLE hookline.company (in_the_way integer)");
    assert_int_equal(migrate(place, "up"), FAILED);
    assert_said(place, "0003_");
    assert_int_equal(ask(place, "SELECT count(*) FROM hookline.schema_migration"), 2);
    assert_int_equal(ask(place, "SELECT count(*) FROM pg_class WHERE relname = 'custom_field'"), 0);
    (void)ask(place, "DROP TABLE hookline.company");
    assert_int_equal(migrate(place, "up"), OK);
    assert_int_equal(migrate(place, "check"), OK);
}

static void test_two_that_migrate_at_once_do_it_once(void **state)
{
    struct place *place = *state;
    struct proc first = {.pid = 0}, second = {.pid = 0};
    char url[PG_URL_SIZE];
    const char *const words[] = {"migrate", "up", NULL};
    bool has_applied;

    pg_url(place->database, true, url);
    start_with(place, &first, "first", url, words);
    start_with(place, &second, "second", url, words);
    assert_int_equal(finish(place, &first), OK);
    has_applied = strstr(place->said, "applied 0001_") != NULL;
    assert_int_equal(finish(place, &second), OK);
    assert_int_not_equal(has_applied, strstr(place->said, "applied 0001_") != NULL);
    assert_int_equal(migrate(place, "check"), OK);
}

static void test_two_databases_of_a_server_share_the_roles(void **state)
{
    struct place *place = *state, *other;
    void *other_state = NULL;

    assert_int_equal(setup(&other_state), 0);
    other = other_state;
    assert_int_equal(migrate(place, "up"), OK);
    assert_int_equal(migrate(other, "up"), OK);
    assert_int_equal(teardown(&other_state), 0);
}

/* ---- who may ---- */

static void test_a_runtime_role_cannot_migrate(void **state)
{
    static const char *const roles[] = {"hookline_api", "hookline_worker"};
    struct place *place = *state;
    char base[PG_URL_SIZE], url[PG_URL_SIZE + 64];

    assert_int_equal(migrate(place, "up"), OK);
    (void)ask(place, "DELETE FROM hookline.schema_repeatable"); /* so that there is work */
    pg_url(place->database, false, base);
    for (size_t i = 0; i < HK_COUNTOF(roles); i++) {
        (void)snprintf(url, sizeof(url), "%s user=%s", base, roles[i]);
        assert_int_equal(run_at(place, url, (const char *const[]){"migrate", "up", NULL}), FAILED);
        assert_int_equal(ask(place, "SELECT count(*) FROM hookline.schema_repeatable"), 0);
    }
}

static void test_an_owner_without_superpowers_can_migrate(void **state)
{
    struct place *place = *state;
    char base[PG_URL_SIZE], url[PG_URL_SIZE + 64], sql[PG_NAME_SIZE + 64];

    free(pg_text("postgres", "DO $$ BEGIN CREATE ROLE migrate_owner LOGIN CREATEROLE;"
                             " EXCEPTION WHEN duplicate_object THEN NULL; END $$"));
    (void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s OWNER TO migrate_owner", place->database);
    free(pg_text("postgres", sql));
    pg_url(place->database, false, base);
    (void)snprintf(url, sizeof(url), "%s user=migrate_owner", base);
    assert_int_equal(run_at(place, url, (const char *const[]){"migrate", "up", NULL}), OK);
    assert_int_equal(run_at(place, url, (const char *const[]){"migrate", "check", NULL}), OK);
    assert_int_equal(
        run_at(place, url, (const char *const[]){"keys", "create", "--role", "operator", NULL}),
        OK);
    assert_said(place, "hk_");
}

/* ---- keys ---- */

static void test_an_operators_key_is_printed_and_only_its_hash_is_stored(void **state)
{
    struct place *place = *state;
    char sql[256];

    assert_int_equal(migrate(place, "up"), OK);
    assert_int_equal(
        run(place, (const char *const[]){"keys", "create", "--role", "operator", NULL}), OK);
    assert_int_equal(strncmp(place->said, "hk_", 3), 0);
    place->said[strcspn(place->said, "\n")] = '\0';
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM hookline.api_key WHERE key_sha256 = sha256('%s'::bytea)",
                   place->said);
    assert_int_equal(ask(place, sql), 1);
    assert_int_equal(
        ask(place, "SELECT count(*) FROM hookline.audit_log WHERE action = 'key.created'"), 1);
}

static void test_an_admins_key_needs_a_tenant_that_is_there(void **state)
{
    static const char nobody[] = "019ab3f5-20d0-7001-8c1d-2f7a90b3c4d5";
    static const char installation[] = "00000000-0000-0000-0000-000000000000";
    struct place *place = *state;
    const char *words[] = {"keys", "create", "--role", "admin", "--tenant", nobody, NULL};

    assert_int_equal(migrate(place, "up"), OK);
    assert_int_equal(run(place, words), FAILED);
    assert_said(place, "there is no tenant");
    words[5] = installation;
    assert_int_equal(run(place, words), FAILED);
    (void)ask(place, "INSERT INTO hookline.tenant (tenant_id, name)"
                     " VALUES ('019ab3f5-20d0-7001-8c1d-2f7a90b3c4d5', 'somebody')");
    words[5] = nobody;
    assert_int_equal(run(place, words), OK);
    assert_int_equal(strncmp(place->said, "hk_", 3), 0);
}

/* ---- exit codes ---- */

static void test_what_is_no_command_is_answered_with_the_usage(void **state)
{
    static const char *const commands[][6] = {
        {NULL},
        {"migrate", NULL},
        {"migrate", "down", NULL},
        {"migrate", "up", "now", NULL},
        {"keys", "create", NULL},
        {"keys", "create", "--role", "partner", NULL},
        {"keys", "create", "--role", "admin", NULL},
        {"keys", "create", "--role", NULL},
        {"version", "please", NULL},
    };
    struct place *place = *state;

    for (size_t i = 0; i < HK_COUNTOF(commands); i++) {
        assert_int_equal(run(place, commands[i]), USAGE);
        assert_said(place, "usage:");
    }
    assert_int_equal(run(place, (const char *const[]){"help", NULL}), OK);
    assert_int_equal(run(place, (const char *const[]){"version", NULL}), OK);
}

static void test_a_database_that_is_not_there_has_an_exit_code_of_its_own(void **state)
{
    static const char *const commands[][5] = {{"migrate", "up", NULL},
                                              {"migrate", "status", NULL},
                                              {"migrate", "check", NULL},
                                              {"keys", "create", "--role", "operator", NULL}};
    struct place *place = *state;

    for (size_t i = 0; i < HK_COUNTOF(commands); i++)
        assert_int_equal(run_at(place, "host=/nowhere dbname=none", commands[i]), UNAVAILABLE);
}

static void test_an_unknown_setting_stops_the_program(void **state)
{
    static const char *const argv[] = {HOOKLINE_BIN_DIR "/hookline", "migrate", "status", NULL};
    static const char *const env[] = {"HOOKLINE_NO_SUCH_THING=1", "HOOKLINE_API_THREADS=0", NULL};
    struct place *place = *state;
    struct proc proc = {.pid = 0};

    proc_start(&proc, "hookline", place->directory, argv, env);
    assert_int_equal(finish(place, &proc), CONFIG);
    assert_said(place, "HOOKLINE_NO_SUCH_THING");
    assert_said(place, "HOOKLINE_API_THREADS");
}

#define place_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(test_an_empty_database_is_brought_up),
        place_test(test_bringing_up_twice_changes_nothing),
        place_test(test_a_migration_that_changed_since_is_an_error),
        place_test(test_a_function_that_changed_since_is_applied_again),
        place_test(test_a_schema_of_a_newer_program_is_not_touched),
        place_test(test_a_failing_migration_leaves_nothing_behind),
        place_test(test_two_that_migrate_at_once_do_it_once),
        place_test(test_two_databases_of_a_server_share_the_roles),
        place_test(test_a_runtime_role_cannot_migrate),
        place_test(test_an_owner_without_superpowers_can_migrate),
        place_test(test_an_operators_key_is_printed_and_only_its_hash_is_stored),
        place_test(test_an_admins_key_needs_a_tenant_that_is_there),
        place_test(test_what_is_no_command_is_answered_with_the_usage),
        place_test(test_a_database_that_is_not_there_has_an_exit_code_of_its_own),
        place_test(test_an_unknown_setting_stops_the_program),
    };

    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
