/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The npm package "standardwebhooks", which receivers use, verifies what a real worker sends:
 * tests/verify/deliveries.js. Skipped where npm's registry cannot be reached.
 */
#include <unistd.h>

#include "tests/support/harness.h"

enum { LONGEST_MS = 300000 };

static const char modules[] = HOOKLINE_SOURCE_DIR "/build/contract/node_modules";
static const char package[] = HOOKLINE_SOURCE_DIR "/build/contract/node_modules/standardwebhooks";
static const char script[] = HOOKLINE_SOURCE_DIR "/tests/verify/deliveries.js";

static void test_a_thousand_payloads_arrive_byte_for_byte_and_verify_with_npms_package(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    const char *const argv[] = {HOOKLINE_NODE, script,       h->api_url, t->admin, t->producer,
                                "c1",          "order.paid", app_id,     modules,  NULL};
    struct proc node = {.pid = 0};

    if (strstr(HOOKLINE_NODE, "NOTFOUND") != NULL || access(package, R_OK) != 0)
        skip();
    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    (void)given_connection(h, t, app_id, "c1");
    proc_start(&node, "deliveries", h->directory, argv, (const char *const[]){NULL});
    assert_int_equal(proc_wait(&node, LONGEST_MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_thousand_payloads_arrive_byte_for_byte_and_verify_with_npms_package),
    };

    return cmocka_run_group_tests_name("standard_webhooks", tests, NULL, NULL);
}
