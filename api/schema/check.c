/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - a value against a node, and its parts against the node's parts: all rules of a node are
 * looked at while faults are wanted, and no more than needed where only the answer is.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/schema/node.h"
#include "api/schema/text.h"

enum {
    MAX_DEPTH = 512, /* of nodes in one another: some 64 levels of values by some of schemas */
    BUDGET_BASE = 50000,
    BUDGET_PER_BYTE = 32,
    MAX_QUOTED = 64, /* characters of the schema in a sentence */
};

bool check_goes_on(const struct check *check)
{
    return check->n_quiet == 0 && check->report->n < check->max_faults && check->budget.n_left >= 0;
}

bool check_fail(struct check *check, const struct place *place, const char *detail, ...)
{
    struct schema_fault *fault = &check->report->faults[check->report->n];
    va_list args;

    if (!check_goes_on(check))
        return false;
    check->report->n++;
    place_write(place, fault->pointer, sizeof(fault->pointer));
    va_start(args, detail);
    (void)vsnprintf(fault->detail, sizeof(fault->detail), detail, args);
    va_end(args);
    return false;
}

/* ---- any value ------------------------------------------------------------------------------ */

static unsigned types_of(const struct hk_json_span *value)
{
    static const uint8_t types[] = {
        [HK_JSON_OBJECT] = TYPE_OBJECT, [HK_JSON_ARRAY] = TYPE_ARRAY,
        [HK_JSON_STRING] = TYPE_STRING, [HK_JSON_NUMBER] = TYPE_NUMBER,
        [HK_JSON_TRUE] = TYPE_BOOLEAN,  [HK_JSON_FALSE] = TYPE_BOOLEAN,
        [HK_JSON_NULL] = TYPE_NULL,
    };
    struct decimal number;

    if (value->kind != HK_JSON_NUMBER)
        return types[value->kind];
    number = decimal_parse(value->bytes);
    return TYPE_NUMBER | (decimal_is_integer(&number) ? TYPE_INTEGER : 0u);
}

/* "must be a string or null" */
static bool fail_type(struct check *check, const struct node *node, const struct place *place)
{
    static const struct {
        unsigned type;
        const char *name;
    } names[] = {
        {TYPE_OBJECT, "an object"}, {TYPE_ARRAY, "an array"},     {TYPE_STRING, "a string"},
        {TYPE_NUMBER, "a number"},  {TYPE_INTEGER, "an integer"}, {TYPE_BOOLEAN, "true or false"},
        {TYPE_NULL, "null"},
    };
    char text[128] = "";
    int n = 0;

    for (size_t i = 0; i < HK_COUNTOF(names); i++) {
        if ((node->types & names[i].type) != 0)
            n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s", n > 0 ? " or " : "",
                          names[i].name);
    }
    return check_fail(check, place, "must be %s", text);
}

static bool check_values(struct check *check, const struct node *node,
                         const struct hk_json_span *value, const struct place *place)
{
    const struct hk_str only = node->n_values == 1 ? node->values[0].bytes : HK_STR_NULL;

    for (unsigned i = 0; i < node->n_values; i++) {
        if (value_equal(value, &node->values[i], &check->budget))
            return true;
    }
    if (only.p != NULL && only.n <= MAX_QUOTED)
        return check_fail(check, place, "must be %.*s", (int)only.n, only.p);
    return check_fail(check, place, "must be %s",
                      only.p != NULL ? "the value that the schema has"
                                     : "one of the values that the schema lists");
}

/* ---- numbers and strings -------------------------------------------------------------------- */

static bool fail_limit(struct check *check, const struct place *place, const char *relation,
                       const struct limit *limit)
{
    if (limit->text.n > MAX_QUOTED)
        return check_fail(check, place, "must be %s the number that the schema has", relation);
    return check_fail(check, place, "must be %s %.*s", relation, (int)limit->text.n, limit->text.p);
}

