/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema/value.h"

#include <stdlib.h>

#include "api/schema/decimal.h"
#include "api/schema/text.h"

enum { MAX_UNIQUE = 65536 }; /* elements: more are more than any budget */

static bool arrays_are_equal(const struct hk_json_span *a, const struct hk_json_span *b,
                             struct budget *budget)
{
    struct hk_json_cursor cursor_a = {.bytes = a->bytes}, cursor_b = {.bytes = b->bytes};
    struct hk_json_span value_a, value_b;
    struct hk_str name;

    for (;;) {
        bool has_a = hk_json_next(&cursor_a, &name, &value_a);
        bool has_b = hk_json_next(&cursor_b, &name, &value_b);

        if (!has_a || !has_b)
            return has_a == has_b;
        if (!value_equal(&value_a, &value_b, budget))
            return false;
    }
}

static size_t count_members(const struct hk_json_span *object)
{
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct hk_json_span value;
    struct hk_str name;
    size_t n = 0;

    while (hk_json_next(&cursor, &name, &value))
        n++;
    return n;
}

/* Whether `object` has a member of that name with an equal value. */
static bool has_member(const struct hk_json_span *object, struct hk_str inside,
                       const struct hk_json_span *wanted, struct budget *budget)
{
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct hk_json_span value;
    struct hk_str name;

    while (hk_json_next(&cursor, &name, &value)) {
        if (!budget_spend(budget, budget_cost(&value)))
            return false;
        if (text_eq(text_inside(name), inside) && value_equal(&value, wanted, budget))
            return true;
    }
    return false;
}

static bool objects_are_equal(const struct hk_json_span *a, const struct hk_json_span *b,
                              struct budget *budget)
{
    struct hk_json_cursor cursor = {.bytes = a->bytes};
    struct hk_json_span value;
    struct hk_str name;

    if (!budget_spend(budget, budget_cost(a) + budget_cost(b)) ||
        count_members(a) != count_members(b))
        return false;
    while (hk_json_next(&cursor, &name, &value)) {
        if (!has_member(b, text_inside(name), &value, budget))
            return false;
    }
    return true;
}

/* As deep as the text is, which hk_json_scan() has capped. */
bool value_equal(const struct hk_json_span *a, const struct hk_json_span *b, struct budget *budget)
{
    struct decimal number_a, number_b;

    if (!budget_spend(budget, budget_cost(a)) || a->kind != b->kind)
        return false;
    switch (a->kind) {
    case HK_JSON_STRING:
        return text_eq(text_inside(a->bytes), text_inside(b->bytes));
    case HK_JSON_NUMBER:
        number_a = decimal_parse(a->bytes);
        number_b = decimal_parse(b->bytes);
        return decimal_compare(&number_a, &number_b) == 0;
    case HK_JSON_ARRAY:
        return arrays_are_equal(a, b, budget);
    case HK_JSON_OBJECT:
        return objects_are_equal(a, b, budget);
    case HK_JSON_TRUE:
    case HK_JSON_FALSE:
    case HK_JSON_NULL:
        break;
    }
    return true;
}

static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 33;
}

/* The members' hashes are added up, so that their order does not count; the elements' is. */
static uint64_t hash_container(const struct hk_json_span *container, struct budget *budget)
{
    struct hk_json_cursor cursor = {.bytes = container->bytes};
    struct hk_json_span value;
    struct hk_str name;
    uint64_t hash = 0;

    while (hk_json_next(&cursor, &name, &value)) {
        uint64_t own = value_hash(&value, budget);

        if (name.p == NULL)
            hash = mix(hash + own);
        else
            hash += mix(own + text_hash(text_inside(name)) * UINT64_C(0x9e3779b97f4a7c15));
    }
    return hash;
}

uint64_t value_hash(const struct hk_json_span *value, struct budget *budget)
{
    struct decimal number;
    uint64_t hash = 0;

    if (!budget_spend(budget, budget_cost(value)))
        return 0;
    if (value->kind == HK_JSON_STRING) {
        hash = text_hash(text_inside(value->bytes));
    } else if (value->kind == HK_JSON_NUMBER) {
        number = decimal_parse(value->bytes);
        hash = decimal_hash(&number);
    } else if (value->kind == HK_JSON_ARRAY || value->kind == HK_JSON_OBJECT) {
        hash = hash_container(value, budget);
    }
    return mix(hash * 8 + value->kind);
}

struct element {
    uint64_t hash;
    size_t index;
    struct hk_json_span value;
};

static int order_by_hash(const void *a, const void *b)
{
    const struct element *element_a = a, *element_b = b;

    if (element_a->hash != element_b->hash)
        return element_a->hash < element_b->hash ? -1 : 1;
    return element_a->index < element_b->index ? -1 : 1;
}

static bool find_pair(const struct element *elements, size_t n, struct budget *budget,
                      size_t ret_pair[2])
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n && elements[k].hash == elements[i].hash; k++) {
            if (value_equal(&elements[i].value, &elements[k].value, budget)) {
                ret_pair[0] = elements[i].index;
                ret_pair[1] = elements[k].index;
                return true;
            }
            if (budget->n_left < 0)
                return false;
        }
    }
    return false;
}

bool value_is_unique(const struct hk_json_span *array, struct budget *budget, size_t ret_pair[2])
{
    struct hk_json_cursor cursor = {.bytes = array->bytes};
    struct element *elements = NULL;
    size_t n = 0, capacity = 0;
    struct hk_json_span value;
    struct hk_str name;
    bool is_unique;

    while (hk_json_next(&cursor, &name, &value)) {
        if (n == MAX_UNIQUE || !budget_spend(budget, 16)) {
            budget->n_left = -1;
            break;
        }
        if (n == capacity) {
            capacity = capacity == 0 ? 16 : 2 * capacity;
            elements = realloc(elements, capacity * sizeof(*elements));
            if (elements == NULL)
                abort();
        }
        elements[n] = (struct element){value_hash(&value, budget), n, value};
        n++;
    }
    if (n > 1)
        qsort(elements, n, sizeof(*elements), order_by_hash);
    is_unique = !find_pair(elements, n, budget, ret_pair);
    free(elements);
    return is_unique;
}
