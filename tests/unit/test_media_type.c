/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/media_type.h"

static void test_a_content_type_is_its_type_whatever_its_parameters(void **state)
{
    static const char *const same[] = {"text/html", "Text/HTML", "text/html;charset=utf-8",
                                       " text/html ; charset=utf-8", "text/html;"};
    static const char *const others[] = {"",
                                         ";",
                                         "text",
                                         "text/htm",
                                         "text/htmlx",
                                         "text/*",
                                         "application/json, text/html",
                                         "text/html x"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(same); i++)
        assert_true(hk_media_type_is(hk_str(same[i]), "text/html"));
    for (size_t i = 0; i < HK_COUNTOF(others); i++) {
        if (hk_media_type_is(hk_str(others[i]), "text/html"))
            fail_msg("%s", others[i]);
    }
    assert_false(hk_media_type_is(HK_STR_NULL, "text/html"));
    assert_true(hk_media_type_is(HK_STR("text/html"), "text/html; charset=utf-8"));
}

static void test_the_most_specific_range_of_accept_decides(void **state)
{
    static const struct {
        const char *accept;
        bool is_accepted;
    } cases[] = {
        {"", true},
        {" ", true},
        {"*/*", true},
        {"*", true},
        {"application/*", true},
        {"application/json", true},
        {"APPLICATION/Json ; charset=utf-8", true},
        {"text/html, application/json;q=0.2", true},
        {"text/html, */*;q=0.1", true},
        {"application/json;q=0.001", true},
        {"application/json;q=1", true},
        {"text/html", false},
        {"text/*", false},
        {"applications/*", false},
        {"application/json;q=0", false},
        {"application/json;q=0.000", false},
        {"*/*;q=0", false},
        {"application/json;q=0, */*", false},
        {"*/*, application/*;q=0", false},
        {"application/*;q=0, application/json", true},
        {"application/jsonp", false},
        {",;,", false},
        {"application", false},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        if (hk_media_type_is_accepted(hk_str(cases[i].accept), "application/json") !=
            cases[i].is_accepted)
            fail_msg("\"%s\"", cases[i].accept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_content_type_is_its_type_whatever_its_parameters),
        cmocka_unit_test(test_the_most_specific_range_of_accept_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
