/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk_filter_check(): a verdict for any bytes; what passes stays a filter within brackets and behind
 * a
 * "!", beside another, and has nothing in it that PostgreSQL would read as more than we did.
 */
#include "hk/filter.h"
#include "tests/fuzz/fuzz.h"

/* The verdict on before + text + behind, in memory of its own size. */
static enum hk_code check_within(struct hk_str before, struct hk_str text, struct hk_str behind)
{
    size_t n = before.n + text.n + behind.n;
    char *copy = malloc(n + 1);
    enum hk_code code;

    FUZZ_MUST(copy != NULL);
    memcpy(copy, before.p, before.n);
    memcpy(copy + before.n, text.p, text.n);
    memcpy(copy + before.n + text.n, behind.p, behind.n);
    code = hk_filter_check((struct hk_str){copy, n}, NULL);
    free(copy);
    return code;
}

/* Outside of strings: what is not in the subset at all. */
static void must_be_plain(struct hk_str text)
{
    bool is_in_string = false;
    int depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        FUZZ_MUST((unsigned char)c >= ' ' || c == '\t' || c == '\n' || c == '\r');
        if (c == '"') {
            is_in_string = !is_in_string;
        } else if (is_in_string) {
            i += c == '\\';
        } else {
            FUZZ_MUST((unsigned char)c < 0x7f && strchr("#%',/:;{}`~^", c) == NULL);
            FUZZ_MUST(c != '*' || text.p[i - 1] == '[');
            depth += (c == '(') - (c == ')');
            FUZZ_MUST(depth >= 0);
        }
    }
    FUZZ_MUST(!is_in_string && depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str text = {(const char *)data, size};
    struct hk_error error = {.code = HK_OK};
    enum hk_code code = hk_filter_check(text, &error);

    FUZZ_MUST(code == HK_OK || code == HK_INVALID_BODY);
    FUZZ_MUST((error.detail[0] == '\0') == (code == HK_OK));
    if (code != HK_OK || size > HK_FILTER_MAX_BYTES / 2)
        return 0;

    must_be_plain(text);
    FUZZ_MUST(check_within(HK_STR(" "), text, HK_STR("\n")) == HK_OK);
    FUZZ_MUST(check_within(HK_STR("!"), text, HK_STR("&")) == HK_INVALID_BODY);
    /* These need one bracket or one term more than the text has. */
    if (memchr(data, '(', size) == NULL && memmem(data, size, "||", 2) == NULL &&
        memmem(data, size, "&&", 2) == NULL) {
        FUZZ_MUST(check_within(HK_STR("!("), text, HK_STR(")")) == HK_OK);
        FUZZ_MUST(check_within(HK_STR("exists($.a) || "), text, HK_STR(" && $.b == 1")) == HK_OK);
    }
    return 0;
}
