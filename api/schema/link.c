/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.c - what every $ref means: "#", "#/pointer" or "#anchor" inside the document, whose own $id
 * may stand before it. Nothing is fetched.
 */
#include "api/schema/keyword.h"
#include "api/schema/text.h"

enum { MAX_PLACES = HK_JSON_MAX_DEPTH };

/* ---- reading -------------------------------------------------------------------------------- */

static void add_ref(struct compiler *compiler, struct ref **list, struct node *node,
                    struct hk_str inside)
{
    struct ref *ref = compile_alloc(compiler, sizeof(*ref));

    *ref = (struct ref){.node = node, .target = inside, .next = *list};
    *list = ref;
}

bool link_read_id(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                  const struct hk_json_span *value, const struct place *place)
{
    struct hk_str inside = text_inside(value->bytes);

    (void)keyword;
    if (value->kind != HK_JSON_STRING)
        return compile_fail(compiler, place, "must be a string");
    if (compiler->dialect != DRAFT_2020 && inside.n > 0 && inside.p[0] == '#') {
        add_ref(compiler, &compiler->anchors, node,
                (struct hk_str){inside.p + 1, inside.n - 1}); /* what $anchor is now */
        return true;
    }
    if (node != compiler->schema->root)
        return compile_fail(compiler, place, "is supported at the root only");
    compiler->id = inside;
    return true;
}

bool link_read_anchor(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                      const struct hk_json_span *value, const struct place *place)
{
    (void)keyword;
    if (value->kind != HK_JSON_STRING)
        return compile_fail(compiler, place, "must be a string");
    add_ref(compiler, &compiler->anchors, node, text_inside(value->bytes));
    return true;
}

bool link_read_ref(struct compiler *compiler, struct node *node, const struct keyword *keyword,
                   const struct hk_json_span *value, const struct place *place)
{
    (void)keyword;
    if (value->kind != HK_JSON_STRING)
        return compile_fail(compiler, place, "must be a string");
    if (compiler->n_refs++ == SCHEMA_MAX_REFS)
        return compile_fail(compiler, place, "is one reference too many: at most 512");
    add_ref(compiler, &compiler->refs, node, text_inside(value->bytes));
    return true;
}

/* ---- places --------------------------------------------------------------------------------- */

/* Fills in the places from the root down to the value that begins at `p`; how many. */
static unsigned locate(const struct schema *schema, const char *p,
                       struct place places[MAX_PLACES + 1])
{
    struct hk_str bytes = schema->text;
    unsigned n = 0;

    while (bytes.p != p && n < MAX_PLACES) {
        struct hk_json_cursor cursor = {.bytes = bytes};
        struct hk_json_span child = {.bytes = {NULL, 0}};
        struct hk_str quoted = HK_STR_NULL;
        size_t index = 0;

        while (hk_json_next(&cursor, &quoted, &child) && child.bytes.p + child.bytes.n <= p)
            index++;
        places[n] = (struct place){
            .parent = n == 0 ? NULL : &places[n - 1],
            .name = quoted.p == NULL ? HK_STR_NULL : text_inside(quoted),
            .index = index,
        };
        n++;
        if (child.bytes.p == NULL || child.bytes.p > p)
            break;
        bytes = child.bytes;
    }
    return n;
}

/* Fails at a node, or at a keyword of it. */
static bool fail_at(struct compiler *compiler, const struct node *node, struct hk_str keyword,
                    const char *detail)
{
    struct place places[MAX_PLACES + 1];
    unsigned n = locate(compiler->schema, node->text.p, places);
    const struct place *parent = n == 0 ? NULL : &places[n - 1];
    struct place at = {.parent = parent, .name = keyword};

    return compile_fail(compiler, keyword.p == NULL ? parent : &at, detail);
}

/* ---- targets -------------------------------------------------------------------------------- */

/* The string in UTF-8, behind the $id of the document if it begins with it. */
static struct hk_str decode_target(struct compiler *compiler, struct hk_str inside)
{
    char *plain = compile_alloc(compiler, inside.n + 1);
    struct hk_str id = compiler->id;
    size_t n = 0;

    for (size_t at = 0; at < inside.n;)
        n += text_encode(text_next(inside, &at), plain + n);
    if (id.n > 0 && id.p[id.n - 1] == '#')
        id.n--;
    if (id.n > 0 && n >= id.n && memcmp(plain, id.p, id.n) == 0 &&
        (n == id.n || plain[id.n] == '#'))
        return (struct hk_str){plain + id.n, n - id.n};
    return (struct hk_str){plain, n};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* Percent-decodes in place; the length. */
static size_t decode_fragment(char *p, size_t n)
{
    size_t length = 0;

    for (size_t i = 0; i < n; i++) {
        int high = p[i] == '%' && i + 2 < n ? hex_digit(p[i + 1]) : -1;
        int low = high < 0 ? -1 : hex_digit(p[i + 2]);

        if (low < 0) {
            p[length++] = p[i];
        } else {
            p[length++] = (char)(high << 4 | low);
            i += 2;
        }
    }
    return length;
}

/* The value that the part of a pointer names, in place of `value`; false: there is none. */
static bool go_into(struct hk_json_span *value, struct hk_str part)
{
    struct hk_json_cursor cursor = {.bytes = value->bytes};
    bool is_object = value->kind == HK_JSON_OBJECT;
    struct hk_str quoted;
    size_t index = 0;

    for (size_t i = 0; i < part.n && !is_object; i++) {
        if (part.p[i] < '0' || part.p[i] > '9' || part.n > 6)
            return false;
        index = index * 10 + (size_t)(part.p[i] - '0');
    }
    if (!is_object && (value->kind != HK_JSON_ARRAY || part.n == 0))
        return false;
    while (hk_json_next(&cursor, &quoted, value)) {
        if (is_object ? text_eq_plain(text_inside(quoted), part) : index-- == 0)
            return true;
    }
    return false;
}

/* Follows a JSON Pointer, whose ~0 and ~1 are decoded in place. */
static bool follow(struct hk_json_span *value, char *pointer, size_t n)
{
    size_t at = 0;

    while (at < n) {
        char *part = pointer + ++at;
        size_t length = 0;

        for (; at < n && pointer[at] != '/'; at++) {
            part[length] = pointer[at];
            if (pointer[at] == '~' && at + 1 < n)
                part[length] = pointer[++at] == '1' ? '/' : '~';
            length++;
        }
        if (!go_into(value, (struct hk_str){part, length}))
            return false;
    }
    return true;
}

static struct node *find_node(const struct schema *schema, const char *p)
{
    struct node *node = schema->nodes;

