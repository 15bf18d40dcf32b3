/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/cells.h"

struct loaded {
    struct hk_cells cells;
    char *errors;
    bool is_valid;
};

static struct loaded load(const char *cells, const char *replicas)
{
    const struct hk_config config = {
        .database_url = "host=home dbname=x",
        .database_schema = "hookline",
        .cells = cells,
        .replicas = replicas,
        .api_threads = 3,
    };
    struct loaded ret;
    size_t n;
    FILE *errors = open_memstream(&ret.errors, &n);

    assert_non_null(errors);
    ret.is_valid = hk_cells_load(&ret.cells, &config, errors);
    assert_int_equal(fclose(errors), 0);
    return ret;
}

static void unload(struct loaded *loaded)
{
    hk_cells_done(&loaded->cells);
    free(loaded->errors);
}

static void test_without_a_setting_there_is_the_home_cell_alone(void **state)
{
    struct loaded loaded = load("", "");

    (void)state;
    assert_true(loaded.is_valid);
    assert_int_equal(loaded.cells.n, 1);
    assert_string_equal(loaded.cells.cells[0].name, "default");
    assert_null(loaded.cells.cells[0].replica_url);
    assert_string_equal(loaded.cells.cells[0].config.database_url, "host=home dbname=x");
    assert_ptr_equal(hk_cells_find(&loaded.cells, HK_STR("default")), loaded.cells.cells);
    assert_null(hk_cells_find(&loaded.cells, HK_STR("c2")));
    unload(&loaded);
}

static void test_a_cell_has_the_settings_of_the_process_and_its_own_database(void **state)
{
    struct loaded loaded = load("\n  c2  hookline   host=b  password='a b' \r\n"
                                "\ncell_3-x\thookline_3 postgresql://u:p@c/d",
                                "");
    const struct hk_cell *cell;

    (void)state;
    assert_true(loaded.is_valid);
    assert_int_equal(loaded.cells.n, 3);
    cell = hk_cells_find(&loaded.cells, HK_STR("c2"));
    assert_ptr_equal(cell, &loaded.cells.cells[1]);
    assert_string_equal(cell->config.database_schema, "hookline");
    assert_string_equal(cell->config.database_url, "host=b  password='a b'");
    assert_int_equal(cell->config.api_threads, 3);
    cell = hk_cells_find(&loaded.cells, HK_STR("cell_3-x"));
    assert_string_equal(cell->config.database_schema, "hookline_3");
    assert_string_equal(cell->config.database_url, "postgresql://u:p@c/d");
    unload(&loaded);
}

static void test_each_cell_may_have_a_replica(void **state)
{
    struct loaded loaded = load("c2 s host=b\nc3 s host=c", "c3 host=c2 port=1\ndefault host=a2");

    (void)state;
    assert_true(loaded.is_valid);
    assert_string_equal(loaded.cells.cells[0].replica_url, "host=a2");
    assert_null(loaded.cells.cells[1].replica_url);
    assert_string_equal(loaded.cells.cells[2].replica_url, "host=c2 port=1");
    unload(&loaded);
}

static void test_what_is_not_valid_is_named_by_its_line_and_never_shown(void **state)
{
    static const struct {
        const char *cells, *replicas, *error;
    } cases[] = {
        {"c2", "", "HOOKLINE_CELLS: line 1: the schema"},
        {"c2 s", "", "HOOKLINE_CELLS: line 1: NAME SCHEMA DSN"},
        {"c2 S password=hidden", "", "HOOKLINE_CELLS: line 1: the schema"},
        {"\nC2 s password=hidden", "", "HOOKLINE_CELLS: line 2: the name"},
        {"c.2 s password=hidden", "", "HOOKLINE_CELLS: line 1: the name"},
        {"a23456789012345678901234567890123 s password=hidden", "", "line 1: the name"},
        {"default s password=hidden", "", "line 1: there is a cell of this name"},
        {"c2 s host=b\nc2 s2 password=hidden", "", "line 2: there is a cell of this name"},
        {"c2 s password=hidden\nc3 s password=hidden", "", "line 2: another cell has"},
        {"c2 hookline host=home dbname=x", "", "line 1: another cell has"},
        {"", "c2 password=hidden", "HOOKLINE_REPLICAS: line 1: there is no cell"},
        {"", "default", "HOOKLINE_REPLICAS: line 1: NAME DSN"},
        {"", "default host=a\ndefault password=hidden", "line 2: the cell has a replica"},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct loaded loaded = load(cases[i].cells, cases[i].replicas);

        assert_false(loaded.is_valid);
        assert_int_equal(loaded.cells.n, 0);
        if (strstr(loaded.errors, cases[i].error) == NULL)
            fail_msg("\"%s\" is not in: %s", cases[i].error, loaded.errors);
        assert_null(strstr(loaded.errors, "hidden"));
        unload(&loaded);
    }
}

static void test_there_may_be_32_further_cells(void **state)
{
    char lines[64 * (HK_CELLS_MAX + 1)];
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i <= HK_CELLS_MAX; i++) {
        struct loaded loaded;

        n += (size_t)snprintf(lines + n, sizeof(lines) - n, "c%u s host=h%u\n", i, i);
        loaded = load(lines, "");
        assert_int_equal(loaded.is_valid, i < HK_CELLS_MAX);
        unload(&loaded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_setting_there_is_the_home_cell_alone),
        cmocka_unit_test(test_a_cell_has_the_settings_of_the_process_and_its_own_database),
        cmocka_unit_test(test_each_cell_may_have_a_replica),
        cmocka_unit_test(test_what_is_not_valid_is_named_by_its_line_and_never_shown),
        cmocka_unit_test(test_there_may_be_32_further_cells),
    };

    return cmocka_run_group_tests_name("cells", tests, NULL, NULL);
}
