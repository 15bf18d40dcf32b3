/* SPDX-License-Identifier: Apache-2.0 */
/* Which URLs a subscription may have: standards 3.1, control 1, and its table of libcurl's habits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hk/addr.h"
#include "hk/url.h"

enum { HTTPS_ONLY = 0, ALLOWS_HTTP = 1 };

static void assert_legal(const char *url, bool allows_http)
{
    struct hk_error error = {.detail = ""};

    if (hk_url_check(hk_str(url), allows_http, &error) != HK_OK)
        fail_msg("%s was refused: %s", url, error.detail);
}

/* `word` is of the sentence that says why. */
static void assert_refused(const char *url, bool allows_http, const char *word)
{
    struct hk_error error = {.detail = ""};

    if (hk_url_check(hk_str(url), allows_http, &error) != HK_INVALID_BODY)
        fail_msg("%s was accepted", url);
    assert_int_equal(error.code, HK_INVALID_BODY);
    if (strstr(error.detail, word) == NULL)
        fail_msg("%s was refused for another reason: %s", url, error.detail);
}

static void assert_refused_always(const char *url, const char *word)
{
    assert_refused(url, HTTPS_ONLY, word);
    assert_refused(url, ALLOWS_HTTP, word);
}

static void test_public_https_urls_are_legal(void **state)
{
    static const char *const cases[] = {
        "https://example.com",
        "https://example.com/",
        "https://example.com?a=b",
        "https://hooks.example.com:8443/a/b%20c?d=e&f=@g",
        "https://example.com:443/x",
        "https://example.com:80/x",
        "https://example.com:1024/",
        "https://example.com:65535/",
        "https://EXAMPLE.com/Path",
        "HTTPS://example.com/",
        "https://xn--bcher-kva.example/",
        "https://my_app.eu-west-1.example.com/",
        "https://0x.example.com/",
        "https://1.example.com/",
        "https://localhost.example.com/",
        "https://metadata-store.example.com/",
        "https://8.8.8.8/",
        "https://8.8.8.8:8443/hook",
        "https://[2606:4700:4700::1111]/",
        "https://[2606:4700:4700:0:0:0:0:1111]:8443/hook",
        "https://[::ffff:8.8.8.8]/",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        assert_legal(cases[i], HTTPS_ONLY);
        assert_legal(cases[i], ALLOWS_HTTP);
    }
}

static void test_BC_08_http_is_refused_unless_the_tenant_allows_it(void **state)
{
    (void)state;

    assert_refused("http://example.com/", HTTPS_ONLY, "https");
    assert_refused("HTTP://example.com/", HTTPS_ONLY, "https");
    assert_legal("http://example.com/", ALLOWS_HTTP);
    assert_legal("HTTP://example.com:8080/", ALLOWS_HTTP);
}

