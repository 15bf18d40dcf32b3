/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "hk/config.h"

/* The texts that a function printed; freed by teardown(). */
struct printed {
    char *text;
    size_t n;
    FILE *file;
    char path[40]; /* of a secret's file */
};

static int setup(void **state)
{
    struct printed *printed = calloc(1, sizeof(*printed));
    int fd;

    if (printed == NULL)
        return -1;
    (void)clearenv();
    (void)snprintf(printed->path, sizeof(printed->path), "/tmp/hookline-test-XXXXXX");
    fd = mkstemp(printed->path);
    if (fd < 0 || close(fd) != 0)
        return -1;
    printed->file = open_memstream(&printed->text, &printed->n);
    *state = printed;
    return printed->file == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct printed *printed = *state;

    (void)fclose(printed->file);
    (void)unlink(printed->path);
    free(printed->text);
    free(printed);
    return 0;
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void write_secret(struct printed *printed, const void *bytes, size_t n)
{
    FILE *file = fopen(printed->path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void assert_printed(struct printed *printed, const char *text)
{
    assert_int_equal(fflush(printed->file), 0);
    if (strstr(printed->text, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, printed->text);
}

static void assert_not_printed(struct printed *printed, const char *text)
{
    assert_int_equal(fflush(printed->file), 0);
    if (strstr(printed->text, text) != NULL)
        fail_msg("\"%s\" is in: %s", text, printed->text);
}

static void test_without_an_environment_every_setting_has_its_default(void **state)
{
    struct printed *printed = *state;
    struct hk_config config;

    assert_true(hk_config_load(&config, printed->file));
    assert_string_equal(config.database_url, "");
    assert_string_equal(config.database_schema, "hookline");
    assert_string_equal(config.api_listen, "127.0.0.1:8080");
    assert_int_equal(config.api_threads, 1);
    assert_int_equal(config.worker_lease_ms, 45000);
    assert_not_printed(printed, "HOOKLINE_");
}

static void test_settings_are_read_from_the_environment(void **state)
{
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_DATABASE_URL", "host=/run/pg dbname=x");
    set("HOOKLINE_API_THREADS", "64");
    set("HOOKLINE_API_MAX_QUEUE_AGE_MS", "0");
    set("HOOKLINE_WORKER_ALLOWED_NETWORKS", "127.0.0.0/8,::1/128");
    assert_true(hk_config_load(&config, printed->file));
    assert_string_equal(config.database_url, "host=/run/pg dbname=x");
    assert_int_equal(config.api_threads, 64);
    assert_int_equal(config.api_max_queue_age_ms, 0);
    assert_string_equal(config.worker_allowed_networks, "127.0.0.0/8,::1/128");
}

static void test_what_is_not_a_whole_number_within_its_limits_is_refused(void **state)
{
    static const char *const values[] = {
        "",   "x",   "1x",  "1 ",  " 1",
        "+1", "1.0", "1e1", "0x1", "0",
        "65", "-1",  "--1", "-",   "99999999999999999999999999",
    };
    struct printed *printed = *state;
    struct hk_config config;

    for (size_t i = 0; i < HK_COUNTOF(values); i++) {
        set("HOOKLINE_API_THREADS", values[i]);
        if (hk_config_load(&config, printed->file))
            fail_msg("\"%s\" was accepted", values[i]);
        assert_int_equal(config.api_threads, 1);
    }
    assert_printed(printed, "HOOKLINE_API_THREADS: \"65\" is not a whole number from 1 to 64\n");
}

static void test_texts_with_a_form_of_their_own_are_checked(void **state)
{
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_LOG_LEVEL", "loud");
    set("HOOKLINE_WORKER_ALLOWED_NETWORKS", "10.0.0.1");
    set("HOOKLINE_API_TLS_KEY_FILE", "/etc/key.pem");
    assert_false(hk_config_load(&config, printed->file));
    assert_printed(printed, "HOOKLINE_LOG_LEVEL: \"loud\"");
    assert_printed(printed, "HOOKLINE_WORKER_ALLOWED_NETWORKS: \"10.0.0.1\"");
    assert_printed(printed, "HOOKLINE_API_TLS_CERT_FILE: set it together");

    set("HOOKLINE_LOG_LEVEL", "debug");
    set("HOOKLINE_WORKER_ALLOWED_NETWORKS", "10.0.0.1/32");
    set("HOOKLINE_API_TLS_CERT_FILE", "/etc/cert.pem");
    assert_true(hk_config_load(&config, printed->file));
}

/* Migrations quote the name and sessions do not: both must mean the same schema. */
static void test_a_schema_is_a_plain_lower_case_name(void **state)
{
    static const char *const wrong[] = {
        "",    "Cell", "cell-1", "1cell",
        "a b", "a,b",  "\"a\"",  "a23456789012345678901234567890123456789012345678901234567890abcd",
    };
    struct printed *printed = *state;
    struct hk_config config;

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++) {
        set("HOOKLINE_DATABASE_SCHEMA", wrong[i]);
        if (hk_config_load(&config, printed->file))
            fail_msg("\"%s\" was accepted", wrong[i]);
    }
    assert_printed(printed, "HOOKLINE_DATABASE_SCHEMA: \"cell-1\" is not");
    set("HOOKLINE_DATABASE_SCHEMA", "cell_1");
    assert_true(hk_config_load(&config, printed->file));
}

static void test_unknown_variables_with_our_prefix_are_refused(void **state)
{
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_API_THREAD", "2");
    set("HOOKLINE_API_THREADS_FILE", "/x"); /* numbers are not read from files */
    set("OTHER_SETTING", "2");
    set("XHOOKLINE_Y", "2");
    assert_false(hk_config_load(&config, printed->file));
    assert_printed(printed, "HOOKLINE_API_THREAD: there is no such setting\n");
    assert_printed(printed, "HOOKLINE_API_THREADS_FILE: there is no such setting\n");
    assert_not_printed(printed, "OTHER_SETTING");
    assert_not_printed(printed, "XHOOKLINE");
}

static void test_all_errors_are_reported_at_once(void **state)
{
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_API_THREADS", "none");
    set("HOOKLINE_WORKER_POLL_MS", "often");
    set("HOOKLINE_DATABASE_URL_FILE", "/nonexistent/secret");
    set("HOOKLINE_TYPO", "");
    assert_false(hk_config_load(&config, printed->file));
    assert_printed(printed, "HOOKLINE_API_THREADS: ");
    assert_printed(printed, "HOOKLINE_WORKER_POLL_MS: ");
    assert_printed(printed, "HOOKLINE_DATABASE_URL_FILE: cannot read \"/nonexistent/secret\"");
    assert_printed(printed, "HOOKLINE_TYPO: ");
}

static void test_a_text_can_come_from_a_file_less_one_line_end(void **state)
{
    static const struct {
        struct hk_str file;
        const char *value;
    } cases[] = {
        {{"password=a b", 12}, "password=a b"},
        {{"password=a b\n", 13}, "password=a b"},
        {{"password=a b\n\n", 14}, "password=a b\n"},
        {{"\n", 1}, ""},
        {{"", 0}, ""},
    };
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_DATABASE_URL_FILE", printed->path);
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        write_secret(printed, cases[i].file.p, cases[i].file.n);
        assert_true(hk_config_load(&config, printed->file));
        assert_string_equal(config.database_url, cases[i].value);
    }
}

static void test_a_file_that_cannot_be_a_setting_is_refused(void **state)
{
    static char big[65537];
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_DATABASE_URL_FILE", printed->path);
    write_secret(printed, "a\0b", 3);
    assert_false(hk_config_load(&config, printed->file));

    memset(big, 'a', sizeof(big));
    write_secret(printed, big, sizeof(big));
    assert_false(hk_config_load(&config, printed->file));
    write_secret(printed, big, sizeof(big) - 1);
    assert_true(hk_config_load(&config, printed->file));

    set("HOOKLINE_DATABASE_URL_FILE", "/");
    assert_false(hk_config_load(&config, printed->file));
}

static void test_a_setting_and_its_file_together_are_refused(void **state)
{
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_DATABASE_URL", "a");
    set("HOOKLINE_DATABASE_URL_FILE", printed->path);
    assert_false(hk_config_load(&config, printed->file));
    assert_printed(printed, "HOOKLINE_DATABASE_URL_FILE: HOOKLINE_DATABASE_URL is set as well\n");
}

static void test_printing_stars_secrets_and_marks_defaults(void **state)
{
    struct printed *printed = *state;
    struct hk_config config;

    set("HOOKLINE_DATABASE_URL", "password=canary");
    set("HOOKLINE_API_THREADS", "2");
    assert_true(hk_config_load(&config, printed->file));
    hk_config_print(&config, printed->file);
    assert_printed(printed, "HOOKLINE_DATABASE_URL=***\n");
    assert_printed(printed, "HOOKLINE_API_THREADS=2\n");
    assert_printed(printed, "HOOKLINE_API_LISTEN=127.0.0.1:8080  # default\n");
    assert_printed(printed, "HOOKLINE_WORKER_CA_FILE=  # default\n");
    assert_not_printed(printed, "canary");
}

static void test_the_documentation_has_a_row_for_every_setting(void **state)
{
    static const char *const names[] = {
#define HK_SETTING_TEXT(field, env, default_text, is_secret, text) "\n| `" env "` | ",
#define HK_SETTING_INT(field, env, default_value, min, max, text)  "\n| `" env "` | ",
#include "hk/settings.def"
#undef HK_SETTING_TEXT
#undef HK_SETTING_INT
    };
    struct printed *printed = *state;

    hk_config_print_docs(printed->file);
    for (size_t i = 0; i < HK_COUNTOF(names); i++)
        assert_printed(printed, names[i]);
    assert_printed(printed, "| `HOOKLINE_API_THREADS` | `1` | 1 to 64 | event loops, one");
    assert_printed(printed, "| `HOOKLINE_DATABASE_URL` | empty | text, secret | libpq");
}

#define test_case(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_case(test_without_an_environment_every_setting_has_its_default),
        test_case(test_settings_are_read_from_the_environment),
        test_case(test_what_is_not_a_whole_number_within_its_limits_is_refused),
        test_case(test_texts_with_a_form_of_their_own_are_checked),
        test_case(test_a_schema_is_a_plain_lower_case_name),
        test_case(test_unknown_variables_with_our_prefix_are_refused),
        test_case(test_all_errors_are_reported_at_once),
        test_case(test_a_text_can_come_from_a_file_less_one_line_end),
        test_case(test_a_file_that_cannot_be_a_setting_is_refused),
        test_case(test_a_setting_and_its_file_together_are_refused),
        test_case(test_printing_stars_secrets_and_marks_defaults),
        test_case(test_the_documentation_has_a_row_for_every_setting),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
