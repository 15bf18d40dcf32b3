/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/form.h"

static void test_values_are_found_and_decoded(void **state)
{
    char value[16];

    (void)state;
    assert_int_equal(hk_form_value(HK_STR("a=1&b=x%20y+z&c="), "b", value, sizeof(value)),
                     HK_FORM_FOUND);
    assert_string_equal(value, "x y z");
    assert_int_equal(hk_form_value(HK_STR("a=1&b=2&c="), "c", value, sizeof(value)), HK_FORM_FOUND);
    assert_string_equal(value, "");
    assert_int_equal(hk_form_value(HK_STR("%61=%C3%a4"), "a", value, sizeof(value)), HK_FORM_FOUND);
    assert_string_equal(value, "\xc3\xa4");
    assert_int_equal(hk_form_value(HK_STR("a==b"), "a", value, sizeof(value)), HK_FORM_FOUND);
    assert_string_equal(value, "=b");
}

static void test_what_is_not_there_is_absent(void **state)
{
    static const char *const forms[] = {"", "&", "aa=1", "b=a", "%=1&=&&", "A=1"};
    char value[16];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(forms); i++)
        assert_int_equal(hk_form_value(hk_str(forms[i]), "a", value, sizeof(value)),
                         HK_FORM_ABSENT);
}

static void test_what_cannot_be_read_is_malformed(void **state)
{
    static const char *const forms[] = {"a",       "a=%",       "a=%2",
                                        "a=%zz",   "a=%00",     "a=%ff",
                                        "a=1&a=1", "a=1&%61=2", "a=1234567890123456"};
    char value[16];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(forms); i++) {
        if (hk_form_value(hk_str(forms[i]), "a", value, sizeof(value)) != HK_FORM_MALFORMED)
            fail_msg("%s", forms[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_found_and_decoded),
        cmocka_unit_test(test_what_is_not_there_is_absent),
        cmocka_unit_test(test_what_cannot_be_read_is_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
