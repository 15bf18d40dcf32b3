/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/traceparent.h"

static bool is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
    }
    return true;
}

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '0')
            return false;
    }
    return true;
}

bool hk_traceparent_is_valid(struct hk_str value)
{
    enum { TRACE_AT = 3, TRACE_N = 32, PARENT_AT = 36, PARENT_N = 16, FLAGS_AT = 53 };

    return value.n == HK_TRACEPARENT_SIZE && memcmp(value.p, "00-", TRACE_AT) == 0 &&
           value.p[PARENT_AT - 1] == '-' && value.p[FLAGS_AT - 1] == '-' &&
           is_hex(value.p + TRACE_AT, TRACE_N) && is_hex(value.p + PARENT_AT, PARENT_N) &&
           is_hex(value.p + FLAGS_AT, 2) && !is_zero(value.p + TRACE_AT, TRACE_N) &&
           !is_zero(value.p + PARENT_AT, PARENT_N);
}