    while (node != NULL && node->text.p != p)
        node = node->next;
    return node;
}

static struct node *find_anchor(const struct compiler *compiler, struct hk_str name)
{
    const struct ref *anchor = compiler->anchors;

    while (anchor != NULL && !text_eq_plain(anchor->target, name))
        anchor = anchor->next;
    return anchor == NULL ? NULL : anchor->node;
}

/* A place that no keyword told us to be a schema's is one when a $ref says so. */
static struct node *find_target(struct compiler *compiler, const struct ref *ref)
{
    const struct schema *schema = compiler->schema;
    struct hk_json_span value = {HK_JSON_OBJECT, schema->text};
    struct hk_str target = decode_target(compiler, ref->target);
    struct place places[MAX_PLACES + 1];
    struct node *node;
    bool is_found;
    char *fragment;
    unsigned n;
    size_t length;

    if (target.n > 0 && target.p[0] != '#') {
        (void)fail_at(compiler, ref->node, HK_STR("$ref"),
                      "points outside of the schema, which is not supported");
        return NULL;
    }
    if (target.n <= 1)
        return schema->root;
    fragment = compile_alloc(compiler, target.n);
    memcpy(fragment, target.p + 1, target.n - 1);
    length = decode_fragment(fragment, target.n - 1);
    if (length == 0 || fragment[0] != '/') {
        node = find_anchor(compiler, (struct hk_str){fragment, length});
    } else {
        is_found = follow(&value, fragment, length);
        node = is_found ? find_node(schema, value.bytes.p) : NULL;
        if (is_found && node == NULL) {
            n = locate(schema, value.bytes.p, places);
            return compile_node(compiler, &value, n == 0 ? NULL : &places[n - 1]);
        }
    }
    if (node == NULL)
        (void)fail_at(compiler, ref->node, HK_STR("$ref"), "points at nothing that is a schema");
    return node;
}

/* ---- circles -------------------------------------------------------------------------------- */

static bool measure(struct compiler *compiler, struct node *node, unsigned depth);

static bool measure_child(struct compiler *compiler, struct node *node, struct node *child,
                          unsigned depth)
{
    if (child == NULL)
        return true;
    if (!measure(compiler, child, depth + 1))
        return false;
    if (node->height <= child->height)
        node->height = (uint8_t)(child->height + 1);
    return true;
}

/* The longest way from a node to others that apply to the same value: it has an end, and soon. */
static bool measure(struct compiler *compiler, struct node *node, unsigned depth)
{
    const struct node_list *lists[] = {&node->all_of, &node->any_of, &node->one_of};
    struct node *const children[] = {node->ref, node->negated, node->condition, node->consequence,
                                     node->alternative};

    if (node->height_state == HEIGHT_UNDER_WAY)
        return fail_at(compiler, node, HK_STR_NULL, "leads to itself without going into the value");
    if (depth + node->height > SCHEMA_MAX_CHAIN)
        return fail_at(compiler, node, HK_STR_NULL,
                       "is behind more than 32 schemas that apply to the same value");
    if (node->height_state == HEIGHT_KNOWN)
        return true;
    node->height_state = HEIGHT_UNDER_WAY;
    for (size_t i = 0; i < HK_COUNTOF(children); i++) {
        if (!measure_child(compiler, node, children[i], depth))
            return false;
    }
    for (size_t i = 0; i < HK_COUNTOF(lists); i++) {
        for (unsigned k = 0; k < lists[i]->n; k++) {
            if (!measure_child(compiler, node, lists[i]->nodes[k], depth))
                return false;
        }
    }
    for (const struct dependent *d = node->dependents; d != NULL; d = d->next) {
        if (!measure_child(compiler, node, d->node, depth))
            return false;
    }
    node->height_state = HEIGHT_KNOWN;
    return true;
}

bool link_refs(struct compiler *compiler)
{
    while (compiler->refs != NULL) { /* finding a target may add more */
        struct ref *ref = compiler->refs;

        compiler->refs = ref->next;
        ref->node->ref = find_target(compiler, ref);
        if (ref->node->ref == NULL)
            return false;
    }
    for (struct node *node = compiler->schema->nodes; node != NULL; node = node->next) {
        if (!measure(compiler, node, 0))
            return false;
    }
    return true;
}
