/* SPDX-License-Identifier: Apache-2.0 */
/* test_flow_key.c - the unguessable part of a flow's URL. */
#include "hk/flow_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hk/encode.h"

static struct hk_flow_key any_key(void)
{
    struct hk_flow_key key;

    assert_true(hk_id_parse(hk_str("01890a5d-ac96-774b-bcce-b302099a8057"), &key.tenant_id));
    assert_true(hk_id_parse(hk_str("0192f0c1-2345-7abc-8def-0123456789ab"), &key.flow_id));
    for (size_t i = 0; i < sizeof(key.token); i++)
        key.token[i] = (uint8_t)(0xf0 + i);
    return key;
}

static void test_a_key_is_what_it_was_made_of(void **state)
{
    const struct hk_flow_key key = any_key();
    struct hk_flow_key again;
    char text[HK_FLOW_KEY_LENGTH + 1];

    (void)state;
    hk_flow_key_write(&key, text);
    assert_string_equal(text, "AYkKXayWd0u8zrMCCZqAVwGS8MEjRXq8je8BI0Vniavw8fLz9PX29_j5-vv8_f7_");
    assert_int_equal(strlen(text), HK_FLOW_KEY_LENGTH);
    assert_true(hk_flow_key_parse(hk_str(text), &again));
    assert_memory_equal(&again, &key, sizeof(key));
}

static void test_what_is_no_key_is_refused(void **state)
{
    const struct hk_flow_key key = any_key();
    struct hk_flow_key again;
    char text[HK_FLOW_KEY_LENGTH + 2];

    (void)state;
    hk_flow_key_write(&key, text);
    text[HK_FLOW_KEY_LENGTH] = 'A';
    assert_false(hk_flow_key_parse((struct hk_str){text, HK_FLOW_KEY_LENGTH + 1}, &again));
    for (size_t n = 0; n < HK_FLOW_KEY_LENGTH; n++)
        assert_false(hk_flow_key_parse((struct hk_str){text, n}, &again));
}

static void test_a_character_that_is_none_of_base64url_is_refused(void **state)
{
    static const char junk[] = "+/= %.\n\x80";
    const struct hk_flow_key key = any_key();
    struct hk_flow_key again;
    char text[HK_FLOW_KEY_LENGTH + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(junk); i++) { /* its NUL as well */
        hk_flow_key_write(&key, text);
        text[i * 7] = junk[i];
        assert_false(hk_flow_key_parse((struct hk_str){text, HK_FLOW_KEY_LENGTH}, &again));
    }
    hk_flow_key_write(&key, text);
    text[HK_FLOW_KEY_LENGTH - 1] = '=';
    assert_false(hk_flow_key_parse(hk_str(text), &again));
}

static void test_tokens_differ(void **state)
{
    char one[HK_FLOW_TOKEN_CAPACITY], other[HK_FLOW_TOKEN_CAPACITY];
    uint8_t bytes[HK_FLOW_TOKEN_SIZE];
    size_t n = 0;

    (void)state;
    hk_flow_token_new(one);
    hk_flow_token_new(other);
    assert_string_not_equal(one, other);
    assert_true(hk_b64url_decode(hk_str(one), bytes, sizeof(bytes), &n));
    assert_int_equal(n, HK_FLOW_TOKEN_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_what_it_was_made_of),
        cmocka_unit_test(test_what_is_no_key_is_refused),
        cmocka_unit_test(test_a_character_that_is_none_of_base64url_is_refused),
        cmocka_unit_test(test_tokens_differ),
    };

    return cmocka_run_group_tests_name("flow_key", tests, NULL, NULL);
}
