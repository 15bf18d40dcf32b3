/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyword.c - a reader for each kind of operand, and at the end the table that says which keyword
 * has which. A keyword that is not in the table is an annotation and means nothing here.
 */
#include "api/schema/keyword.h"

#include "api/schema/text.h"

static void *slot(struct node *node, const struct keyword *keyword)
{
    return (char *)node + keyword->offset;
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

static bool read_flag(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                      const struct hk_json_span *value, const struct place *place)
{
    if (value->kind != HK_JSON_TRUE && value->kind != HK_JSON_FALSE)
        return compile_fail(compiler, place, "must be true or false");
    *(bool *)slot(node, keyword) = value->kind == HK_JSON_TRUE;
    return true;
}

static bool read_count(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                       const struct hk_json_span *value, const struct place *place)
{
    struct decimal number = decimal_parse(value->bytes);

    if (value->kind != HK_JSON_NUMBER || !decimal_to_count(&number, slot(node, keyword)))
        return compile_fail(compiler, place, "must be an integer that is not negative");
    return true;
}

static bool read_limit(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                       const struct hk_json_span *value, const struct place *place)
{
    struct limit *limit = slot(node, keyword);

    if (value->kind != HK_JSON_NUMBER)
        return compile_fail(compiler, place, "must be a number");
    *limit = (struct limit){true, value->bytes, decimal_parse(value->bytes)};
    return true;
}

static bool read_divisor(struct compiler *compiler, struct node *node,
                         const struct keyword *keyword, const struct hk_json_span *value,
                         const struct place *place)
{
    const struct decimal *number = &node->multiple_of.number;

    if (!read_limit(compiler, node, keyword, value, place))
        return false;
    if (number->n_digits == 0 || number->is_negative)
        return compile_fail(compiler, place, "must be above 0");
    if (number->n_digits > DECIMAL_MAX_DIVISOR_DIGITS)
        return compile_fail(compiler, place, "must not have more than 18 digits");
    return true;
}

/* Adds a type by its name; false: there is none. */
static bool add_type(struct node *node, const struct hk_json_span *value)
{
    static const struct {
        const char *name;
        unsigned type;
    } types[] = {
        {"null", TYPE_NULL},       {"boolean", TYPE_BOOLEAN}, {"object", TYPE_OBJECT},
        {"array", TYPE_ARRAY},     {"number", TYPE_NUMBER},   {"string", TYPE_STRING},
        {"integer", TYPE_INTEGER},
    };

    for (size_t i = 0; value->kind == HK_JSON_STRING && i < HK_COUNTOF(types); i++) {
        if (hk_json_string_eq(value->bytes, types[i].name)) {
            node->types |= types[i].type;
            return true;
        }
    }
    return false;
}

static bool read_type(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                      const struct hk_json_span *value, const struct place *place)
{
    static const char detail[] = "must be a type, or an array of types: null, boolean, object, "
                                 "array, number, string, integer";
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span element;
    struct hk_str name;
    bool is_good = value->kind == HK_JSON_ARRAY || add_type(node, value);

    (void)keyword;
    while (is_good && value->kind == HK_JSON_ARRAY && hk_json_next(&cursor, &name, &element))
        is_good = add_type(node, &element);
    return is_good && node->types != 0 ? true : compile_fail(compiler, place, detail);
}

/* A value that has to be the one of them, beside an enum's: both are looked at as if in allOf. */
static bool read_const(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                       const struct hk_json_span *value, const struct place *place)
{
    struct hk_json_span *copy;

    (void)keyword;
    if (node->has_values)
        return compile_fail(compiler, place, "stands beside an enum: one of them is enough");
    copy = compile_alloc(compiler, sizeof(*copy));
    *copy = *value;
    node->has_values = true;
    node->n_values = 1;
    node->values = copy;
    return true;
}

static bool read_enum(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                      const struct hk_json_span *value, const struct place *place)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span element;
    struct hk_str name;

    (void)keyword;
    if (value->kind != HK_JSON_ARRAY)
        return compile_fail(compiler, place, "must be an array");
    if (node->has_values)
        return compile_fail(compiler, place, "stands beside a const: one of them is enough");
    node->has_values = true;
    node->values = compile_alloc(compiler, (count(value) + 1) * sizeof(*node->values));
    while (hk_json_next(&cursor, &name, &element))
        node->values[node->n_values++] = element;
    return true;
}

static void *alloc_pattern(void *arg, size_t n)
{
    return compile_alloc(arg, n);
}

