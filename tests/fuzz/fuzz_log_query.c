/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk_log_query_parse(): a verdict for any bytes. What passes becomes an object that jansson reads,
 * within its cap, and is the same filter with blanks around it; two halves in one are no less.
 */
#include <jansson.h>

#include "hk/log_query.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US INT64_C(1794983280123456)

/* In memory of its own size. */
static enum hk_code parse(struct hk_str before, struct hk_str text, struct hk_str behind,
                          struct hk_buf *ret, struct hk_error *reterr)
{
    size_t n = before.n + text.n + behind.n;
    char *copy = malloc(n == 0 ? 1 : n);
    enum hk_code code;

    FUZZ_MUST(copy != NULL);
    memcpy(copy, before.p, before.n);
    if (text.n > 0)
        memcpy(copy + before.n, text.p, text.n);
    memcpy(copy + before.n + text.n, behind.p, behind.n);
    hk_buf_init(ret, HK_LOG_FILTER_MAX_BYTES);
    code = hk_log_query_parse((struct hk_str){copy, n}, NOW_US, ret, reterr);
    free(copy);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str text = {(const char *)data, size};
    struct hk_buf filter HK_CLEANUP(hk_buf_done), again HK_CLEANUP(hk_buf_done);
    struct hk_error error = {.code = HK_OK};
    enum hk_code code = parse(HK_STR(""), text, HK_STR(""), &filter, &error);
    json_t *json;

    hk_buf_init(&again, HK_LOG_FILTER_MAX_BYTES);
    FUZZ_MUST(code == HK_OK || code == HK_INVALID_PARAMETER);
    FUZZ_MUST((error.detail[0] == '\0') == (code == HK_OK));
    if (code != HK_OK)
        return 0;

    FUZZ_MUST(!filter.is_full);
    json = json_loadb(filter.p, filter.n, JSON_REJECT_DUPLICATES, NULL);
    FUZZ_MUST(json_is_object(json));
    json_decref(json);
    if (size + 2 > HK_LOG_QUERY_MAX_BYTES)
        return 0;
    hk_buf_done(&again);
    FUZZ_MUST(parse(HK_STR(" "), text, HK_STR("\n"), &again, &error) == HK_OK);
    FUZZ_MUST(hk_str_eq(hk_buf_str(&filter), hk_buf_str(&again)));
    hk_buf_done(&again);
    FUZZ_MUST(parse(HK_STR(""), text, HK_STR(" :"), &again, &error) == HK_INVALID_PARAMETER);
    return 0;
}
