/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checking a payload costs, against reading it once: the CPU time of schema_check() divided by
 * that of hk_json_scan() on the same order of some 1 KiB, median of the rounds. Prints one JSON
 * line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/schema/schema.h"
#include "hk/buf.h"
#include "hk/json_scan.h"

enum { N_ROUNDS = 15, N_CHECKS = 5000, N_LINES = 10, MAX_BYTES = 1 << 16 };

static const char schema_of_orders[] =
    "{\"type\":\"object\",\"required\":[\"orderId\",\"company\",\"lines\",\"total\",\"currency\"],"
    "\"additionalProperties\":false,\"properties\":{\"orderId\":{\"type\":\"string\",\"pattern\":"
    "\"^ord-[0-9]{1,12}$\"},\"company\":{\"type\":\"string\",\"maxLength\":64},\"currency\":"
    "{\"enum\":[\"EUR\",\"GBP\",\"USD\"]},\"total\":{\"type\":\"number\",\"minimum\":0,"
    "\"multipleOf\":0.01},\"note\":{\"type\":[\"string\",\"null\"]},\"lines\":{\"type\":\"array\","
    "\"minItems\":1,\"maxItems\":500,\"items\":{\"$ref\":\"#/$defs/line\"}}},\"$defs\":{\"line\":"
    "{\"type\":\"object\",\"required\":[\"sku\",\"quantity\",\"price\"],\"properties\":{\"sku\":"
    "{\"type\":\"string\",\"minLength\":1},\"description\":{\"type\":\"string\"},\"quantity\":"
    "{\"type\":\"integer\",\"minimum\":1},\"price\":{\"type\":\"number\",\"multipleOf\":0.01}}}}}";

static void write_order(struct hk_buf *buf)
{
    hk_buf_init(buf, MAX_BYTES);
    hk_buf_add_text(buf,
                    "{\"orderId\":\"ord-1234567\",\"company\":\"adm-1001\",\"currency\":\"EUR\","
                    "\"total\":1210.50,\"note\":null,\"lines\":[");
    for (int i = 0; i < N_LINES; i++)
        hk_buf_printf(buf,
                      "%s{\"sku\":\"A-%d\",\"description\":\"A thing that was ordered, blue\","
                      "\"quantity\":%d,\"price\":12.%02d}",
                      i == 0 ? "" : ",", 1000 + i, i + 1, i);
    hk_buf_add_text(buf, "]}");
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int order_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(void)
{
    struct hk_buf order HK_CLEANUP(hk_buf_done);
    struct schema *schema = schema_compile(hk_str(schema_of_orders), NULL);
    double ratios[N_ROUNDS], ns_per_kib[N_ROUNDS];
    struct schema_report report;
    unsigned n_good = 0;

    if (schema == NULL)
        return 1;
    write_order(&order);
    for (int round = 0; round < N_ROUNDS; round++) {
        struct hk_json_span span;
        double start = now_s(), middle;
        size_t at;

        for (int i = 0; i < N_CHECKS; i++)
            n_good += hk_json_scan(hk_buf_str(&order), &span, &at);
        middle = now_s();
        for (int i = 0; i < N_CHECKS; i++)
            n_good += schema_check(schema, hk_buf_str(&order), 1, &report);
        ratios[round] = (now_s() - middle) / (middle - start);
        ns_per_kib[round] = (now_s() - middle) / N_CHECKS * 1e9 / ((double)order.n / 1024);
    }
    qsort(ratios, N_ROUNDS, sizeof(ratios[0]), order_numbers);
    qsort(ns_per_kib, N_ROUNDS, sizeof(ns_per_kib[0]), order_numbers);
    (void)printf("{\"figure\": \"schema check / json scan\", \"ratio\": %.2f, \"bytes\": %zu, "
                 "\"ns_per_kib\": %.0f, \"schema_bytes\": %zu}\n",
                 ratios[N_ROUNDS / 2], order.n, ns_per_kib[N_ROUNDS / 2], schema_size(schema));
    schema_free(schema);
    return n_good == 2u * N_ROUNDS * N_CHECKS ? 0 : 1;
}
