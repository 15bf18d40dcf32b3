/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases of Debian's json-schema-test-suite (drafts 6 and 7), and our own for 2020-12, which it
 * does not have (schema_cases/, in the same form). Every case that is passed over is in a table
 * with its reason, and must still fail: a case that begins to pass leaves the table.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/schema/schema.h"
#include "hk/buf.h"
#include "hk/json_scan.h"

#define SUITE "/usr/share/json-schema-test-suite/tests/"

enum { MAX_FILE_BYTES = 1 << 20 };

/* Groups whose schema is refused, and why that is right. */
static const struct skip {
    const char *file;
    const char *group;
    const char *reason;
} skips[] = {
    {"refRemote.json", NULL, "nothing is fetched"},
    {"definitions.json", NULL, "a $ref to the meta-schema: nothing is fetched"},
    {"ref.json", "remote ref, containing refs itself", "a $ref to the meta-schema"},
    {"ref.json", "Recursive references between schemas", "an $id below the root"},
};

struct tally {
    unsigned n_run, n_skipped, n_wrong;
};

static bool read_file(const char *path, struct hk_buf *ret)
{
    FILE *file = fopen(path, "rbe");
    char chunk[4096];
    size_t n;

    if (file == NULL)
        return false;
    hk_buf_init(ret, MAX_FILE_BYTES);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        hk_buf_add(ret, chunk, n);
    (void)fclose(file);
    return true;
}

static struct hk_json_span member(const struct hk_json_span *object, const char *name)
{
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct hk_json_span value;
    struct hk_str quoted;

    while (hk_json_next(&cursor, &quoted, &value)) {
        if (hk_json_string_eq(quoted, name))
            return value;
    }
    return (struct hk_json_span){.kind = HK_JSON_NULL};
}

static const struct skip *find_skip(const char *file, struct hk_str group)
{
    for (size_t i = 0; i < HK_COUNTOF(skips); i++) {
        if (strcmp(skips[i].file, file) == 0 &&
            (skips[i].group == NULL || hk_json_string_eq(group, skips[i].group)))
            return &skips[i];
    }
    return NULL;
}

/* The schema, which says what draft it is of when it does not yet. */
static struct schema *compile(const struct hk_json_span *span, const char *dialect,
                              struct hk_error *reterr)
{
    struct hk_buf text HK_CLEANUP(hk_buf_done);
    struct hk_json_cursor cursor = {.bytes = span->bytes};
    struct hk_json_span first;
    struct hk_str name;
    bool is_empty = !hk_json_next(&cursor, &name, &first);

    hk_buf_init(&text, MAX_FILE_BYTES);
    if (span->kind == HK_JSON_OBJECT && member(span, "$schema").bytes.p == NULL) {
        hk_buf_printf(&text, "{\"$schema\":\"%s\"", dialect);
        hk_buf_add_text(&text, is_empty ? "" : ",");
        hk_buf_add(&text, span->bytes.p + 1, span->bytes.n - 1);
    } else {
        hk_buf_add_str(&text, span->bytes);
    }
    return schema_compile(hk_buf_str(&text), reterr);
}

static void run_case(const struct schema *schema, const struct hk_json_span *test,
                     const char *where, struct tally *tally)
{
    struct hk_json_span data = member(test, "data"), description = member(test, "description");
    bool wanted = member(test, "valid").kind == HK_JSON_TRUE;
    struct schema_report report;
    bool is_valid = schema_check(schema, data.bytes, SCHEMA_MAX_FAULTS, &report);

    tally->n_run++;
    if (is_valid == wanted && is_valid == (report.n == 0))
        return;
    tally->n_wrong++;
    (void)fprintf(stderr, "%s / %.*s: %s instead of %s, %s %s\n", where, (int)description.bytes.n,
                  description.bytes.p, is_valid ? "valid" : "invalid", wanted ? "valid" : "invalid",
                  report.n > 0 ? report.faults[0].pointer : "",
                  report.n > 0 ? report.faults[0].detail : "");
}