/* NULL: failed. */
static const struct pattern *add_pattern(struct compiler *compiler, struct hk_str quoted,
                                         const struct place *place)
{
    const char *reason;
    const struct pattern *pattern =
        pattern_compile(text_inside(quoted), alloc_pattern, compiler, &reason);

    if (pattern == NULL) {
        (void)compile_fail(compiler, place, reason);
        return NULL;
    }
    compiler->n_ops += pattern_n_ops(pattern);
    if (compiler->n_ops > SCHEMA_MAX_OPS) {
        (void)compile_fail(compiler, place, "is one pattern too many: together they are too large");
        return NULL;
    }
    return pattern;
}

/* For a sentence about it. */
static struct hk_str decode(struct compiler *compiler, struct hk_str inside)
{
    char *plain = compile_alloc(compiler, inside.n + 1);
    size_t n = 0;

    for (size_t at = 0; at < inside.n;)
        n += text_encode(text_next(inside, &at), plain + n);
    return (struct hk_str){plain, n};
}

static bool read_pattern(struct compiler *compiler, struct node *node,
                         const struct keyword *keyword, const struct hk_json_span *value,
                         const struct place *place)
{
    (void)keyword;
    if (value->kind != HK_JSON_STRING)
        return compile_fail(compiler, place, "must be a string");
    node->pattern_text = decode(compiler, text_inside(value->bytes));
    node->pattern = add_pattern(compiler, value->bytes, place);
    return node->pattern != NULL;
}

static bool read_node(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                      const struct hk_json_span *value, const struct place *place)
{
    struct node *child = compile_node(compiler, value, place);

    *(struct node **)slot(node, keyword) = child;
    return child != NULL;
}

static bool read_nodes(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                       const struct hk_json_span *value, const struct place *place)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct node_list *list = slot(node, keyword);
    size_t n = value->kind == HK_JSON_ARRAY ? count(value) : 0;
    struct hk_json_span element;
    struct hk_str name;

    if (n == 0)
        return compile_fail(compiler, place, "must be an array of one schema at least");
    list->nodes = compile_alloc(compiler, n * sizeof(struct node *));
    while (hk_json_next(&cursor, &name, &element)) {
        struct place at = {.parent = place, .index = list->n};

        list->nodes[list->n] = compile_node(compiler, &element, &at);
        if (list->nodes[list->n++] == NULL)
            return false;
    }
    return true;
}

/* Before 2020-12 an array of schemas is what prefixItems is now, and then additionalItems counts.
 */
static bool read_items(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                       const struct hk_json_span *value, const struct place *place)
{
    static const struct keyword prefix = {.offset = offsetof(struct node, prefix_items)};

    if (value->kind != HK_JSON_ARRAY)
        return read_node(compiler, node, keyword, value, place);
    if (compiler->dialect == DRAFT_2020)
        return compile_fail(compiler, place, "must be a schema; an array of them is prefixItems");
    return count(value) == 0 || read_nodes(compiler, node, &prefix, value, place);
}

static bool read_additional_items(struct compiler *compiler, struct node *node,
                                  const struct keyword *keyword, const struct hk_json_span *value,
                                  const struct place *place)
{
    struct hk_json_cursor cursor = {.bytes = node->text};
    struct hk_json_span member;
    struct hk_str name;

    while (hk_json_next(&cursor, &name, &member)) {
        if (hk_json_string_eq(name, "items") && member.kind == HK_JSON_ARRAY)
            return read_node(compiler, node, keyword, value, place);
    }
    return true; /* means nothing without an array of items */
}

static bool read_names(struct compiler *compiler, struct node *node,
                       const struct hk_json_span *value, const struct place *place,
                       struct name_list *ret)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span element;
    struct hk_str ignored;

    if (value->kind != HK_JSON_ARRAY)
        return compile_fail(compiler, place, "must be an array of names");
    ret->indexes = compile_alloc(compiler, (count(value) + 1) * sizeof(*ret->indexes));
    while (hk_json_next(&cursor, &ignored, &element)) {
        struct place at = {.parent = place, .index = ret->n};
        const struct name *name;

        if (element.kind != HK_JSON_STRING)
            return compile_fail(compiler, &at, "must be a string");
        name = names_add(compiler, node, text_inside(element.bytes), &at);
        if (name == NULL)
            return false;
        ret->indexes[ret->n++] = (uint16_t)name->index;
    }
    return true;
}

static bool read_required(struct compiler *compiler, struct node *node,
                          const struct keyword *keyword, const struct hk_json_span *value,
                          const struct place *place)
{
    return read_names(compiler, node, value, place, slot(node, keyword));
}

/* ---- members of an operand that is an object ------------------------------------------------- */

typedef bool read_member_fn(struct compiler *compiler, struct node *node, struct hk_str quoted,
                            const struct hk_json_span *value, const struct place *place);