static void test_only_absolute_http_urls_can_be_called(void **state)
{
    static const char *const cases[] = {
        "example.com",
        "/hook",
        "//example.com/",
        "ftp://example.com/",
        "gopher://example.com/",
        "file:///etc/passwd",
        "ws://example.com/",
        "httpss://example.com/",
        "https//example.com/",
        "javascript:alert(1)",
        "://example.com/",
        ":",
        "htt",
        "http%73://example.com/",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_refused_always(cases[i], "Only https");
}

static void test_a_url_without_a_host_is_refused(void **state)
{
    static const char *const cases[] = {
        "https",
        "https:",
        "https:/",
        "https://",
        "https:///",
        "https://?",
        "https://:443",
        "https:///127.0.0.1/",
        "https:///example.com/",
        "https:/example.com/",
        "https:example.com",
        "https://[/",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_refused_always(cases[i], "absolute URL");
    assert_refused("http://:8080", ALLOWS_HTTP, "absolute URL");
}

static void test_the_length_is_1_to_2048_bytes(void **state)
{
    char url[HK_URL_MAX_BYTES + 2];

    (void)state;

    (void)snprintf(url, sizeof(url), "https://example.com/%0*d", HK_URL_MAX_BYTES - 20, 0);
    assert_legal(url, HTTPS_ONLY);
    (void)snprintf(url, sizeof(url), "https://example.com/%0*d", HK_URL_MAX_BYTES - 19, 0);
    assert_refused_always(url, "2048");
    assert_refused_always("", "2048");
    assert_int_equal(hk_url_check(HK_STR_NULL, false, NULL), HK_INVALID_BODY);
}

static void test_bytes_on_which_parsers_disagree_are_refused(void **state)
{
    (void)state;

    assert_refused_always("https://example.com/a b", "blank");
    assert_refused_always(" https://example.com/", "blank");
    assert_refused_always("https://example.com/\t", "blank");
    assert_refused_always("https://example.com/\r\nX-Injected: yes", "blank");
    assert_refused_always("https://example.com/\x7f", "blank");
    assert_refused_always("https://ex\xc3\xa4mple.com/", "non-ASCII");
    assert_refused_always("https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/", "non-ASCII");
    assert_refused_always("https://\xe2\x93\x9bocalhost/", "non-ASCII");
    assert_refused_always("https://127.0.0.1\\@example.com/", "backslash");
    assert_refused_always("https:\\\\example.com/", "backslash");
    assert_int_equal(hk_url_check((struct hk_str){"https://example.com/\0x", 22}, false, NULL),
                     HK_INVALID_BODY);
}

static void test_credentials_in_a_url_are_refused(void **state)
{
    static const char *const cases[] = {
        "https://user:pw@example.com/", "https://user@example.com/",
        "https://@example.com/",        "https://:@example.com/",
        "https://a@b@example.com/",     "https://example.com@127.0.0.1/",
        "https://user:pw@127.0.0.1/",   "https://example.com:443@x.example/?",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_refused_always(cases[i], "credentials");
}

static void test_a_fragment_is_refused(void **state)
{
    (void)state;

    assert_refused_always("https://example.com/#top", "fragment");
    assert_refused_always("https://example.com#", "fragment");
    assert_refused_always("https://127.0.0.1#@example.com/", "fragment");
}

static void test_local_names_are_refused(void **state)
{
    static const char *const cases[] = {
        "https://intranet/",      "https://printer.local/",
        "https://PRINTER.LOCAL/", "https://db.internal/",
        "https://a.localhost/",   "https://abc.onion/",
        "https://metadata/",      "https://metadata.google.internal/",
        "https://Metadata.goog/", "https://local/",
        "https://internal:8080/",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_refused_always(cases[i], "local");
}

static void test_names_that_are_not_host_names_are_refused(void **state)
{
    static const char *const cases[] = {
        "https://example.com./",
        "https://localhost./",
        "https://.example.com/",
        "https://example..com/",
        "https://./",
        "https://exa$mple.com/",
        "https://example.com,x/",
        "https://a*.example.com/",
        "https://%65xample.com/",
    };
    char url[400];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_refused_always(cases[i], "host");

    (void)snprintf(url, sizeof(url), "https://%064d.example.com/", 7);
    assert_refused_always(url, "host");
    (void)snprintf(url, sizeof(url), "https://%063d.example.com/", 7);
    assert_legal(url, HTTPS_ONLY);
    (void)snprintf(url, sizeof(url), "https://%060d.%060d.%060d.%060d.example.com/", 1, 2, 3, 4);
    assert_refused_always(url, "host");
}

static void test_other_spellings_of_an_address_are_refused_always(void **state)
{
    static const char *const cases[] = {
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "017700000001",
        "0",
        "0.0.0",
        "127.0.0.1.",
        "127.0.0.0x1",
        "0377.0377.0377.0377",
        "0xBaaaaaaaaaaaaaaaaffffffff",
        "1.1.1.1.1",
        "256.256.256.256",
        "127.0.0.01",
        "example.123",
        "example.0x7f",
        "%31%32%37.0.0.1",
        "127.0.0.%31",
        "8.8.2056",
    };
    char url[100];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        (void)snprintf(url, sizeof(url), "https://%s/", cases[i]);
        assert_refused_always(url, "host");
    }
}

static void test_local_addresses_are_legal_for_a_development_tenant_only(void **state)
{
    static const char *const cases[] = {
        "127.0.0.1",       "10.0.0.1",          "192.168.1.2:8080",
        "169.254.169.254", "0.0.0.0",           "[::1]",
        "[::1]:8080",      "[fd00:ec2::254]",   "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[::ffff:c0a8:102]", "[64:ff9b::10.0.0.1]",
        "[2002:7f00:1::]", "[feef::1]",         "[::]",
        "localhost",       "LocalHost:9000",
    };
    char url[100];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        (void)snprintf(url, sizeof(url), "https://%s/hook", cases[i]);
        assert_refused(url, HTTPS_ONLY, "local");
        assert_legal(url, ALLOWS_HTTP);

        (void)snprintf(url, sizeof(url), "http://%s/hook", cases[i]);
        assert_refused(url, HTTPS_ONLY, "https");
        assert_legal(url, ALLOWS_HTTP);
    }
}

static void test_malformed_ipv6_addresses_and_zones_are_refused(void **state)
{
    static const char *const cases[] = {
        "https://[]/",
        "https://[::g]/",
        "https://[fe80::1%25lo]/",
        "https://[fe80::1%lo]/",
        "https://[1.2.3.4]/",
        "https://[v1.x]/",
        "https://[2606:4700:4700::1111:0000:0000:0000:0000:0000:0000:0000]/",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_refused_always(cases[i], "host");
    assert_refused_always("https://[2606:4700:4700::1111/", "URL");
    assert_refused_always("https://[2606:4700:4700::1111]x/", "URL");
    assert_refused_always("https://2606:4700:4700::1111/", "URL");
}

static void test_ports_of_other_services_are_refused(void **state)
{
    static const unsigned refused[] = {0,    1,    22,   25,   53,   79,   81,    110,  143,  389,
                                       442,  444,  445,  465,  587,  993,  995,   1023, 1433, 1521,
                                       2375, 2379, 3306, 5432, 6379, 9200, 11211, 27017};
    static const unsigned legal[] = {80,   443,  1024, 3000, 5000,  8000,  8080,
                                     8086, 8443, 9000, 9201, 32768, 49152, 65535};
    char url[100];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(refused); i++) {
        (void)snprintf(url, sizeof(url), "https://example.com:%u/", refused[i]);
        assert_refused_always(url, "port");
    }
    for (size_t i = 0; i < HK_COUNTOF(legal); i++) {
        (void)snprintf(url, sizeof(url), "https://example.com:%u/", legal[i]);
        assert_legal(url, HTTPS_ONLY);
    }
}

static void test_what_is_not_a_port_number_is_refused(void **state)
{
    (void)state;

    assert_refused_always("https://example.com:65536/", "URL");
    assert_refused_always("https://example.com:99999/", "URL");
    assert_refused_always("https://example.com:-443/", "URL");
    assert_refused_always("https://example.com:0x1bb/", "URL");
    assert_refused_always("https://example.com:443x/", "URL");
    assert_refused_always("https://example.com:443:443/", "URL");
    assert_refused_always("https://8.8.8.8:1433/", "port");
    assert_refused_always("https://[2606:4700:4700::1111]:22/", "port");
}

static void test_the_pointer_of_the_error_is_left_to_the_caller(void **state)
{
    struct hk_error error = {.pointer = "/url"};

    (void)state;

    assert_int_equal(hk_url_check(HK_STR("x"), false, &error), HK_INVALID_BODY);
    assert_string_equal(error.pointer, "/url");
}

static void test_addresses_of_allowed_networks_may_stand_in_an_https_url(void **state)
{
    static const char *const legal[] = {"https://10.1.2.3/", "https://8.8.8.8/",
                                        "https://a.example/", "https://[fd00::1]:8443/x"};
    static const char *const refused[] = {"https://10.2.2.3/",   "http://10.1.2.3/",
                                          "https://localhost/",  "https://10.1.2.3:22/",
                                          "https://0x0a.1.2.3/", "https://[fe80::1]/"};
    struct hk_networks networks;

    (void)state;
    assert_true(hk_networks_parse("10.1.0.0/16,fd00::/8", &networks));
    for (size_t i = 0; i < HK_COUNTOF(legal); i++)
        assert_null(hk_url_fault(hk_str(legal[i]), false, &networks));
    for (size_t i = 0; i < HK_COUNTOF(refused); i++)
        assert_non_null(hk_url_fault(hk_str(refused[i]), false, &networks));
    assert_null(hk_url_fault(HK_STR("http://10.1.2.3/"), true, &networks));
    assert_non_null(hk_url_fault(HK_STR("http://localhost/"), true, &networks));
    assert_true(hk_networks_parse("127.0.0.0/8", &networks));
    assert_null(hk_url_fault(HK_STR("http://localhost/"), true, &networks));
}

static void test_a_proxy_is_a_host_and_a_port_with_or_without_credentials(void **state)
{
    static const char *const legal[] = {"http://10.0.0.1:3128", "http://proxy:8080/",
                                        "http://user:pass@proxy.internal:8080", "http://[::1]:80"};
    static const char *const refused[] = {"",
                                          "proxy:8080",
                                          "http://proxy",
                                          "https://proxy:8080",
                                          "socks5://proxy:1080",
                                          "http://proxy:8080/path",
                                          "http://proxy:8080/?a",
                                          "http://proxy:8080/#a",
                                          "http://:8080",
                                          "http://proxy:port"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(legal); i++)
        assert_true(hk_url_is_proxy(legal[i]));
    for (size_t i = 0; i < HK_COUNTOF(refused); i++)
        assert_false(hk_url_is_proxy(refused[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_of_allowed_networks_may_stand_in_an_https_url),
        cmocka_unit_test(test_a_proxy_is_a_host_and_a_port_with_or_without_credentials),
        cmocka_unit_test(test_public_https_urls_are_legal),
        cmocka_unit_test(test_BC_08_http_is_refused_unless_the_tenant_allows_it),
        cmocka_unit_test(test_only_absolute_http_urls_can_be_called),
        cmocka_unit_test(test_a_url_without_a_host_is_refused),
        cmocka_unit_test(test_the_length_is_1_to_2048_bytes),
        cmocka_unit_test(test_bytes_on_which_parsers_disagree_are_refused),
        cmocka_unit_test(test_credentials_in_a_url_are_refused),
        cmocka_unit_test(test_a_fragment_is_refused),
        cmocka_unit_test(test_local_names_are_refused),
        cmocka_unit_test(test_names_that_are_not_host_names_are_refused),
        cmocka_unit_test(test_other_spellings_of_an_address_are_refused_always),
        cmocka_unit_test(test_local_addresses_are_legal_for_a_development_tenant_only),
        cmocka_unit_test(test_malformed_ipv6_addresses_and_zones_are_refused),
        cmocka_unit_test(test_ports_of_other_services_are_refused),
        cmocka_unit_test(test_what_is_not_a_port_number_is_refused),
        cmocka_unit_test(test_the_pointer_of_the_error_is_left_to_the_caller),
    };

    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
