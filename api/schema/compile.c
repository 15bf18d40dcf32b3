/* SPDX-License-Identifier: Apache-2.0 */
/* compile.c - from a schema's text to nodes: the walk over the text, and the memory of it all. */
#include <stdlib.h>

#include "api/schema/keyword.h"
#include "api/schema/text.h"

void *compile_alloc(struct compiler *compiler, size_t n)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk) + n);

    if (chunk == NULL)
        abort();
    chunk->next = compiler->schema->chunks;
    compiler->schema->chunks = chunk;
    compiler->schema->size += sizeof(*chunk) + n + 16; /* malloc's own */
    return chunk + 1;
}

bool compile_fail(struct compiler *compiler, const struct place *place, const char *detail)
{
    struct hk_error *reterr = compiler->reterr;

    if (reterr == NULL || reterr->code != HK_OK)
        return false;
    (void)hk_fail(reterr, HK_INVALID_BODY, "", "%s", detail);
    place_write(place, reterr->pointer, sizeof(reterr->pointer));
    return false;
}

/* ---- names ---------------------------------------------------------------------------------- */

struct name *names_add(struct compiler *compiler, struct node *node, struct hk_str inside,
                       const struct place *place)
{
    uint32_t hash = text_hash(inside);
    struct name *name;

    for (name = node->names; name != NULL; name = name->next) {
        if (name->hash == hash && text_eq(name->inside, inside))
            return name;
    }
    if (node->n_names == SCHEMA_MAX_NAMES) {
        (void)compile_fail(compiler, place, "mentions too many names");
        return NULL;
    }
    name = compile_alloc(compiler, sizeof(*name));
    *name = (struct name){
        .inside = inside, .hash = hash, .index = node->n_names++, .next = node->names};
    node->names = name;
    return name;
}

void names_finish(struct compiler *compiler, struct node *node)
{
    struct name *name = node->names, *next;

    if (node->n_names == 0)
        return;
    node->n_buckets = 1;
    while (node->n_buckets < node->n_names)
        node->n_buckets *= 2;
    node->buckets = compile_alloc(compiler, node->n_buckets * sizeof(struct name *));
    node->by_index = compile_alloc(compiler, node->n_names * sizeof(struct name *));
    for (; name != NULL; name = next) {
        struct name **bucket = &node->buckets[name->hash & (node->n_buckets - 1)];

        next = name->next;
        node->by_index[name->index] = name;
        name->next = *bucket;
        *bucket = name;
    }
    node->names = NULL;
}

