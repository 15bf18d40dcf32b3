/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents come from outside: each chain of references and each nesting has a limit, components
 * are walked by a list of what is pending and not by recursion, and what a schema gathers is
 * counted before it is copied.
 */
#include "api/schema/openapi_import.h"

#include <stdarg.h>
#include <stdio.h>

#include <jansson.h>

#include "api/resources/checks.h"

#define SCHEMAS "#/components/schemas/"

enum { MAX_DEPTH = 64, MAX_HOPS = 8, MAX_COMPONENT_NAME = 256 };

/* An import under way, at the webhook `name`. */
struct import {
    json_t *document;
    const char *name;
    struct hk_error *reterr;
};

/* A schema that is made to stand alone. */
struct bundle {
    struct import *import;
    json_t *defs;    /* copies of components, by name */
    json_t *pending; /* names of those that have not been walked yet, in order */
    size_t n_bytes;  /* of the schema and of `defs`, about */
};

static enum hk_code HK_PRINTF(2, 3) refuse(struct import *import, const char *format, ...)
{
    char detail[sizeof(import->reterr->detail)];
    char pointer[sizeof(import->reterr->pointer)];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    (void)snprintf(pointer, sizeof(pointer), "/webhooks%s%s", import->name == NULL ? "" : "/",
                   import->name == NULL ? "" : import->name);
    return hk_fail(import->reterr, HK_INVALID_BODY, pointer, "%s", detail);
}

/* ---- references ---- */

