/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/value.h - equality of JSON values as JSON Schema has it: numbers by value, strings by
 * what they spell, objects without order. Pure.
 */
#ifndef API_SCHEMA_VALUE_H
#define API_SCHEMA_VALUE_H

#include "hk/json_scan.h"

/*
 * What a check may cost, in steps of about the same time; below 0: used up, and whatever says so
 * has no meaning. One for all that one payload needs.
 */
struct budget {
    int64_t n_left;
};

static inline bool budget_spend(struct budget *budget, size_t n)
{
    budget->n_left -= (int64_t)n;
    return budget->n_left >= 0;
}

/* The cost of walking over a value once. */
static inline size_t budget_cost(const struct hk_json_span *value)
{
    return 1 + value->bytes.n / 16;
}

bool value_equal(const struct hk_json_span *a, const struct hk_json_span *b, struct budget *budget);

/* Equal values have equal hashes. */
uint64_t value_hash(const struct hk_json_span *value, struct budget *budget);

/* Whether no two elements of the array are equal; else their indexes. */
bool value_is_unique(const struct hk_json_span *array, struct budget *budget, size_t ret_pair[2]);

#endif
