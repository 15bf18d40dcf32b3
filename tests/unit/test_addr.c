/* SPDX-License-Identifier: Apache-2.0 */
/* The deny set of standards 3.1: the edges of each range, and what lies beside them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "hk/addr.h"

static const struct hk_networks none;

static bool may_call(const char *text, const struct hk_networks *allowed)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET6};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&storage;

    if (inet_pton(AF_INET6, text, &ipv6->sin6_addr) != 1) {
        storage.ss_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &ipv4->sin_addr), 1);
    }
    return hk_addr_may_call((const struct sockaddr *)&storage, allowed);
}

static void assert_all(const char *const *addresses, size_t n, bool is_callable)
{
    for (size_t i = 0; i < n; i++) {
        if (may_call(addresses[i], &none) != is_callable)
            fail_msg("%s: %s", addresses[i], is_callable ? "denied" : "allowed");
    }
}

/* clang-format off */
static const char *const denied_ipv4[] = {
    "0.0.0.0", "0.255.255.255",             /* 0/8 */
    "10.0.0.0", "10.255.255.255",           /* 10/8 */
    "100.64.0.0", "100.127.255.255",        /* 100.64/10 */
    "127.0.0.0", "127.0.0.1", "127.255.255.255",
    "169.254.0.0", "169.254.169.254", "169.254.255.255",
    "172.16.0.0", "172.31.255.255",         /* 172.16/12 */
    "192.0.0.0", "192.0.0.255",             /* 192.0.0/24 */
    "192.0.2.0", "192.0.2.255",             /* 192.0.2/24 */
    "192.88.99.0", "192.88.99.255",         /* 192.88.99/24 */
    "192.168.0.0", "192.168.255.255",       /* 192.168/16 */
    "198.18.0.0", "198.19.255.255",         /* 198.18/15 */
    "198.51.100.0", "198.51.100.255",       /* 198.51.100/24 */
    "203.0.113.0", "203.0.113.255",         /* 203.0.113/24 */
    "224.0.0.0", "239.255.255.255",         /* 224/4 */
    "240.0.0.0", "255.255.255.254", "255.255.255.255",
};

static const char *const allowed_ipv4[] = {
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.254", "100.63.255.255", "100.128.0.0",
    "100.128.0.1", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0",
    "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255",
    "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
    "8.8.8.8", "93.184.216.34",
};

