/* SPDX-License-Identifier: Apache-2.0 */
/* The URLs that are parsed once: which are remembered, judged for whom, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/http_urls.h"

static const struct hk_networks none;

static struct known_url *take(struct urls *urls, const char *text, bool allows_http)
{
    const char *fault;
    struct known_url *url = urls_take(urls, hk_str(text), allows_http, &none, &fault);

    assert_null(fault);
    return url;
}

static void test_a_url_is_parsed_once_and_as_it_stands(void **state)
{
    struct urls urls;
    struct known_url *first;
    char *host = NULL;

    (void)state;
    urls_init(&urls, 8);
    first = take(&urls, "https://receiver.example:8443/hook?a=b", false);
    assert_non_null(first);
    assert_int_equal(curl_url_get(first->parsed, CURLUPART_HOST, &host, 0), CURLUE_OK);
    assert_string_equal(host, "receiver.example");
    curl_free(host);
    assert_ptr_equal(take(&urls, "https://receiver.example:8443/hook?a=b", false), first);
    assert_int_equal(first->n_users, 2);
    urls_give_back(first);
    urls_give_back(first);
    urls_give_back(NULL);
    urls_done(&urls);
}

static void test_what_is_in_use_is_not_replaced_and_what_is_not_is(void **state)
{
    struct urls urls;
    struct known_url *a;

    (void)state;
    urls_init(&urls, 1);
    a = take(&urls, "https://a.example/", false);
    assert_null(take(&urls, "https://b.example/", false));
    assert_string_equal(a->text, "https://a.example/");
    urls_give_back(a);
    assert_non_null(take(&urls, "https://b.example/", false));
    assert_string_equal(a->text, "https://b.example/");
    urls_done(&urls);
}

static void test_a_fault_is_told_and_not_remembered(void **state)
{
    struct urls urls;
    const char *fault;

    (void)state;
    urls_init(&urls, 1);
    assert_null(urls_take(&urls, HK_STR("https://10.0.0.1/"), false, &none, &fault));
    assert_non_null(fault);
    assert_null(urls.slots[0].text);
    urls_done(&urls);
}

static void test_who_may_not_use_http_gains_nothing_from_who_may(void **state)
{
    struct urls urls;
    const char *fault;

    (void)state;
    urls_init(&urls, 1);
    urls_give_back(take(&urls, "http://receiver.example/", true));
    assert_null(urls_take(&urls, HK_STR("http://receiver.example/"), false, &none, &fault));
    assert_non_null(fault);
    urls_done(&urls);
}

static void test_a_long_url_is_not_remembered(void **state)
{
    struct urls urls;
    char text[600] = "https://receiver.example/";

    (void)state;
    memset(text + strlen(text), 'x', sizeof(text) - strlen(text) - 1);
    text[sizeof(text) - 1] = '\0';
    urls_init(&urls, 1);
    assert_null(take(&urls, text, false));
    assert_null(urls.slots[0].text);
    urls_done(&urls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_url_is_parsed_once_and_as_it_stands),
        cmocka_unit_test(test_what_is_in_use_is_not_replaced_and_what_is_not_is),
        cmocka_unit_test(test_a_fault_is_told_and_not_remembered),
        cmocka_unit_test(test_who_may_not_use_http_gains_nothing_from_who_may),
        cmocka_unit_test(test_a_long_url_is_not_remembered),
    };

    return cmocka_run_group_tests_name("http_urls", tests, NULL, NULL);
}