static void run_group(const struct hk_json_span *group, const char *dialect, const char *file,
                      struct tally *tally)
{
    struct hk_json_span description = member(group, "description"), span = member(group, "schema"),
                        tests = member(group, "tests"), test;
    const struct skip *skip = find_skip(file, description.bytes);
    struct hk_json_cursor cursor = {.bytes = tests.bytes};
    struct hk_error error = {.code = HK_OK};
    struct schema *schema = compile(&span, dialect, &error);
    struct hk_str name;
    char where[256];

    (void)snprintf(where, sizeof(where), "%s / %.*s", file, (int)description.bytes.n,
                   description.bytes.p);
    tally->n_skipped += skip != NULL;
    if ((schema == NULL) != (skip != NULL)) {
        tally->n_wrong++;
        (void)fprintf(stderr, "%s: %s %s\n", where,
                      skip != NULL ? "is no longer refused: take it out of the table"
                                   : error.pointer,
                      error.detail);
    }
    if (skip != NULL)
        print_message("passed over: %s (%s)\n", where, skip->reason);
    while (schema != NULL && hk_json_next(&cursor, &name, &test))
        run_case(schema, &test, where, tally);
    schema_free(schema);
}

static void run_file(const char *directory, const char *file, const char *dialect,
                     struct tally *tally)
{
    struct hk_buf text HK_CLEANUP(hk_buf_done);
    struct hk_json_span groups, group;
    struct hk_json_cursor cursor;
    struct hk_str name;
    char path[512];
    size_t at;

    (void)snprintf(path, sizeof(path), "%s%s", directory, file);
    hk_buf_init(&text, 1);
    assert_true(read_file(path, &text));
    assert_true(hk_json_scan(hk_buf_str(&text), &groups, &at));
    cursor = (struct hk_json_cursor){.bytes = groups.bytes};
    while (hk_json_next(&cursor, &name, &group))
        run_group(&group, dialect, file, tally);
}

static void run_directory(const char *directory, const char *dialect, unsigned at_least)
{
    struct tally tally = {0};
    struct dirent *entry;
    DIR *dir = opendir(directory);

    if (dir == NULL) {
        fail_msg("%s is missing: install json-schema-test-suite", directory);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        size_t n = strlen(entry->d_name);

        if (n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0)
            run_file(directory, entry->d_name, dialect, &tally);
    }
    (void)closedir(dir);
    print_message("%s: %u cases, %u groups passed over, %u wrong\n", directory, tally.n_run,
                  tally.n_skipped, tally.n_wrong);
    assert_int_equal(tally.n_wrong, 0);
    assert_true(tally.n_run >= at_least);
}

static void test_draft_7_is_as_its_suite_has_it(void **state)
{
    (void)state;
    run_directory(SUITE "draft7/", "http://json-schema.org/draft-07/schema#", 400);
}

static void test_draft_6_is_as_its_suite_has_it(void **state)
{
    (void)state;
    run_directory(SUITE "draft6/", "http://json-schema.org/draft-06/schema#", 380);
}

/* Of the optional ones: numbers that no double can hold. Formats are annotations. */
static void test_numbers_are_compared_as_they_are_written(void **state)
{
    struct tally tally = {0};

    (void)state;
    run_file(SUITE "draft7/optional/", "bignum.json", "http://json-schema.org/draft-07/schema#",
             &tally);
    run_file(SUITE "draft7/optional/", "zeroTerminatedFloats.json",
             "http://json-schema.org/draft-07/schema#", &tally);
    assert_int_equal(tally.n_wrong, 0);
    assert_true(tally.n_run >= 10);
}

static void test_2020_12_is_as_our_own_cases_have_it(void **state)
{
    (void)state;
    run_directory(HOOKLINE_SCHEMA_CASES "/", "https://json-schema.org/draft/2020-12/schema", 170);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draft_7_is_as_its_suite_has_it),
        cmocka_unit_test(test_draft_6_is_as_its_suite_has_it),
        cmocka_unit_test(test_numbers_are_compared_as_they_are_written),
        cmocka_unit_test(test_2020_12_is_as_our_own_cases_have_it),
    };

    return cmocka_run_group_tests_name("schema_suite", tests, NULL, NULL);
}