static bool check_number(struct check *check, const struct node *node,
                         const struct hk_json_span *value, const struct place *place)
{
    struct decimal number = decimal_parse(value->bytes);
    bool is_good = true;

    if (node->minimum.is_set && decimal_compare(&number, &node->minimum.number) < 0)
        is_good = fail_limit(check, place, "at least", &node->minimum);
    if (node->maximum.is_set && decimal_compare(&number, &node->maximum.number) > 0)
        is_good = fail_limit(check, place, "at most", &node->maximum);
    if (node->exclusive_minimum.is_set &&
        decimal_compare(&number, &node->exclusive_minimum.number) <= 0)
        is_good = fail_limit(check, place, "above", &node->exclusive_minimum);
    if (node->exclusive_maximum.is_set &&
        decimal_compare(&number, &node->exclusive_maximum.number) >= 0)
        is_good = fail_limit(check, place, "below", &node->exclusive_maximum);
    if (node->multiple_of.is_set && !decimal_is_multiple(&number, &node->multiple_of.number))
        is_good = fail_limit(check, place, "a multiple of", &node->multiple_of);
    return is_good;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static bool fail_number_of(struct check *check, const struct place *place, const char *bound,
                           uint64_t n, const char *what)
{
    return check_fail(check, place, "must have at %s %" PRIu64 " %s%s", bound, n, what, plural(n));
}

static bool check_string(struct check *check, const struct node *node,
                         const struct hk_json_span *value, const struct place *place)
{
    struct hk_str inside = text_inside(value->bytes);
    bool is_good = true;
    size_t length;

    if (node->min_length > 0 || node->max_length < UINT64_MAX) {
        length = text_length(inside);
        if (length < node->min_length)
            is_good = fail_number_of(check, place, "least", node->min_length, "character");
        if (length > node->max_length)
            is_good = fail_number_of(check, place, "most", node->max_length, "character");
    }
    if (node->pattern == NULL || pattern_matches(node->pattern, inside, &check->budget))
        return is_good;
    if (node->pattern_text.n > MAX_QUOTED)
        return check_fail(check, place, "must match the pattern that the schema has");
    return check_fail(check, place, "must match %.*s", (int)node->pattern_text.n,
                      node->pattern_text.p);
}

/* ---- arrays --------------------------------------------------------------------------------- */

static bool check_array_size(struct check *check, const struct node *node, size_t n,
                             size_t n_contained, const struct place *place)
{
    static const char contained[] =
        "must have at %s %" PRIu64 " of what the schema's contains describes";
    bool is_good = true;

    if (n < node->min_items)
        is_good = fail_number_of(check, place, "least", node->min_items, "element");
    if (n > node->max_items)
        is_good = fail_number_of(check, place, "most", node->max_items, "element");
    if (node->contains != NULL && n_contained < node->min_contains)
        is_good = check_fail(check, place, contained, "least", node->min_contains);
    if (node->contains != NULL && n_contained > node->max_contains)
        is_good = check_fail(check, place, contained, "most", node->max_contains);
    return is_good;
}

static bool check_array(struct check *check, const struct node *node,
                        const struct hk_json_span *value, const struct place *place)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span element;
    struct hk_str name;
    size_t n = 0, n_contained = 0, pair[2];
    bool is_good = true;

    while (hk_json_next(&cursor, &name, &element)) {
        struct place at = {.parent = place, .index = n};
        const struct node *child =
            n < node->prefix_items.n ? node->prefix_items.nodes[n] : node->items;

        if (!budget_spend(&check->budget, budget_cost(&element)))
            return false;
        n++;
        if (child != NULL && !check_node(check, child, &element, &at)) {
            is_good = false;
            if (!check_goes_on(check))
                return false;
        }
        if (node->contains != NULL)
            n_contained += check_quietly(check, node->contains, &element);
    }
    if (!check_array_size(check, node, n, n_contained, place))
        is_good = false;
    if (node->wants_unique && !value_is_unique(value, &check->budget, pair))
        is_good = check_fail(check, place, "must not have equal elements: %zu and %zu are", pair[0],
                             pair[1]);
    return is_good;
}

/* ---- objects -------------------------------------------------------------------------------- */

static bool is_seen(const uint64_t *seen, unsigned index)
{
    return (seen[index / 64] >> index % 64 & 1) != 0;
}

static bool check_member(struct check *check, const struct node *node, const struct name *name,
                         const struct hk_json_span *value, const struct place *place)
{
    bool is_matched = name != NULL && name->property != NULL;
    bool is_good = !is_matched || check_node(check, name->property, value, place);

    for (const struct pattern_property *p = node->pattern_properties; p != NULL; p = p->next) {
        if (!pattern_matches(p->pattern, place->name, &check->budget))
            continue;
        is_matched = true;
        if (!check_node(check, p->node, value, place))
            is_good = false;
    }
    if (!is_matched && node->additional_properties != NULL)
        return check_node(check, node->additional_properties, value, place);
    return is_good;
}

