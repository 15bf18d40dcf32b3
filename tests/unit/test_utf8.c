/* SPDX-License-Identifier: Apache-2.0 */
/* The table of RFC 3629, section 4, at its edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/utf8.h"

static void test_a_character_has_the_size_of_its_sequence(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_int_equal(hk_utf8_size(cases[i].text, strlen(cases[i].text)), cases[i].size);
}

static void test_what_is_not_well_formed_has_none(void **state)
{
    static const char *const cases[] = {
        "\x80", /* a continuation alone */
        "\xc0\xaf",
        "\xc1\xbf", /* longer forms */
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff", /* above U+10FFFF */
        "\xc2",
        "\xe2\x82",
        "\xf0\x9f\x98", /* cut off */
        "\xe2\x28\xa1",
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        assert_int_equal(hk_utf8_size(cases[i], strlen(cases[i])), 0);
        assert_false(hk_utf8_is_valid(hk_str(cases[i])));
    }
}

static void test_text_is_valid_when_each_of_its_characters_is(void **state)
{
    (void)state;
    assert_true(hk_utf8_is_valid(HK_STR("")));
    assert_true(hk_utf8_is_valid(HK_STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_false(hk_utf8_is_valid(HK_STR("a\xc3\xa9\xe2\x82")));
}

/* ---- what is left of bytes from outside ---- */

static const struct {
    struct hk_str given, expected;
} scrub_cases[] = {
    {{"", 0}, {"", 0}},
    {{"plain\r\n\t", 8}, {"plain\r\n\t", 8}},
    {{"caf\xc3\xa9", 5}, {"caf\xc3\xa9", 5}},
    {{"\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 11},
     {"\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 11}},
    {{"a\0b", 3}, {"a?b", 3}},
    {{"a word\0 and\x7f \xff.", 15}, {"a word? and\x7f ?.", 15}},
    {{"\x01 a word \xe2\x82", 11}, {"\x01 a word ??", 11}},
    {{"caf\xe9", 4}, {"caf?", 4}},          /* Latin-1 */
    {{"\xe2\x82", 2}, {"??", 2}},           /* cut */
    {{"\xc3", 1}, {"?", 1}},                /* cut */
    {{"\xc0\xaf", 2}, {"??", 2}},           /* overlong */
    {{"\xe0\x80\xaf", 3}, {"???", 3}},      /* overlong */
    {{"\xed\xa0\x80", 3}, {"???", 3}},      /* a surrogate */
    {{"\xf4\x90\x80\x80", 4}, {"????", 4}}, /* beyond U+10FFFF */
    {{"\xff\xfe\x80x", 4}, {"???x", 4}},
    {{"\xe2\x82x\xc3\xa9", 5}, {"??x\xc3\xa9", 5}},
};

static void test_what_is_not_utf8_becomes_a_question_mark(void **state)
{
    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(scrub_cases); i++) {
        char text[16];

        memcpy(text, scrub_cases[i].given.p, scrub_cases[i].given.n);
        hk_utf8_scrub(text, scrub_cases[i].given.n);
        assert_memory_equal(text, scrub_cases[i].expected.p, scrub_cases[i].expected.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_utf8_becomes_a_question_mark),
        cmocka_unit_test(test_a_character_has_the_size_of_its_sequence),
        cmocka_unit_test(test_what_is_not_well_formed_has_none),
        cmocka_unit_test(test_text_is_valid_when_each_of_its_characters_is),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
