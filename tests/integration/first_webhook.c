/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/first-webhook.md, as a new user would follow it: tests/transcript runs its commands.
 * HOOKLINE_TEST_TRANSCRIPT=--update writes what they print into the document.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/harness.h"

static const char program[] = HOOKLINE_SOURCE_DIR "/tests/transcript";
static const char document[] = HOOKLINE_SOURCE_DIR "/docs/first-webhook.md";

/* The folder of keys that deploy/quickstart would have shown: the operator's alone. */
static const char *make_keys(struct harness *h)
{
    const char *folder = http_text(h->http, "%s/keys", h->directory);
    FILE *file;

    assert_int_equal(mkdir(folder, 0700), 0);
    file = fopen(http_text(h->http, "%s/operator.key", folder), "w");
    assert_non_null(file);
    (void)fprintf(file, "%s\n", h->operator_key);
    assert_int_equal(fclose(file), 0);
    return folder;
}

static void test_a_new_user_gets_a_webhook_with_curl_alone(void **state)
{
    struct harness *h = *state;
    const char *update = getenv("HOOKLINE_TEST_TRANSCRIPT");
    const char *const argv[] = {program, update == NULL ? document : update,
                                update == NULL ? NULL : document, NULL};
    const char *const env[] = {http_text(h->http, "api=%s", h->api_url),
                               http_text(h->http, "sinker=%s", h->sinker_urls[0]),
                               http_text(h->http, "keys=%s", make_keys(h)), NULL};

    assert_int_equal(proc_run("transcript", h->directory, argv, env, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_new_user_gets_a_webhook_with_curl_alone),
    };

    return cmocka_run_group_tests_name("first_webhook", tests, NULL, NULL);
}