static bool read_members(struct compiler *compiler, struct node *node,
                         const struct hk_json_span *value, const struct place *place,
                         read_member_fn *read_member)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    struct hk_json_span member;
    struct hk_str name;

    if (value->kind != HK_JSON_OBJECT)
        return compile_fail(compiler, place, "must be an object");
    while (hk_json_next(&cursor, &name, &member)) {
        struct place at = {.parent = place, .name = text_inside(name)};

        if (!read_member(compiler, node, name, &member, &at))
            return false;
    }
    return true;
}

static bool read_property(struct compiler *compiler, struct node *node, struct hk_str quoted,
                          const struct hk_json_span *value, const struct place *place)
{
    struct name *name = names_add(compiler, node, text_inside(quoted), place);

    if (name == NULL)
        return false;
    if (name->property != NULL)
        return compile_fail(compiler, place, "appears twice");
    name->property = compile_node(compiler, value, place);
    return name->property != NULL;
}

static bool read_pattern_property(struct compiler *compiler, struct node *node,
                                  struct hk_str quoted, const struct hk_json_span *value,
                                  const struct place *place)
{
    struct pattern_property *property = compile_alloc(compiler, sizeof(*property));

    property->pattern = add_pattern(compiler, quoted, place);
    if (property->pattern == NULL)
        return false;
    property->node = compile_node(compiler, value, place);
    property->next = node->pattern_properties;
    node->pattern_properties = property;
    return property->node != NULL;
}

static bool read_dependent(struct compiler *compiler, struct node *node, struct hk_str quoted,
                           const struct hk_json_span *value, const struct place *place)
{
    const struct name *name = names_add(compiler, node, text_inside(quoted), place);
    struct dependent *dependent = compile_alloc(compiler, sizeof(*dependent));

    if (name == NULL)
        return false;
    dependent->name = name->index;
    dependent->next = node->dependents;
    node->dependents = dependent;
    if (value->kind == HK_JSON_ARRAY)
        return read_names(compiler, node, value, place, &dependent->required);
    dependent->node = compile_node(compiler, value, place);
    return dependent->node != NULL;
}

/* 2020-12 has a keyword for each of both. */
static bool read_dependent_required(struct compiler *compiler, struct node *node,
                                    struct hk_str quoted, const struct hk_json_span *value,
                                    const struct place *place)
{
    return value->kind == HK_JSON_ARRAY
               ? read_dependent(compiler, node, quoted, value, place)
               : compile_fail(compiler, place, "must be an array of names");
}

static bool read_dependent_schema(struct compiler *compiler, struct node *node,
                                  struct hk_str quoted, const struct hk_json_span *value,
                                  const struct place *place)
{
    return value->kind != HK_JSON_ARRAY ? read_dependent(compiler, node, quoted, value, place)
                                        : compile_fail(compiler, place, "must be a schema");
}

