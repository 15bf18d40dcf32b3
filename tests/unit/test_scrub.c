/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from outside become text that a database takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/scrub.h"

static const struct {
    struct hk_str given, expected;
} cases[] = {
    {{"", 0}, {"", 0}},
    {{"plain\r\n\t", 8}, {"plain\r\n\t", 8}},
    {{"caf\xc3\xa9", 5}, {"caf\xc3\xa9", 5}},
    {{"\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 11},
     {"\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 11}},
    {{"a\0b", 3}, {"a?b", 3}},
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

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        char text[16];

        memcpy(text, cases[i].given.p, cases[i].given.n);
        scrub_utf8(text, cases[i].given.n);
        assert_memory_equal(text, cases[i].expected.p, cases[i].expected.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_utf8_becomes_a_question_mark),
    };

    return cmocka_run_group_tests_name("scrub", tests, NULL, NULL);
}
