/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/auth/auth_cache.h"

enum { NOW_MS = 1000000 };

static struct auth_cache *cache;

static int set_up(void **state)
{
    (void)state;
    cache = auth_cache_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    auth_cache_free(cache);
    return 0;
}

/* Keys with the same `slot` fall into the same set. */
static const uint8_t *key(uint16_t slot, uint8_t which)
{
    static uint8_t sha256[HK_SHA256_SIZE];

    memset(sha256, which, sizeof(sha256));
    sha256[0] = (uint8_t)(slot >> 8);
    sha256[1] = (uint8_t)slot;
    return sha256;
}

static void put(uint16_t slot, uint8_t which, int64_t now_ms)
{
    struct caller caller = {.role = ROLE_PARTNER, .tenant_id = {{which}}};

    (void)snprintf(caller.actor, sizeof(caller.actor), "key %d/%d", slot, which);
    (void)snprintf(caller.partner, sizeof(caller.partner), "partner %d", which);
    auth_cache_put(cache, key(slot, which), now_ms, &caller);
}

static bool finds(uint16_t slot, uint8_t which, int64_t now_ms)
{
    struct caller caller;

    return auth_cache_find(cache, key(slot, which), now_ms, &caller);
}

static void test_an_empty_cache_knows_nobody(void **state)
{
    (void)state;
    assert_false(finds(0, 0, NOW_MS));
    assert_false(finds(0, 0, 0));
    assert_false(finds(7, 1, NOW_MS));
}

static void test_a_young_entry_tells_who_calls(void **state)
{
    struct caller caller;

    (void)state;
    put(1, 9, NOW_MS);

    assert_true(auth_cache_find(cache, key(1, 9), NOW_MS + AUTH_CACHE_REFRESH_MS - 1, &caller));
    assert_int_equal(caller.role, ROLE_PARTNER);
    assert_int_equal(caller.tenant_id.bytes[0], 9);
    assert_string_equal(caller.actor, "key 1/9");
    assert_string_equal(caller.partner, "partner 9");
}

static void test_one_look_up_refreshes_and_the_others_do_not_wait(void **state)
{
    (void)state;
    put(1, 9, NOW_MS);

    assert_false(finds(1, 9, NOW_MS + AUTH_CACHE_REFRESH_MS));
    assert_true(finds(1, 9, NOW_MS + AUTH_CACHE_REFRESH_MS));
    assert_true(finds(1, 9, NOW_MS + AUTH_CACHE_TTL_MS - 1));
    put(1, 9, NOW_MS + AUTH_CACHE_TTL_MS - 1);
    assert_true(finds(1, 9, NOW_MS + AUTH_CACHE_TTL_MS + AUTH_CACHE_REFRESH_MS - 2));
    assert_false(finds(1, 9, NOW_MS + AUTH_CACHE_TTL_MS + AUTH_CACHE_REFRESH_MS - 1));
}

static void test_an_old_entry_is_worth_nothing(void **state)
{
    (void)state;
    put(1, 9, NOW_MS);
    assert_false(finds(1, 9, NOW_MS + AUTH_CACHE_TTL_MS));
    assert_false(finds(1, 9, NOW_MS + AUTH_CACHE_TTL_MS));           /* nor while one asks again */
    assert_in_range(AUTH_CACHE_TTL_MS, AUTH_CACHE_REFRESH_MS, 4999); /* revoked: 5 s at most */
}

static void test_a_dropped_key_is_gone_at_once(void **state)
{
    (void)state;
    put(1, 9, NOW_MS);
    auth_cache_drop(cache, key(1, 9));
    assert_false(finds(1, 9, NOW_MS));
}

static void test_keys_that_fall_together_are_never_mixed_up(void **state)
{
    (void)state;
    put(1, 9, NOW_MS);
    assert_false(finds(1, 8, NOW_MS));
    auth_cache_drop(cache, key(1, 8));
    assert_true(finds(1, 9, NOW_MS));
    put(1, 8, NOW_MS);
    assert_true(finds(1, 9, NOW_MS));
    assert_true(finds(1, 8, NOW_MS));
}

static void test_the_key_asked_about_longest_ago_makes_room(void **state)
{
    (void)state;
    for (uint8_t which = 0; which < 4; which++)
        put(1, which, NOW_MS + which);
    put(1, 0, NOW_MS + 4);
    put(1, 4, NOW_MS + 5);
    assert_false(finds(1, 1, NOW_MS + 6));
    for (uint8_t which = 2; which < 5; which++)
        assert_true(finds(1, which, NOW_MS + 6));
    assert_true(finds(1, 0, NOW_MS + 6));
}

/* As many as tenants of a platform publish at the same time: each asks once, not with each event.
 */
static void test_four_thousand_busy_keys_nearly_all_find_themselves(void **state)
{
    enum { N_KEYS = 4000 };
    unsigned n_found = 0;
    uint32_t random = 1;

    (void)state;
    for (unsigned i = 0; i < N_KEYS; i++)
        put((uint16_t)((random = random * 1664525u + 1013904223u) >> 16), (uint8_t)i, NOW_MS);
    random = 1;
    for (unsigned i = 0; i < N_KEYS; i++) {
        uint16_t slot = (uint16_t)((random = random * 1664525u + 1013904223u) >> 16);
        struct caller caller;
        char wanted[32];

        (void)snprintf(wanted, sizeof(wanted), "key %d/%d", slot, (uint8_t)i);
        if (!auth_cache_find(cache, key(slot, (uint8_t)i), NOW_MS, &caller))
            continue;
        assert_string_equal(caller.actor, wanted);
        n_found++;
    }
    assert_in_range(n_found, N_KEYS * 98 / 100, N_KEYS);
}

static void test_freeing_nothing_is_nothing(void **state)
{
    (void)state;
    auth_cache_free(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_cache_knows_nobody),
        TEST(test_a_young_entry_tells_who_calls),
        TEST(test_one_look_up_refreshes_and_the_others_do_not_wait),
        TEST(test_an_old_entry_is_worth_nothing),
        TEST(test_a_dropped_key_is_gone_at_once),
        TEST(test_keys_that_fall_together_are_never_mixed_up),
        TEST(test_the_key_asked_about_longest_ago_makes_room),
        TEST(test_four_thousand_busy_keys_nearly_all_find_themselves),
        cmocka_unit_test(test_freeing_nothing_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
