/* SPDX-License-Identifier: Apache-2.0 */
/* `hookline migrate`, `cells`, `keys` and `secrets` over several cells. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/cell.h"

enum { OK = 0, FAILED = 1, UNAVAILABLE = 69 };
enum { B, C }; /* cells */

#define run(h, ret_out, ...) harness_cli((h), (const char *const[]){__VA_ARGS__, NULL}, (ret_out))

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        if (strstr((text), (part)) == NULL)                                                        \
            fail_test("\"%s\" is not in: %s", (part), (text));                                     \
    } while (0)

/* What is on the line of `cells` that begins with the name. */
static const char *line_of(struct harness *h, const char *said, const char *cell)
{
    const char *at = strstr(said, http_text(h->http, "\n%s ", cell));

    if (at == NULL)
        fail_test("there is no line of %s in: %s", cell, said);
    return http_text(h->http, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
}

/* The cell gets an empty database in place of its own. */
static void empty_cell(struct harness *h, unsigned i)
{
    pg_drop_database(h->cells[i]);
    free(pg_text("postgres", http_text(h->http,
                                       "CREATE DATABASE %s TEMPLATE template0 "
                                       "ENCODING 'UTF8'",
                                       h->cells[i])));
}

static void test_migrate_up_does_all_cells_that_can_be_reached_and_says_which_cannot(void **state)
{
    struct harness *h = *state;
    const char *said, *logs;

    empty_cell(h, C);
    cell_down(h, B);
    assert_int_equal(run(h, &said, "migrate", "up"), UNAVAILABLE);
    assert_has(said, "cell default\n");
    assert_has(said, "cell c\napplied 0001_");
    logs = harness_logs(h);
    assert_has(logs, "hookline: cell b: the database cannot be reached");
    assert_null(strstr(logs, "cell c:"));
    assert_true(cell_int(h, C, "SELECT count(*) FROM hookline.schema_migration") >= 50);
    assert_int_equal(run(h, &said, "migrate", "check"), UNAVAILABLE);

    cell_up(h, B);
    assert_int_equal(run(h, &said, "migrate", "check"), OK);
    assert_int_equal(run(h, &said, "migrate", "status"), OK);
    assert_has(said, "cell c\napplied");
}

static void test_a_cell_that_cannot_be_migrated_does_not_keep_others_from_it(void **state)
{
    struct harness *h = *state;
    const char *said;

    (void)cell_int(h, B,
                   "WITH newer AS (INSERT INTO hookline.schema_migration (version, name, sha256, "
                   "took_ms) VALUES (9999, '9999_newer.sql', 'x', 0) RETURNING 1) "
                   "SELECT count(*) FROM newer");
    empty_cell(h, C);
    assert_int_equal(run(h, &said, "migrate", "up"), FAILED);
    assert_has(harness_logs(h), "hookline: cell b is not as it should be");
    assert_true(cell_int(h, C, "SELECT count(*) FROM hookline.schema_migration") >= 50);
}

static void test_cells_are_listed_with_what_is_wrong_with_them(void **state)
{
    struct harness *h = *state;
    const char *said;

    (void)given_tenant(h);
    assert_int_equal(run(h, &said, "cells"), OK);
    assert_has(line_of(h, said, "default"), "hookline");
    assert_has(line_of(h, said, "default"), " 1 ");
    assert_has(line_of(h, said, "b"), " 0 ");
    assert_has(line_of(h, said, "b"), " up");

    cell_down(h, B);
    empty_cell(h, C);
    assert_int_equal(run(h, &said, "cells"), FAILED);
    assert_has(line_of(h, said, "default"), " up");
    assert_has(line_of(h, said, "b"), " down");
    assert_has(line_of(h, said, "c"), " empty: hookline migrate up");

    cell_up(h, B);
    pg_drop_database(h->cells[C]); /* another spelling of b in its place */
    (void)snprintf(h->cells[C], sizeof(h->cells[C]), "%.40s connect_timeout=9", h->cells[B]);
    assert_int_equal(run(h, &said, "cells"), FAILED);
    assert_has(line_of(h, said, "c"), "the same database as b");
    (void)snprintf(h->cells[C], sizeof(h->cells[C]), "none_such");
}

static void test_a_key_is_stored_in_the_cell_of_its_tenant(void **state)
{
    static const char id[] = "01890000-0000-7000-8000-000000000001";
    struct harness *h = *state;
    const char *said;

    (void)db_int(h,
                 "WITH made AS (INSERT INTO hookline.tenant_cell (tenant_id, cell) "
                 "VALUES ('%s', 'b') RETURNING 1) SELECT count(*) FROM made",
                 id);
    assert_int_equal(run(h, &said, "keys", "create", "--role", "admin", "--tenant", id), FAILED);
    assert_int_equal(cell_int(h, B,
                              "WITH made AS (INSERT INTO hookline.tenant (tenant_id, name) VALUES "
                              "('%s', 'of b') RETURNING 1) SELECT count(*) FROM made",
                              id),
                     1);
    assert_int_equal(run(h, &said, "keys", "create", "--role", "admin", "--tenant", id), OK);
    assert_has(said, "hk_");
    assert_int_equal(
        cell_int(h, B, "SELECT count(*) FROM hookline.api_key WHERE tenant_id = '%s'", id), 1);
    assert_int_equal(cell_int(h, B,
                              "SELECT count(*) FROM hookline.audit_log WHERE tenant_id = "
                              "'%s' AND action = 'key.created'",
                              id),
                     1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.api_key WHERE tenant_id = '%s'", id),
                     0);

    (void)cell_int(h, B,
                   "WITH fence AS (INSERT INTO hookline.tenant_away (tenant_id, state) VALUES "
                   "('%s', 'moving') RETURNING 1) SELECT count(*) FROM fence",
                   id);
    assert_int_equal(run(h, &said, "keys", "create", "--role", "admin", "--tenant", id), FAILED);
    (void)db_int(h, "WITH moved AS (UPDATE hookline.tenant_cell SET cell = 'nowhere' RETURNING 1) "
                    "SELECT count(*) FROM moved");
    assert_int_equal(run(h, &said, "keys", "create", "--role", "admin", "--tenant", id), FAILED);
    assert_has(harness_logs(h), "the tenant lives in cell nowhere");
}

static void test_secrets_are_counted_in_all_cells(void **state)
{
    struct harness *h = *state;
    const char *said;

    assert_int_equal(run(h, &said, "secrets", "status"), OK);
    assert_has(said, "cell default\n");
    assert_has(said, "cell c\n");
    cell_down(h, B);
    assert_int_equal(run(h, &said, "secrets", "status"), UNAVAILABLE);
    assert_has(said, "cell c\nAll are under the current key");
    cell_up(h, B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_migrate_up_does_all_cells_that_can_be_reached_and_says_which_cannot,
                     .n_cells = 2, .has_no_worker = true),
        harness_test(test_a_cell_that_cannot_be_migrated_does_not_keep_others_from_it, .n_cells = 2,
                     .has_no_worker = true),
        harness_test(test_cells_are_listed_with_what_is_wrong_with_them, .n_cells = 2,
                     .has_no_worker = true),
        harness_test(test_a_key_is_stored_in_the_cell_of_its_tenant, .n_cells = 1,
                     .has_no_worker = true),
        harness_test(test_secrets_are_counted_in_all_cells, .n_cells = 2, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("cli_cells", tests, NULL, NULL);
}