const struct name *names_find(const struct node *node, struct hk_str inside)
{
    uint32_t hash;
    const struct name *name;

    if (node->n_buckets == 0)
        return NULL;
    hash = text_hash(inside);
    name = node->buckets[hash & (node->n_buckets - 1)];
    while (name != NULL && (name->hash != hash || !text_eq(name->inside, inside)))
        name = name->next;
    return name;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static bool has_member(const struct hk_json_span *object, const char *name,
                       struct hk_json_span *ret)
{
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct hk_str quoted;

    while (hk_json_next(&cursor, &quoted, ret)) {
        if (hk_json_string_eq(quoted, name))
            return true;
    }
    return false;
}

static bool read_keyword(struct compiler *compiler, struct node *node, struct hk_str quoted,
                         const struct hk_json_span *value, const struct place *place,
                         uint64_t *seen)
{
    struct place at = {.parent = place, .name = text_inside(quoted)};
    unsigned index;
    const struct keyword *keyword = keyword_find(quoted, &index);

    if (keyword == NULL)
        return true;
    if (keyword->dialects == 0)
        return compile_fail(compiler, &at, "is not supported");
    if ((keyword->dialects & compiler->dialect) == 0)
        return compile_fail(compiler, &at, "is not a keyword of the draft that $schema names");
    if ((*seen & UINT64_C(1) << index) != 0)
        return compile_fail(compiler, &at, "appears twice");
    *seen |= UINT64_C(1) << index;
    if (keyword->about != 0)
        *(bool *)((char *)node + keyword->about) = true;
    return keyword->read(compiler, node, keyword, value, &at);
}

static bool read_keywords(struct compiler *compiler, struct node *node,
                          const struct hk_json_span *span, const struct place *place)
{
    struct hk_json_cursor cursor = {.bytes = span->bytes};
    struct hk_json_span value;
    struct hk_str quoted;
    uint64_t seen = 0;
    bool is_ref_only = (compiler->dialect & DRAFT_OLD) != 0 && has_member(span, "$ref", &value);

    while (hk_json_next(&cursor, &quoted, &value)) {
        if (is_ref_only && !hk_json_string_eq(quoted, "$ref"))
            continue;
        if (!read_keyword(compiler, node, quoted, &value, place, &seen))
            return false;
    }
    return true;
}

static struct node *add_node(struct compiler *compiler, const struct hk_json_span *span)
{
    struct schema *schema = compiler->schema;
    struct node *node = compile_alloc(compiler, sizeof(*node));

    node->text = span->bytes;
    node->max_length = node->max_items = node->max_contains = node->max_properties = UINT64_MAX;
    node->min_contains = 1;
    node->is_never = span->kind == HK_JSON_FALSE;
    node->next = schema->nodes;
    schema->nodes = node;
    schema->n_nodes++;
    if (schema->root == NULL)
        schema->root = node;
    return node;
}

struct node *compile_node(struct compiler *compiler, const struct hk_json_span *span,
                          const struct place *place)
{
    struct node *node;
    bool is_good = true;

    if (span->kind != HK_JSON_OBJECT && span->kind != HK_JSON_TRUE && span->kind != HK_JSON_FALSE)
        is_good = compile_fail(compiler, place, "must be a schema: an object, true or false");
    else if (compiler->depth == SCHEMA_MAX_DEPTH)
        is_good = compile_fail(compiler, place, "is too deep: at most 32 schemas in one another");
    else if (compiler->schema->n_nodes == SCHEMA_MAX_NODES)
        is_good = compile_fail(compiler, place, "is one schema too many: at most 2048 in all");
    if (!is_good)
        return NULL;

    node = add_node(compiler, span);
    if (span->kind == HK_JSON_OBJECT) {
        compiler->depth++;
        is_good = read_keywords(compiler, node, span, place);
        compiler->depth--;
        names_finish(compiler, node);
    }
    return is_good ? node : NULL;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* By the root's $schema; 2020-12 when there is none. */
static bool find_dialect(struct compiler *compiler, const struct hk_json_span *root)
{
    static const struct {
        const char *uri;
        unsigned dialect;
    } dialects[] = {
        {"https://json-schema.org/draft/2020-12/schema", DRAFT_2020},
        {"http://json-schema.org/draft-07/schema", DRAFT_7},
        {"http://json-schema.org/draft-06/schema", DRAFT_6},
    };
    struct place at = {.name = HK_STR("$schema")};
    struct hk_json_span value;

    compiler->dialect = DRAFT_2020;
    if (!has_member(root, "$schema", &value))
        return true;
    for (size_t i = 0; value.kind == HK_JSON_STRING && i < HK_COUNTOF(dialects); i++) {
        struct hk_str uri = text_inside(value.bytes);

        if (uri.n > 0 && uri.p[uri.n - 1] == '#')
            uri.n--;
        if (text_eq_plain(uri, hk_str(dialects[i].uri))) {
            compiler->dialect = dialects[i].dialect;
            return true;
        }
    }
    return compile_fail(compiler, &at, "must be the URI of draft 2020-12, draft-07 or draft-06");
}

static bool compile(struct compiler *compiler, struct hk_str text)
{
    struct schema *schema = compiler->schema;
    struct hk_json_span span;
    size_t at;
    char *copy;

    if (text.n > SCHEMA_MAX_BYTES)
        return compile_fail(compiler, NULL, "is too long: at most 32768 bytes");
    copy = compile_alloc(compiler, text.n + 1);
    memcpy(copy, text.p, text.n);
    schema->text = (struct hk_str){copy, text.n};
    if (!hk_json_scan(schema->text, &span, &at))
        return compile_fail(compiler, NULL, "is not well-formed JSON, or too deep");
    schema->text = span.bytes;
    if (span.kind == HK_JSON_OBJECT && !find_dialect(compiler, &span))
        return false;
    return compile_node(compiler, &span, NULL) != NULL && link_refs(compiler);
}

struct schema *schema_compile(struct hk_str text, struct hk_error *reterr)
{
    struct hk_error error = {.code = HK_OK};
    struct compiler compiler = {.dialect = DRAFT_2020, .reterr = &error};

    compiler.schema = calloc(1, sizeof(*compiler.schema));
    if (compiler.schema == NULL)
        abort();
    if (compile(&compiler, text))
        return compiler.schema;
    schema_free(compiler.schema);
    if (reterr != NULL)
        *reterr = error;
    return NULL;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    while (schema->chunks != NULL) {
        struct chunk *chunk = schema->chunks;

        schema->chunks = chunk->next;
        free(chunk);
    }
    free(schema);
}

struct hk_str schema_text(const struct schema *schema)
{
    return schema->text;
}

size_t schema_size(const struct schema *schema)
{
    return sizeof(*schema) + schema->size;
}
