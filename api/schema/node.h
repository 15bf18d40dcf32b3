/* SPDX-License-Identifier: Apache-2.0 */
/* api/schema/node.h - a compiled schema. Private to the .c files of this folder. */
#ifndef API_SCHEMA_NODE_H
#define API_SCHEMA_NODE_H

#include "api/schema/decimal.h"
#include "api/schema/pattern.h"
#include "api/schema/place.h"
#include "api/schema/schema.h"

enum {
    TYPE_NULL = 1u << 0,
    TYPE_BOOLEAN = 1u << 1,
    TYPE_OBJECT = 1u << 2,
    TYPE_ARRAY = 1u << 3,
    TYPE_NUMBER = 1u << 4,
    TYPE_STRING = 1u << 5,
    TYPE_INTEGER = 1u << 6,
};

struct node;

struct node_list {
    unsigned n;
    struct node **nodes;
};

/* Indexes into a node's names. */
struct name_list {
    unsigned n;
    uint16_t *indexes;
};

/* A member's name that a node mentions anywhere. */
struct name {
    struct hk_str inside;
    uint32_t hash;
    unsigned index;
    struct node *property; /* or NULL */
    struct name *next;     /* of the node, while it is compiled; then of the bucket */
};

/* What the presence of a member demands: dependentRequired, dependentSchemas, dependencies. */
struct dependent {
    unsigned name;
    struct name_list required;
    struct node *node; /* or NULL */
    struct dependent *next;
};

struct pattern_property {
    const struct pattern *pattern;
    struct node *node;
    struct pattern_property *next;
};

struct limit {
    bool is_set;
    struct hk_str text; /* as the schema has it */
    struct decimal number;
};

/* One schema. Nodes, lists and patterns are in the arena of struct schema. */
struct node {
    struct hk_str text; /* its place in the schema's text */
    struct node *next;  /* all nodes, the last one first */
    uint8_t height;     /* nodes that apply to the same value behind this one; see link.c */
    enum { HEIGHT_UNKNOWN, HEIGHT_UNDER_WAY, HEIGHT_KNOWN } height_state;

    bool is_never;  /* the schema `false` */
    unsigned types; /* TYPE_...; 0: any */
    bool has_number_rules, has_string_rules, has_array_rules, has_object_rules;
    bool has_values; /* const or enum */
    unsigned n_values;
    struct hk_json_span *values;

    struct limit minimum, exclusive_minimum, maximum, exclusive_maximum, multiple_of;

    uint64_t min_length, max_length;
    const struct pattern *pattern;
    struct hk_str pattern_text;

    struct node_list prefix_items;
    struct node *items; /* behind the prefix */
    struct node *contains;
    uint64_t min_contains, max_contains;
    uint64_t min_items, max_items;
    bool wants_unique;
    struct node *unevaluated_items;

    unsigned n_names, n_buckets;
    struct name *names;    /* while it is compiled */
    struct name **buckets; /* n_buckets, a power of 2, or NULL */
    struct name **by_index;
    struct name_list required;
    struct dependent *dependents;
    struct pattern_property *pattern_properties;
    struct node *additional_properties, *property_names, *unevaluated_properties;
    uint64_t min_properties, max_properties;

    struct node *ref;
    struct node_list all_of, any_of, one_of;
    struct node *negated, *condition, *consequence, *alternative; /* not, if, then, else */
};

struct chunk {
    struct chunk *next;
};

struct schema {
    struct chunk *chunks;
    size_t size;
    struct hk_str text;
    struct node *root;
    struct node *nodes;
    unsigned n_nodes;
};

/* What the text of a $ref or an $anchor becomes. */
struct ref {
    struct node *node;    /* that has the $ref, or that the anchor names */
    struct hk_str target; /* between its quotes */
    struct ref *next;
};

struct compiler {
    struct schema *schema;
    unsigned dialect;
    unsigned depth;
    unsigned n_refs, n_ops;
    struct hk_str id; /* of the document, or .p NULL */
    struct ref *refs, *anchors;
    struct hk_error *reterr;
};

/* Zeroed memory of the schema's arena. */
void *compile_alloc(struct compiler *compiler, size_t n);

/* Fills the error, the first one only, and returns false. */
bool compile_fail(struct compiler *compiler, const struct place *place, const char *detail);

/* Reads a schema of the text; NULL: failed. */
struct node *compile_node(struct compiler *compiler, const struct hk_json_span *span,
                          const struct place *place);

/* The name's entry of a node, made when there is none; NULL: failed. */
struct name *names_add(struct compiler *compiler, struct node *node, struct hk_str inside,
                       const struct place *place);
void names_finish(struct compiler *compiler, struct node *node);
const struct name *names_find(const struct node *node, struct hk_str inside);

/* Finds what every $ref means, and refuses schemas that go round in circles. */
bool link_refs(struct compiler *compiler);

/* ---- checking ---- */

struct check {
    struct schema_report *report;
    unsigned max_faults;
    struct budget budget;
    unsigned depth;
    unsigned n_quiet; /* above 0: only whether, not why */
};

bool check_node(struct check *check, const struct node *node, const struct hk_json_span *value,
                const struct place *place);

/* Whether it holds, without a word about why not. */
bool check_quietly(struct check *check, const struct node *node, const struct hk_json_span *value);

/* Reports a fault (a printf format) and returns false. */
bool check_fail(struct check *check, const struct place *place, const char *detail, ...)
    HK_PRINTF(3, 4);

/* Whether there is any use in looking for more faults. */
bool check_goes_on(const struct check *check);

/* The elements or members that no other part of the node has looked at. */
bool check_unevaluated(struct check *check, const struct node *node,
                       const struct hk_json_span *value, const struct place *place);

#endif