static bool check_member_name(struct check *check, const struct node *node, struct hk_str quoted,
                              const struct place *place)
{
    struct hk_json_span name = {HK_JSON_STRING, quoted};

    if (node->property_names == NULL || check_quietly(check, node->property_names, &name))
        return true;
    return check_fail(check, place, "has a name that the schema does not allow");
}

static bool check_required(struct check *check, const struct node *node,
                           const struct name_list *required, const uint64_t *seen,
                           const struct name *because, const struct place *place)
{
    bool is_good = true;

    for (unsigned i = 0; i < required->n; i++) {
        struct place at = {.parent = place};

        if (is_seen(seen, required->indexes[i]))
            continue;
        at.name = node->by_index[required->indexes[i]]->inside;
        if (because == NULL || because->inside.n > MAX_QUOTED)
            is_good = check_fail(check, &at, "is required");
        else
            is_good = check_fail(check, &at, "is required beside \"%.*s\"", (int)because->inside.n,
                                 because->inside.p);
        if (!check_goes_on(check))
            break;
    }
    return is_good;
}

static bool check_dependents(struct check *check, const struct node *node,
                             const struct hk_json_span *value, const uint64_t *seen,
                             const struct place *place)
{
    bool is_good = true;

    for (const struct dependent *d = node->dependents; d != NULL; d = d->next) {
        if (!is_seen(seen, d->name))
            continue;
        if (!check_required(check, node, &d->required, seen, node->by_index[d->name], place))
            is_good = false;
        if (d->node != NULL && !check_node(check, d->node, value, place))
            is_good = false;
    }
    return is_good;
}

static bool check_object(struct check *check, const struct node *node,
                         const struct hk_json_span *value, const struct place *place)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span member;
    struct hk_str quoted;
    uint64_t seen[SCHEMA_MAX_NAMES / 64]; /* by index of the node's names */
    bool is_good = true;
    size_t n = 0;

    memset(seen, 0, (node->n_names + 63) / 64 * sizeof(seen[0]));
    while (hk_json_next(&cursor, &quoted, &member)) {
        struct place at = {.parent = place, .name = text_inside(quoted)};
        const struct name *name = names_find(node, at.name);

        if (!budget_spend(&check->budget, budget_cost(&member) + at.name.n / 16))
            return false;
        n++;
        if (name != NULL)
            seen[name->index / 64] |= UINT64_C(1) << name->index % 64;
        if (!check_member(check, node, name, &member, &at) ||
            !check_member_name(check, node, quoted, &at)) {
            is_good = false;
            if (!check_goes_on(check))
                return false;
        }
    }
    if (!check_required(check, node, &node->required, seen, NULL, place))
        is_good = false;
    if (!check_dependents(check, node, value, seen, place))
        is_good = false;
    if (n < node->min_properties)
        is_good = fail_number_of(check, place, "least", node->min_properties, "member");
    if (n > node->max_properties)
        is_good = fail_number_of(check, place, "most", node->max_properties, "member");
    return is_good;
}

/* ---- schemas of schemas --------------------------------------------------------------------- */

static bool check_any_of(struct check *check, const struct node *node,
                         const struct hk_json_span *value, const struct place *place)
{
    for (unsigned i = 0; i < node->any_of.n; i++) {
        if (check_quietly(check, node->any_of.nodes[i], value))
            return true;
    }
    return check_fail(check, place, "matches none of the alternatives of the schema's anyOf");
}

static bool check_one_of(struct check *check, const struct node *node,
                         const struct hk_json_span *value, const struct place *place)
{
    unsigned n = 0, first = 0;

    for (unsigned i = 0; i < node->one_of.n; i++) {
        if (!check_quietly(check, node->one_of.nodes[i], value))
            continue;
        if (n++ > 0)
            return check_fail(check, place,
                              "matches more than one alternative of the schema's oneOf: %u and %u",
                              first, i);
        first = i;
    }
    return n == 1 ||
           check_fail(check, place, "matches none of the alternatives of the schema's oneOf");
}

static bool check_condition(struct check *check, const struct node *node,
                            const struct hk_json_span *value, const struct place *place)
{
    const struct node *then =
        check_quietly(check, node->condition, value) ? node->consequence : node->alternative;

    return then == NULL || check_node(check, then, value, place);
}

