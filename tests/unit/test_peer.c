/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/un.h>

#include <cmocka.h>

#include "api/http/peer.h"

static struct peer peer_of_text(const char *text)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};

    if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1)
        return peer_of((const struct sockaddr *)&ipv6);
    assert_int_equal(inet_pton(AF_INET, text, &ipv4.sin_addr), 1);
    return peer_of((const struct sockaddr *)&ipv4);
}

static const char *text_of(const struct peer *peer)
{
    static char text[PEER_TEXT_SIZE];

    peer_source_text(peer, text);
    return text;
}

/* Whose request it is that comes from `socket` with these fields, the first one first. */
static const char *found(const char *socket, const char *trusted, const char *first,
                         const char *second)
{
    struct peer peer = peer_of_text(socket);
    struct hk_networks networks;

    assert_true(hk_networks_parse(trusted, &networks));
    if ((second == NULL || peer_follow(&peer, hk_str(second), &networks)) && first != NULL)
        (void)peer_follow(&peer, hk_str(first), &networks);
    return text_of(&peer);
}

static void test_an_ipv4_address_counts_and_of_ipv6_the_first_half(void **state)
{
    struct peer peer = peer_of_text("192.0.2.7");
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    (void)state;
    assert_string_equal(text_of(&peer), "192.0.2.7");
    peer = peer_of_text("::ffff:192.0.2.7");
    assert_string_equal(text_of(&peer), "192.0.2.7");
    peer = peer_of_text("2001:db8:1:2:3:4:5:6");
    assert_string_equal(text_of(&peer), "2001:db8:1:2::/64");
    peer = peer_of((const struct sockaddr *)&local);
    assert_string_equal(text_of(&peer), "::/64");
}

static void test_what_a_stranger_says_of_itself_is_not_heard(void **state)
{
    (void)state;
    assert_string_equal(found("192.0.2.7", "", "198.51.100.1", NULL), "192.0.2.7");
    assert_string_equal(found("192.0.2.7", "10.0.0.0/8", "198.51.100.1", NULL), "192.0.2.7");
}

static void test_the_last_address_that_is_not_a_proxy_s_counts(void **state)
{
    static const char proxies[] = "10.0.0.0/8,fd00::/8";
    static const struct {
        const char *first, *second, *wanted;
    } cases[] = {
        {NULL, NULL, "10.0.0.1"},
        {"198.51.100.1", NULL, "198.51.100.1"},
        {"203.0.113.9, 198.51.100.1", NULL, "198.51.100.1"},
        {"203.0.113.9,198.51.100.1 , 10.2.0.1,fd00::1", NULL, "198.51.100.1"},
        {"203.0.113.9", "198.51.100.1", "198.51.100.1"},
        {"203.0.113.9, 198.51.100.1", "10.0.0.2", "198.51.100.1"},
        {"10.0.0.3, 10.0.0.4", NULL, "10.0.0.3"}, /* from within */
        {"198.51.100.1:4711", NULL, "198.51.100.1"},
        {"[2001:db8::1]:4711", NULL, "2001:db8::/64"},
        {"2001:db8::1", NULL, "2001:db8::/64"},
        {"::ffff:198.51.100.1", NULL, "198.51.100.1"},
        {"", NULL, "10.0.0.1"},
        {"unknown", NULL, "10.0.0.1"},
        {"198.51.100.1, ", NULL, "10.0.0.1"},
        {"198.51.100.1, [, 10.0.0.2", NULL, "10.0.0.2"},
        {"[", NULL, "10.0.0.1"},
        {":", NULL, "10.0.0.1"},
        {"198.51.100.1.198.51.100.1.198.51.100.1.198.51.100.1", NULL, "10.0.0.1"},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        const char *text = found("10.0.0.1", proxies, cases[i].first, cases[i].second);

        if (strcmp(text, cases[i].wanted) != 0)
            fail_msg("%zu: %s, not %s", i, text, cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_ipv4_address_counts_and_of_ipv6_the_first_half),
        cmocka_unit_test(test_what_a_stranger_says_of_itself_is_not_heard),
        cmocka_unit_test(test_the_last_address_that_is_not_a_proxy_s_counts),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