/* Whether `name` stands among the `n` names. */
static bool is_one_of(const char *name, const char *const names[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* A token of a JSON Pointer (RFC 6901) in plain text; false when it is too long. */
static bool decode_token(const char *token, size_t n, char ret[MAX_COMPONENT_NAME])
{
    size_t out = 0;

    for (size_t i = 0; i < n; i++) {
        char c = token[i];

        if (c == '~' && i + 1 < n)
            c = token[++i] == '1' ? '/' : '~';
        if (out + 1 >= MAX_COMPONENT_NAME)
            return false;
        ret[out++] = c;
    }
    ret[out] = '\0';
    return true;
}

/* The component that "#/components/<kind>/<name>" names; NULL when there is none. */
static json_t *find_component(const struct import *import, const char *ref, const char *kind)
{
    json_t *components = json_object_get(import->document, "components");
    char prefix[64], name[MAX_COMPONENT_NAME];
    size_t n = (size_t)snprintf(prefix, sizeof(prefix), "#/components/%s/", kind);

    if (strncmp(ref, prefix, n) != 0 || !decode_token(ref + n, strlen(ref + n), name))
        return NULL;
    return json_object_get(json_object_get(components, kind), name);
}

/* What an object stands for that may be a reference to a component; NULL: that leads nowhere. */
static json_t *resolve(const struct import *import, json_t *object, const char *kind)
{
    for (int hop = 0; hop < MAX_HOPS && json_is_object(object); hop++) {
        const char *ref = json_string_value(json_object_get(object, "$ref"));

        if (ref == NULL)
            return object;
        object = find_component(import, ref, kind);
    }
    return NULL;
}

/* ---- schemas that stand alone ---- */

/* Puts a copy of the component into `defs`, once. */
static enum hk_code gather(struct bundle *bundle, const char *name)
{
    json_t *components = json_object_get(bundle->import->document, "components");
    json_t *schema = json_object_get(json_object_get(components, "schemas"), name);

    if (json_object_get(bundle->defs, name) != NULL)
        return HK_OK;
    if (!json_is_object(schema) && !json_is_boolean(schema))
        return refuse(bundle->import, "refers to a schema that is not in components/schemas");
    bundle->n_bytes += json_dumpb(schema, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    if (bundle->n_bytes > OPENAPI_MAX_JSON_BYTES)
        return refuse(bundle->import,
                      "has a schema that is larger than %d bytes with all that it "
                      "refers to",
                      OPENAPI_MAX_JSON_BYTES);
    (void)json_object_set_new(bundle->defs, name, json_deep_copy(schema));
    (void)json_array_append_new(bundle->pending, json_string(name));
    return HK_OK;
}

/* Makes "#/components/schemas/X/..." of `schema` into "#/$defs/X/...". */
static enum hk_code rewrite_ref(struct bundle *bundle, json_t *schema, const char *ref)
{
    char name[MAX_COMPONENT_NAME];
    const char *token = ref + sizeof(SCHEMAS) - 1;
    enum hk_code code;

    if (strncmp(ref, SCHEMAS, sizeof(SCHEMAS) - 1) != 0)
        return refuse(bundle->import, "has a reference to other than components/schemas");
    if (!decode_token(token, strcspn(token, "/"), name))
        return refuse(bundle->import, "refers to a schema whose name is too long");
    code = gather(bundle, name);
    if (code == HK_OK) /* sets before it releases: `ref` may be its own old value */
        (void)json_object_set_new(schema, "$ref", json_sprintf("#/$defs/%s", token));
    return code;
}

static enum hk_code walk(struct bundle *bundle, json_t *node, unsigned depth);

/* The values of an object or array. */
static enum hk_code walk_values(struct bundle *bundle, json_t *node, unsigned depth)
{
    enum hk_code code = HK_OK;
    const char *name;
    json_t *value;

    for (size_t i = 0; i < json_array_size(node) && code == HK_OK; i++)
        code = walk(bundle, json_array_get(node, i), depth + 1);
    json_object_foreach(node, name, value)
    {
        if (code == HK_OK)
            code = walk(bundle, value, depth + 1);
    }
    return code;
}

static enum hk_code walk(struct bundle *bundle, json_t *node, unsigned depth)
{
    /* What is data, in which "$ref" means nothing; and what has names of its own. */
    static const char *const data[] = {"const", "enum", "default", "example", "examples"};
    static const char *const maps[] = {"properties", "patternProperties", "dependentSchemas",
                                       "$defs", "definitions"};
    const char *ref = json_string_value(json_object_get(node, "$ref")), *name;
    enum hk_code code = HK_OK;
    json_t *value;

    if (depth > MAX_DEPTH)
        return refuse(bundle->import, "has a schema that is nested more than %d levels deep",
                      MAX_DEPTH);
    if (!json_is_object(node))
        return walk_values(bundle, node, depth);
    if (ref != NULL)
        code = rewrite_ref(bundle, node, ref);
    json_object_foreach(node, name, value)
    {
        if (code != HK_OK)
            break;
        if (is_one_of(name, maps, HK_COUNTOF(maps)))
            code = walk_values(bundle, value, depth + 1);
        else if (!is_one_of(name, data, HK_COUNTOF(data)))
            code = walk(bundle, value, depth + 1);
    }
    return code;
}

/* Adds `defs` to the $defs that the schema has. */
static enum hk_code merge_defs(struct bundle *bundle, json_t *schema)
{
    json_t *own = json_object_get(schema, "$defs"), *value;
    const char *name;

    if (json_object_size(bundle->defs) == 0)
        return HK_OK;
    if (own == NULL)
        return json_object_set(schema, "$defs", bundle->defs) == 0 ? HK_OK : HK_INTERNAL;
    json_object_foreach(bundle->defs, name, value)
    {
        if (!json_is_object(own) || json_object_get(own, name) != NULL)
            return refuse(bundle->import, "has a $defs of the same name as a component");
        (void)json_object_set(own, name, value);
    }
    return HK_OK;
}

/* Changes `schema`, a copy, so that it stands alone. */
static enum hk_code bundle_schema(struct import *import, json_t *schema)
{
    json_auto_t *defs = json_object(), *pending = json_array();
    struct bundle bundle = {.import = import, .defs = defs, .pending = pending};
    enum hk_code code;

    bundle.n_bytes = json_dumpb(schema, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    code = walk(&bundle, schema, 0);
    for (size_t i = 0; i < json_array_size(pending) && code == HK_OK; i++) {
        const char *name = json_string_value(json_array_get(pending, i));

        code = walk(&bundle, json_object_get(defs, name), 0);
    }
    return code == HK_OK ? merge_defs(&bundle, schema) : code;
}

/* ---- webhooks ---- */

/* Adds the member unless it is too large. Takes over `value`; NULL: none, and nothing is added. */
static enum hk_code add_json(struct import *import, json_t *type, const char *name, json_t *value)
{
    size_t n = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);

    if (value == NULL)
        return HK_OK;
    (void)json_object_set_new(type, name, value);
    return n <= OPENAPI_MAX_JSON_BYTES ? HK_OK
                                       : refuse(import, "has a %s that is larger than %d bytes",
                                                name, OPENAPI_MAX_JSON_BYTES);
}

/* The JSON of a request body: application/json, or else a type that ends in +json. */
static json_t *find_media_type(json_t *content)
{
    json_t *found = json_object_get(content, "application/json"), *value;
    const char *name;

    json_object_foreach(content, name, value)
    {
        size_t n = strlen(name);

        if (found == NULL && n > 5 && strcmp(name + n - 5, "+json") == 0)
            found = value;
    }
    return found;
}

/* Borrowed; NULL: there is none. */
static json_t *find_sample(const struct import *import, json_t *media_type, json_t *schema)
{
    json_t *sample = json_object_get(media_type, "example"), *value;
    const char *name;

    if (sample != NULL)
        return sample;
    json_object_foreach(json_object_get(media_type, "examples"), name, value)
    {
        sample = json_object_get(resolve(import, value, "examples"), "value");
        if (sample != NULL)
            return sample;
    }
    schema = resolve(import, schema, "schemas");
    sample = json_object_get(schema, "example");
    return sample != NULL ? sample : json_array_get(json_object_get(schema, "examples"), 0);
}

static enum hk_code read_body(struct import *import, json_t *operation, json_t *type)
{
    json_t *given = json_object_get(operation, "requestBody");
    json_t *body = resolve(import, given, "requestBodies");
    json_t *media_type, *schema, *copy;
    enum hk_code code = HK_OK;

    if (given == NULL)
        return HK_OK;
    if (body == NULL)
        return refuse(import, "has a requestBody that leads nowhere");
    media_type = find_media_type(json_object_get(body, "content"));
    schema = json_object_get(media_type, "schema");
    if (schema != NULL && !json_is_object(schema) && !json_is_boolean(schema))
        return refuse(import, "has a schema that is none");
    if (json_is_object(schema)) {
        copy = json_deep_copy(schema);
        code = bundle_schema(import, copy);
        if (code != HK_OK)
            json_decref(copy);
        else
            code = add_json(import, type, "schema", copy);
    }
    if (code == HK_OK)
        code =
            add_json(import, type, "sample", json_incref(find_sample(import, media_type, schema)));
    return code;
}

static enum hk_code read_description(struct import *import, json_t *operation, json_t *item,
                                     json_t *type)
{
    json_t *const places[] = {
        json_object_get(operation, "description"), json_object_get(operation, "summary"),
        json_object_get(item, "description"), json_object_get(item, "summary")};
    size_t n_characters = 0;

    for (size_t i = 0; i < HK_COUNTOF(places); i++) {
        const char *text = json_string_value(places[i]);

        if (text == NULL)
            continue;
        for (; *text != '\0'; text++)
            n_characters += (*text & 0xc0) != 0x80;
        (void)json_object_set(type, "description", places[i]);
        return n_characters <= OPENAPI_MAX_DESCRIPTION
                   ? HK_OK
                   : refuse(import, "has a description of more than %d characters",
                            OPENAPI_MAX_DESCRIPTION);
    }
    return HK_OK;
}

static enum hk_code read_webhook(struct import *import, json_t *given, json_t *type)
{
    static const char *const methods[] = {"post", "put", "patch", "get", "delete"};
    json_t *item = resolve(import, given, "pathItems");
    json_t *operation = NULL;

    for (size_t i = 0; i < HK_COUNTOF(methods) && operation == NULL; i++)
        operation = json_object_get(item, methods[i]);
    if (!json_is_object(operation))
        return refuse(import, "has no operation");
    if (read_description(import, operation, item, type) != HK_OK)
        return import->reterr->code;
    return read_body(import, operation, type);
}

static enum hk_code read_webhooks(struct import *import, json_t *webhooks, struct hk_buf *ret)
{
    struct hk_error ignored = {0};
    const char *name;
    json_t *given;

    json_object_foreach(webhooks, name, given)
    {
        json_auto_t *type = json_pack("{s:s}", "name", name);
        char *text;

        import->name = NULL;
        if (check_own_event_type(hk_str(name), &ignored) != HK_OK)
            return refuse(import, "has a member whose name is none of an event type: it %s",
                          ignored.detail);
        import->name = name;
        if (read_webhook(import, given, type) != HK_OK)
            return import->reterr->code;
        text = json_dumps(type, JSON_COMPACT);
        hk_buf_add_text(ret, ret->n > 1 ? "," : "");
        hk_buf_add_text(ret, text);
        free(text);
        if (ret->is_full)
            return refuse(import, "is too much: split the document");
    }
    return HK_OK;
}

enum hk_code openapi_import(struct hk_str document, struct hk_buf *ret, struct hk_error *reterr)
{
    json_auto_t *parsed = json_loadb(document.p, document.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *webhooks = json_object_get(parsed, "webhooks");
    const char *version = json_string_value(json_object_get(parsed, "openapi"));
    struct import import = {.document = parsed, .reterr = reterr};

    if (version == NULL || strncmp(version, "3.1.", 4) != 0)
        return hk_fail(reterr, HK_INVALID_BODY, "/openapi", "must be 3.1.x");
    if (!json_is_object(webhooks) || json_object_size(webhooks) == 0 ||
        json_object_size(webhooks) > OPENAPI_MAX_TYPES)
        return refuse(&import, "must be an object of 1 to %d members", OPENAPI_MAX_TYPES);
    hk_buf_add_text(ret, "[");
    if (read_webhooks(&import, webhooks, ret) != HK_OK)
        return reterr->code;
    hk_buf_add_text(ret, "]");
    return HK_OK;
}
