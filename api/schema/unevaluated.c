/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unevaluated.c - unevaluatedProperties and unevaluatedItems: what no keyword beside them has
 * looked at, in the node itself or in those that it applies to the same value. Found out again for
 * the nodes that ask, so that all others pay nothing.
 */
#include <stdlib.h>

#include "api/schema/node.h"
#include "api/schema/text.h"

/* A bit for each element or member, by its index. */
struct marks {
    size_t n;
    uint64_t *bits;
};

static void mark_one(struct marks *marks, size_t i)
{
    marks->bits[i / 64] |= UINT64_C(1) << i % 64;
}

static void mark_all(struct marks *marks)
{
    memset(marks->bits, 0xff, (marks->n / 64 + 1) * sizeof(marks->bits[0]));
}

static bool is_property(struct check *check, const struct node *node, struct hk_str name)
{
    const struct name *found = names_find(node, name);

    if (found != NULL && found->property != NULL)
        return true;
    for (const struct pattern_property *p = node->pattern_properties; p != NULL; p = p->next) {
        if (pattern_matches(p->pattern, name, &check->budget))
            return true;
    }
    return false;
}

static void mark_members(struct check *check, const struct node *node,
                         const struct hk_json_span *value, struct marks *marks)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span member;
    struct hk_str quoted;

    if (node->additional_properties != NULL) {
        mark_all(marks);
        return;
    }
    for (size_t i = 0; hk_json_next(&cursor, &quoted, &member); i++) {
        if (!budget_spend(&check->budget, budget_cost(&member)))
            return;
        if (is_property(check, node, text_inside(quoted)))
            mark_one(marks, i);
    }
}

static void mark_elements(struct check *check, const struct node *node,
                          const struct hk_json_span *value, struct marks *marks)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span element;
    struct hk_str name;

    if (node->items != NULL) {
        mark_all(marks);
        return;
    }
    for (size_t i = 0; hk_json_next(&cursor, &name, &element); i++) {
        if (!budget_spend(&check->budget, budget_cost(&element)))
            return;
        if (i < node->prefix_items.n ||
            (node->contains != NULL && check_quietly(check, node->contains, &element)))
            mark_one(marks, i);
    }
}

static bool has_member(const struct hk_json_span *object, struct hk_str inside)
{
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct hk_json_span value;
    struct hk_str quoted;

    while (hk_json_next(&cursor, &quoted, &value)) {
        if (text_eq(text_inside(quoted), inside))
            return true;
    }
    return false;
}

static void mark(struct check *check, const struct node *node, const struct hk_json_span *value,
                 struct marks *marks);

static void mark_if_valid(struct check *check, const struct node_list *list,
                          const struct hk_json_span *value, struct marks *marks)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (check_quietly(check, list->nodes[i], value))
            mark(check, list->nodes[i], value, marks);
    }
}

static void mark_own(struct check *check, const struct node *node, const struct hk_json_span *value,
                     struct marks *marks)
{
    if (value->kind == HK_JSON_OBJECT)
        mark_members(check, node, value, marks);
    else
        mark_elements(check, node, value, marks);
}

/* What the nodes have looked at that `node` applies to the same value; the value is valid. */
static void mark_applied(struct check *check, const struct node *node,
                         const struct hk_json_span *value, struct marks *marks)
{
    if (!budget_spend(&check->budget, budget_cost(value)))
        return;
    if (node->ref != NULL)
        mark(check, node->ref, value, marks);
    mark_if_valid(check, &node->all_of, value, marks);
    mark_if_valid(check, &node->any_of, value, marks);
    mark_if_valid(check, &node->one_of, value, marks);
    if (node->condition != NULL) {
        bool holds = check_quietly(check, node->condition, value);
        const struct node *then = holds ? node->consequence : node->alternative;

        if (holds)
            mark(check, node->condition, value, marks);
        if (then != NULL)
            mark(check, then, value, marks);
    }
    for (const struct dependent *d = node->dependents; d != NULL; d = d->next) {
        if (d->node != NULL && value->kind == HK_JSON_OBJECT &&
            has_member(value, node->by_index[d->name]->inside))
            mark(check, d->node, value, marks);
    }
}

static const struct node *rule_of(const struct node *node, const struct hk_json_span *value)
{
    if (value->kind == HK_JSON_OBJECT)
        return node->unevaluated_properties;
    return value->kind == HK_JSON_ARRAY ? node->unevaluated_items : NULL;
}

/* As deep as nodes apply to the same value: see measure() in link.c. */
static void mark(struct check *check, const struct node *node, const struct hk_json_span *value,
                 struct marks *marks)
{
    if (rule_of(node, value) != NULL) {
        mark_all(marks);
        return;
    }
    mark_own(check, node, value, marks);
    mark_applied(check, node, value, marks);
}

static size_t count(const struct hk_json_span *container)
{
    struct hk_json_cursor cursor = {.bytes = container->bytes};
    struct hk_json_span value;
    struct hk_str name;
    size_t n = 0;

    while (hk_json_next(&cursor, &name, &value))
        n++;
    return n;
}

bool check_unevaluated(struct check *check, const struct node *node,
                       const struct hk_json_span *value, const struct place *place)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    const struct node *rule = rule_of(node, value);
    struct hk_json_span child;
    struct hk_str quoted;
    struct marks marks;
    bool is_good = true;

    if (rule == NULL)
        return true;
    marks.n = count(value);
    marks.bits = calloc(marks.n / 64 + 1, sizeof(marks.bits[0]));
    if (marks.bits == NULL)
        abort();
    mark_own(check, node, value, &marks);
    mark_applied(check, node, value, &marks);
    for (size_t i = 0; hk_json_next(&cursor, &quoted, &child); i++) {
        struct place at = {
            .parent = place,
            .name = quoted.p == NULL ? HK_STR_NULL : text_inside(quoted),
            .index = i,
        };

        if ((marks.bits[i / 64] >> i % 64 & 1) == 0 && !check_node(check, rule, &child, &at))
            is_good = false;
        if (!is_good && !check_goes_on(check))
            break;
    }
    free(marks.bits);
    return is_good;
}