/* Compiled, so that they are known to be schemas; a $ref finds them by their place. */
static bool read_definition(struct compiler *compiler, struct node *node, struct hk_str quoted,
                            const struct hk_json_span *value, const struct place *place)
{
    (void)node;
    (void)quoted;
    return compile_node(compiler, value, place) != NULL;
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool read_properties(struct compiler *compiler, struct node *node,
                            const struct keyword *keyword, const struct hk_json_span *value,
                            const struct place *place)
{
    (void)keyword;
    return read_members(compiler, node, value, place, read_property);
}

static bool read_pattern_properties(struct compiler *compiler, struct node *node,
                                    const struct keyword *keyword, const struct hk_json_span *value,
                                    const struct place *place)
{
    (void)keyword;
    return read_members(compiler, node, value, place, read_pattern_property);
}

static bool read_dependents(struct compiler *compiler, struct node *node,
                            const struct keyword *keyword, const struct hk_json_span *value,
                            const struct place *place)
{
    read_member_fn *read_member = strcmp(keyword->name, "dependencies") == 0 ? read_dependent
                                  : strcmp(keyword->name, "dependentRequired") == 0
                                      ? read_dependent_required
                                      : read_dependent_schema;

    return read_members(compiler, node, value, place, read_member);
}

static bool read_definitions(struct compiler *compiler, struct node *node,
                             const struct keyword *keyword, const struct hk_json_span *value,
                             const struct place *place)
{
    (void)keyword;
    return read_members(compiler, node, value, place, read_definition);
}

#define AT(member) offsetof(struct node, member)
#define NUMBERS    AT(has_number_rules)
#define STRINGS    AT(has_string_rules)
#define ARRAYS     AT(has_array_rules)
#define OBJECTS    AT(has_object_rules)

/* clang-format off */
static const struct keyword keywords[] = {
    {"$id", DRAFT_ALL, link_read_id, 0, 0},
    {"$anchor", DRAFT_2020, link_read_anchor, 0, 0},
    {"$ref", DRAFT_ALL, link_read_ref, 0, 0},
    {"$defs", DRAFT_ALL, read_definitions, 0, 0},
    {"definitions", DRAFT_ALL, read_definitions, 0, 0},

    {"type", DRAFT_ALL, read_type, 0, 0},
    {"enum", DRAFT_ALL, read_enum, 0, 0},
    {"const", DRAFT_ALL, read_const, 0, 0},
    {"allOf", DRAFT_ALL, read_nodes, AT(all_of), 0},
    {"anyOf", DRAFT_ALL, read_nodes, AT(any_of), 0},
    {"oneOf", DRAFT_ALL, read_nodes, AT(one_of), 0},
    {"not", DRAFT_ALL, read_node, AT(negated), 0},
    {"if", DRAFT_7 | DRAFT_2020, read_node, AT(condition), 0},
    {"then", DRAFT_7 | DRAFT_2020, read_node, AT(consequence), 0},
    {"else", DRAFT_7 | DRAFT_2020, read_node, AT(alternative), 0},

    {"minimum", DRAFT_ALL, read_limit, AT(minimum), NUMBERS},
    {"exclusiveMinimum", DRAFT_ALL, read_limit, AT(exclusive_minimum), NUMBERS},
    {"maximum", DRAFT_ALL, read_limit, AT(maximum), NUMBERS},
    {"exclusiveMaximum", DRAFT_ALL, read_limit, AT(exclusive_maximum), NUMBERS},
    {"multipleOf", DRAFT_ALL, read_divisor, AT(multiple_of), NUMBERS},

    {"minLength", DRAFT_ALL, read_count, AT(min_length), STRINGS},
    {"maxLength", DRAFT_ALL, read_count, AT(max_length), STRINGS},
    {"pattern", DRAFT_ALL, read_pattern, 0, STRINGS},

    {"prefixItems", DRAFT_2020, read_nodes, AT(prefix_items), ARRAYS},
    {"items", DRAFT_ALL, read_items, AT(items), ARRAYS},
    {"additionalItems", DRAFT_OLD, read_additional_items, AT(items), ARRAYS},
    {"contains", DRAFT_ALL, read_node, AT(contains), ARRAYS},
    {"minContains", DRAFT_2020, read_count, AT(min_contains), 0},
    {"maxContains", DRAFT_2020, read_count, AT(max_contains), 0},
    {"minItems", DRAFT_ALL, read_count, AT(min_items), ARRAYS},
    {"maxItems", DRAFT_ALL, read_count, AT(max_items), ARRAYS},
    {"uniqueItems", DRAFT_ALL, read_flag, AT(wants_unique), ARRAYS},
    {"unevaluatedItems", DRAFT_2020, read_node, AT(unevaluated_items), 0},

    {"properties", DRAFT_ALL, read_properties, 0, OBJECTS},
    {"patternProperties", DRAFT_ALL, read_pattern_properties, 0, OBJECTS},
    {"additionalProperties", DRAFT_ALL, read_node, AT(additional_properties), OBJECTS},
    {"propertyNames", DRAFT_ALL, read_node, AT(property_names), OBJECTS},
    {"required", DRAFT_ALL, read_required, AT(required), OBJECTS},
    {"minProperties", DRAFT_ALL, read_count, AT(min_properties), OBJECTS},
    {"maxProperties", DRAFT_ALL, read_count, AT(max_properties), OBJECTS},
    {"dependencies", DRAFT_OLD, read_dependents, 0, OBJECTS},
    {"dependentRequired", DRAFT_2020, read_dependents, 0, OBJECTS},
    {"dependentSchemas", DRAFT_2020, read_dependents, 0, OBJECTS},
    {"unevaluatedProperties", DRAFT_2020, read_node, AT(unevaluated_properties), 0},

    {"$dynamicRef", 0, NULL, 0, 0}, {"$dynamicAnchor", 0, NULL, 0, 0},
    {"$recursiveRef", 0, NULL, 0, 0}, {"$recursiveAnchor", 0, NULL, 0, 0},
    {"$vocabulary", 0, NULL, 0, 0},
    {"divisibleBy", 0, NULL, 0, 0}, {"disallow", 0, NULL, 0, 0}, {"extends", 0, NULL, 0, 0},
    {"nullable", 0, NULL, 0, 0}, /* of OpenAPI 3.0 */
};
/* clang-format on */

_Static_assert(HK_COUNTOF(keywords) <= KEYWORD_MAX, "one bit for each");

const struct keyword *keyword_find(struct hk_str quoted, unsigned *ret_index)
{
    for (unsigned i = 0; i < HK_COUNTOF(keywords); i++) {
        if (hk_json_string_eq(quoted, keywords[i].name)) {
            *ret_index = i;
            return &keywords[i];
        }
    }
    return NULL;
}
