/* SPDX-License-Identifier: Apache-2.0 */
/* /docs: the reference as a real browser shows it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/check.h"

/* The page as it is once its scripts have run, with what the browser had to complain about. */
static const char *browse(struct harness *h, const char *path)
{
    char folder[PROC_PATH_SIZE + 32];
    const char *argv[] = {"chromium",
                          "--headless",
                          "--no-sandbox", /* which root cannot have */
                          "--disable-gpu",
                          "--disable-dev-shm-usage",
                          "--enable-logging=stderr",
                          "--virtual-time-budget=20000",
                          "--dump-dom",
                          http_text(h->http, "--user-data-dir=%s/chromium", h->directory),
                          http_text(h->http, "%s%s", h->api_url, path),
                          NULL};
    char *out;
    const char *page;

    (void)snprintf(folder, sizeof(folder), "%s/chromium", h->directory);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(proc_run("chromium", h->directory, argv, NULL, &out), 0);
    page = http_text(h->http, "%s", out);
    free(out);
    return page;
}

static void test_the_reference_is_shown_in_a_browser(void **state)
{
    struct harness *h = *state;
    const char *page = browse(h, "/docs#/apps/createApp");

    assert_non_null(strstr(page, "data-path=\"/v1/apps\""));
    assert_non_null(strstr(page, "operations-tag-tenants")); /* the first of the tags, and ... */
    assert_non_null(strstr(page, "operations-tag-service")); /* ... the last */
    assert_non_null(strstr(page, "receiveStandardWebhook")); /* webhooks: are shown */
    assert_null(strstr(harness_logs(h), "Content Security Policy"));
}

static void test_the_page_allows_nothing_from_elsewhere(void **state)
{
    struct harness *h = *state;
    static const char *const paths[] = {"/docs", "/docs/start.js", "/docs/swagger-ui.css",
                                        "/docs/swagger-ui-bundle.js"};

    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        struct reply reply = api_call(h, NULL, "GET", paths[i], NULL);
        const char *policy = reply_header(h->http, &reply, "content-security-policy");

        assert_status(reply, 200);
        assert_non_null(policy);
        assert_non_null(strstr(policy, "default-src 'none'; script-src 'self';"));
        assert_null(strstr(policy, "unsafe"));
        assert_true(reply.body_n > 100);
    }
}

static void test_what_is_no_file_of_the_page_is_not_found(void **state)
{
    struct harness *h = *state;
    static const char *const paths[] = {"/docs/x", "/docs/index.html", "/docs/../openapi.json",
                                        "/docs/start.js/x", "/docs/"};

    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        struct reply reply = api_call(h, NULL, "GET", paths[i], NULL);

        assert_problem(h, reply, 404, "not_found", NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_reference_is_shown_in_a_browser),
        harness_test(test_the_page_allows_nothing_from_elsewhere),
        harness_test(test_what_is_no_file_of_the_page_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