static const char *const denied_ipv6[] = {
    "::", "::1", "::2",
    "::7f00:1", "::8.8.8.8", "::ffff:ffff",             /* ::/96, v4-compatible */
    "64:ff9b::", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::ffff:ffff",
    "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::", "100::ffff:ffff:ffff:ffff",                /* 100::/64 */
    "2001::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::", "2002:7f00:1::", "2002:808:808::1", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", /* 3fff::/20 */
    "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fc00::", "fd00:ec2::254", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::", "fe80::1", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fec0::", "feef::1", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

/* In no list, but given out to nobody: an overlay or a translator may sit there. */
static const char *const unassigned_ipv6[] = {
    "::ffff:0:7f00:1", "64:ff9b:2::1", "200::1", "1fff:ffff::1", "4000::1", "5eff::1", "5f01::1",
    "fbff::1", "fe00::1", "fe7f::1",
};

static const char *const allowed_ipv6[] = {
    "2000::", "2001:1::1", "2001:db7:ffff::1", "2001:db9::1", "2001:4860:4860::8888", "2003::1",
    "2606:4700:4700::1111", "3ffe::1", "3fff:1000::1", "64:ff9c::1",
};

static const char *const denied_mapped[] = {
    "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:c0a8:102", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::ffff:255.255.255.255",
};

static const char *const allowed_mapped[] = {
    "::ffff:8.8.8.8", "::ffff:100.63.255.254", "::ffff:100.128.0.1",
};
/* clang-format on */

static void test_every_special_ipv4_range_is_denied_from_edge_to_edge(void **state)
{
    (void)state;
    assert_all(denied_ipv4, HK_COUNTOF(denied_ipv4), false);
}

static void test_what_lies_beside_a_special_ipv4_range_is_allowed(void **state)
{
    (void)state;
    assert_all(allowed_ipv4, HK_COUNTOF(allowed_ipv4), true);
}

static void test_every_special_ipv6_range_is_denied_from_edge_to_edge(void **state)
{
    (void)state;
    assert_all(denied_ipv6, HK_COUNTOF(denied_ipv6), false);
}

static void test_ipv6_space_that_nobody_was_given_is_denied(void **state)
{
    (void)state;
    assert_all(unassigned_ipv6, HK_COUNTOF(unassigned_ipv6), false);
}

static void test_what_lies_beside_a_special_ipv6_range_is_allowed(void **state)
{
    (void)state;
    assert_all(allowed_ipv6, HK_COUNTOF(allowed_ipv6), true);
}

static void test_a_mapped_ipv4_address_is_judged_as_that_ipv4_address(void **state)
{
    (void)state;
    assert_all(denied_mapped, HK_COUNTOF(denied_mapped), false);
    assert_all(allowed_mapped, HK_COUNTOF(allowed_mapped), true);
}

static void test_other_families_are_denied_whatever_is_allowed(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_storage unknown = {.ss_family = AF_UNSPEC};
    struct hk_networks all;

    (void)state;

    assert_true(hk_networks_parse("0.0.0.0/0,::/0", &all));
    assert_false(hk_addr_may_call((const struct sockaddr *)&local, &all));
    assert_false(hk_addr_may_call((const struct sockaddr *)&unknown, &all));
}

static void test_listed_networks_may_be_called_and_nothing_else(void **state)
{
    struct hk_networks allowed;

    (void)state;

    assert_true(hk_networks_parse("127.0.0.0/8, 192.168.7.9/32 ,fd12:3456::/31", &allowed));
    assert_int_equal(allowed.n, 3);
    assert_true(may_call("127.0.0.1", &allowed));
    assert_true(may_call("::ffff:127.1.2.3", &allowed));
    assert_true(may_call("192.168.7.9", &allowed));
    assert_true(may_call("fd12:3457::1", &allowed));
    assert_true(may_call("8.8.8.8", &allowed));

    assert_false(may_call("192.168.7.8", &allowed));
    assert_false(may_call("10.0.0.1", &allowed));
    assert_false(may_call("::1", &allowed));
    assert_false(may_call("fd12:3458::1", &allowed));
    assert_false(may_call("64:ff9b::127.0.0.1", &allowed));
    assert_false(may_call("2002:7f00:1::", &allowed));
}

static void test_an_ipv6_network_does_not_open_ipv4(void **state)
{
    struct hk_networks allowed;

    (void)state;

    assert_true(hk_networks_parse("::/0", &allowed));
    assert_true(may_call("::1", &allowed));
    assert_false(may_call("127.0.0.1", &allowed));
    assert_false(may_call("::ffff:127.0.0.1", &allowed));

    assert_true(hk_networks_parse("::ffff:10.0.0.0/104", &allowed));
    assert_true(may_call("10.9.9.9", &allowed));
    assert_false(may_call("127.0.0.1", &allowed));
}

static void test_the_whole_of_ipv4_can_be_listed(void **state)
{
    struct hk_networks allowed;

    (void)state;

    assert_true(hk_networks_parse("0.0.0.0/0", &allowed));
    assert_true(may_call("10.0.0.1", &allowed));
    assert_true(may_call("255.255.255.255", &allowed));
    assert_false(may_call("::1", &allowed));
}

static void test_an_empty_list_is_legal(void **state)
{
    struct hk_networks allowed = {.n = 7};

    (void)state;

    assert_true(hk_networks_parse("", &allowed));
    assert_int_equal(allowed.n, 0);
}

static void test_lists_of_anything_but_cidr_are_refused(void **state)
{
    static const char *const cases[] = {
        ",",
        " ",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/8x",
        "10.0.0.0/0008",
        "10.0.0/8",
        "10/8",
        "/8",
        "fd00::/129",
        "fd00:/8",
        "[fd00::]/8",
        "localhost/8",
        "10.0.0.0/8,",
        ",10.0.0.0/8",
        "10.0.0.0/8,,fd00::/8",
        "10.0.0.0/8;fd00::/8",
        "10.0.0.0/8 fd00::/8",
        "10.0.0.0 /8",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8",
    };
    struct hk_networks networks = {.n = 7};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        if (hk_networks_parse(cases[i], &networks))
            fail_msg("\"%s\" was accepted", cases[i]);
    }
    assert_int_equal(networks.n, 7);
}

static void test_one_network_more_than_the_maximum_is_refused(void **state)
{
    char text[HK_MAX_NETWORKS * 16 + 16] = "";
    struct hk_networks networks;
    size_t n = 0;

    (void)state;

    for (int i = 0; i < HK_MAX_NETWORKS; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s10.0.%d.0/24", i > 0 ? "," : "", i);
    assert_true(hk_networks_parse(text, &networks));
    assert_int_equal(networks.n, HK_MAX_NETWORKS);

    (void)snprintf(text + n, sizeof(text) - n, ",10.1.0.0/16");
    assert_false(hk_networks_parse(text, &networks));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_special_ipv4_range_is_denied_from_edge_to_edge),
        cmocka_unit_test(test_what_lies_beside_a_special_ipv4_range_is_allowed),
        cmocka_unit_test(test_every_special_ipv6_range_is_denied_from_edge_to_edge),
        cmocka_unit_test(test_ipv6_space_that_nobody_was_given_is_denied),
        cmocka_unit_test(test_what_lies_beside_a_special_ipv6_range_is_allowed),
        cmocka_unit_test(test_a_mapped_ipv4_address_is_judged_as_that_ipv4_address),
        cmocka_unit_test(test_other_families_are_denied_whatever_is_allowed),
        cmocka_unit_test(test_listed_networks_may_be_called_and_nothing_else),
        cmocka_unit_test(test_an_ipv6_network_does_not_open_ipv4),
        cmocka_unit_test(test_the_whole_of_ipv4_can_be_listed),
        cmocka_unit_test(test_an_empty_list_is_legal),
        cmocka_unit_test(test_lists_of_anything_but_cidr_are_refused),
        cmocka_unit_test(test_one_network_more_than_the_maximum_is_refused),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
