/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk_schedule_read() and hk_responses_find(): a verdict for any bytes; what is a schedule keeps its
 * bounds, and is one beside itself unless that makes too many.
 */
#include "hk/responses.h"
#include "hk/schedule.h"
#include "tests/fuzz/fuzz.h"

static void check_twice(struct hk_str text, const struct hk_schedule *once)
{
    char *copy = malloc(2 * text.n + 1);
    struct hk_schedule twice;
    bool is_one;

    FUZZ_MUST(copy != NULL);
    memcpy(copy, text.p, text.n);
    copy[text.n] = ' ';
    memcpy(copy + text.n + 1, text.p, text.n);
    is_one = hk_schedule_read((struct hk_str){copy, 2 * text.n + 1}, 0, &twice);
    FUZZ_MUST(is_one == (2 * once->n_delays <= HK_SCHEDULE_MAX_DELAYS));
    FUZZ_MUST(!is_one || twice.total_ms == 2 * once->total_ms);
    free(copy);
}

static void check_schedule(struct hk_str text)
{
    struct hk_schedule all, one;
    int64_t sum_ms = 0;

    if (!hk_schedule_read(text, 0, &all))
        return;
    FUZZ_MUST(all.n_delays <= HK_SCHEDULE_MAX_DELAYS && all.delay_ms == 0);
    for (unsigned nth = 1; nth <= all.n_delays; nth++) {
        FUZZ_MUST(hk_schedule_read(text, nth, &one) && one.delay_ms >= 1000);
        sum_ms += one.delay_ms;
    }
    FUZZ_MUST(sum_ms == all.total_ms);
    if (text.n > 0)
        check_twice(text, &all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str text = {(const char *)data, size};
    struct hk_response response;

    if (size > 512)
        return 0;
    check_schedule(text);
    for (int status = 0; status < 600; status += 5)
        FUZZ_MUST(hk_responses_find(text, status).kind < HK_RESPONSE_COUNT);
    if (hk_response_read(text, &response))
        FUZZ_MUST((response.throttle_ms > 0) == (response.kind == HK_RESPONSE_THROTTLE));
    return 0;
}