/* What node says by way of other nodes about the same value. */
static bool check_applied(struct check *check, const struct node *node,
                          const struct hk_json_span *value, const struct place *place)
{
    bool is_good = node->ref == NULL || check_node(check, node->ref, value, place);

    for (unsigned i = 0; i < node->all_of.n && (is_good || check_goes_on(check)); i++) {
        if (!check_node(check, node->all_of.nodes[i], value, place))
            is_good = false;
    }
    if (node->any_of.n > 0 && !check_any_of(check, node, value, place))
        is_good = false;
    if (node->one_of.n > 0 && !check_one_of(check, node, value, place))
        is_good = false;
    if (node->negated != NULL && check_quietly(check, node->negated, value))
        is_good = check_fail(check, place, "must not be what the schema's not describes");
    if (node->condition != NULL && !check_condition(check, node, value, place))
        is_good = false;
    return is_good;
}

static bool check_parts(struct check *check, const struct node *node,
                        const struct hk_json_span *value, const struct place *place)
{
    switch (value->kind) {
    case HK_JSON_NUMBER:
        return !node->has_number_rules || check_number(check, node, value, place);
    case HK_JSON_STRING:
        return !node->has_string_rules || check_string(check, node, value, place);
    case HK_JSON_ARRAY:
        return !node->has_array_rules || check_array(check, node, value, place);
    case HK_JSON_OBJECT:
        return !node->has_object_rules || check_object(check, node, value, place);
    case HK_JSON_TRUE:
    case HK_JSON_FALSE:
    case HK_JSON_NULL:
        break;
    }
    return true;
}

static bool check_rules(struct check *check, const struct node *node,
                        const struct hk_json_span *value, const struct place *place)
{
    bool is_good = true;

    if (node->is_never)
        return check_fail(check, place, "is not allowed by the schema");
    if (node->types != 0 && (node->types & types_of(value)) == 0)
        return fail_type(check, node, place);
    if (node->has_values)
        is_good = check_values(check, node, value, place);
    if ((is_good || check_goes_on(check)) && !check_parts(check, node, value, place))
        is_good = false;
    if ((is_good || check_goes_on(check)) && !check_applied(check, node, value, place))
        is_good = false;
    return is_good && check_unevaluated(check, node, value, place);
}

bool check_node(struct check *check, const struct node *node, const struct hk_json_span *value,
                const struct place *place)
{
    bool is_good;

    if (check->depth == MAX_DEPTH)
        check->budget.n_left = -1;
    if (!budget_spend(&check->budget, 1))
        return false;
    check->depth++;
    is_good = check_rules(check, node, value, place);
    check->depth--;
    return is_good;
}

bool check_quietly(struct check *check, const struct node *node, const struct hk_json_span *value)
{
    bool is_good;

    check->n_quiet++;
    is_good = check_node(check, node, value, NULL);
    check->n_quiet--;
    return is_good;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* By its first byte. */
static enum hk_json_kind kind_of(struct hk_str value)
{
    static const uint8_t kinds[256] = {
        ['{'] = HK_JSON_OBJECT, ['['] = HK_JSON_ARRAY, ['"'] = HK_JSON_STRING,
        ['t'] = HK_JSON_TRUE,   ['f'] = HK_JSON_FALSE, ['n'] = HK_JSON_NULL,
    };
    uint8_t kind = value.n == 0 ? HK_JSON_NULL : kinds[(uint8_t)value.p[0]];

    return kind == 0 ? HK_JSON_NUMBER : (enum hk_json_kind)kind;
}

bool schema_check(const struct schema *schema, struct hk_str value, unsigned max_faults,
                  struct schema_report *ret)
{
    struct hk_json_span span = {kind_of(value), value};
    struct check check = {
        .report = ret,
        .max_faults = max_faults < SCHEMA_MAX_FAULTS ? max_faults : SCHEMA_MAX_FAULTS,
        .budget = {BUDGET_BASE + (int64_t)value.n * BUDGET_PER_BYTE},
    };
    bool is_good;

    ret->n = 0;
    is_good = check_node(&check, schema->root, &span, NULL);
    if (check.budget.n_left >= 0)
        return is_good;
    ret->n = 0;
    check.budget.n_left = 0;
    return check_fail(&check, NULL, "is too much work to check against the schema");
}
