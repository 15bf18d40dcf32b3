/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML by expat. A DOCTYPE stops it before a single entity is declared, so that nothing can be
 * expanded and nothing be fetched. Elements, attributes and texts become nodes in one array, which
 * is written as JSON at the end: children of one name stand together there.
 */
#include <limits.h>
#include <stdlib.h>

#include <expat.h>

#include "document_members.h"

enum { ROOT, FIRST_NODES = 64, MAX_CHARSET = 40 };

enum node_kind { NODE_ELEMENT, NODE_ATTRIBUTE, NODE_TEXT };

/* Names and texts are offsets into the text; nodes are indexes; 0: none. */
struct node {
    enum node_kind kind;
    size_t name_at, name_n, text_at, text_n;
    uint32_t first, last, next; /* child; sibling */
};

struct document {
    XML_Parser parser;
    struct node *nodes; /* nodes[ROOT] is the document */
    uint32_t n_nodes, capacity;
    struct hk_buf text;
    uint32_t open[HK_DOCUMENT_MAX_DEPTH + 1]; /* elements; open[0] is ROOT */
    unsigned depth;
    const char *fault; /* static words */
    uint32_t *order;   /* children that are being sorted: a stack */
    uint32_t n_order;
};

static void stop(struct document *document, const char *fault)
{
    if (document->fault == NULL)
        document->fault = fault;
    (void)XML_StopParser(document->parser, XML_FALSE);
}

static struct node *add_node(struct document *document, enum node_kind kind)
{
    uint32_t index = document->n_nodes;
    struct node *parent, *node;

    if (index == document->capacity) {
        document->capacity *= 2;
        document->nodes = realloc(document->nodes, document->capacity * sizeof(*document->nodes));
        if (document->nodes == NULL)
            abort();
    }
    document->n_nodes++;
    node = &document->nodes[index];
    *node = (struct node){.kind = kind};
    parent = &document->nodes[document->open[document->depth]];
    if (parent->last == 0)
        parent->first = index;
    else
        document->nodes[parent->last].next = index;
    parent->last = index;
    return node;
}

static bool has_room(struct document *document)
{
    if (document->n_nodes < HK_DOCUMENT_MAX_NODES && !document->text.is_full)
        return true;
    stop(document, "the XML has more than 100,000 elements, attributes and texts");
    return false;
}

static void add_text(struct document *document, const char *p, size_t n, size_t *ret_at,
                     size_t *ret_n)
{
    *ret_at = document->text.n;
    *ret_n = n;
    hk_buf_add(&document->text, p, n);
}

static void on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct document *document = context;
    struct node *node;

    if (document->fault != NULL || !has_room(document))
        return;
    if (document->depth == HK_DOCUMENT_MAX_DEPTH) {
        stop(document, "the XML is deeper than 32 elements");
        return;
    }
    node = add_node(document, NODE_ELEMENT);
    add_text(document, name, strlen(name), &node->name_at, &node->name_n);
    document->open[++document->depth] = document->n_nodes - 1;
    for (; attributes[0] != NULL && has_room(document); attributes += 2) {
        node = add_node(document, NODE_ATTRIBUTE);
        add_text(document, attributes[0], strlen(attributes[0]), &node->name_at, &node->name_n);
        add_text(document, attributes[1], strlen(attributes[1]), &node->text_at, &node->text_n);
    }
}

static void on_end(void *context, const XML_Char *name)
{
    struct document *document = context;

    (void)name;
    if (document->fault == NULL)
        document->depth--;
}

/* expat gives texts line by line: pieces that follow one another are one node. */
static void on_text(void *context, const XML_Char *p, int n)
{
    struct document *document = context;
    struct node *last = &document->nodes[document->n_nodes - 1];

    if (document->fault != NULL || !has_room(document))
        return;
    if (last->kind == NODE_TEXT && last->text_at + last->text_n == document->text.n &&
        document->nodes[document->open[document->depth]].last == document->n_nodes - 1) {
        hk_buf_add(&document->text, p, (size_t)n);
        last->text_n += (size_t)n;
        return;
    }
    last = add_node(document, NODE_TEXT);
    add_text(document, p, (size_t)n, &last->text_at, &last->text_n);
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    stop(context, "XML with a DOCTYPE is not taken");
}

/* ---- writing --------------------------------------------------------------------------------- */

static struct hk_str name_of(const struct document *document, const struct node *node)
{
    return (struct hk_str){document->text.p + node->name_at, node->name_n};
}

static struct hk_str text_of(const struct document *document, const struct node *node)
{
    return (struct hk_str){document->text.p + node->text_at, node->text_n};
}

static bool is_blank(struct hk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr(" \t\r\n", s.p[i]) == NULL || s.p[i] == '\0')
            return false;
    }
    return true;
}

/* By name, then as they came. */
static int compare_nodes(const void *a, const void *b, void *context)
{
    const struct document *document = context;
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    struct hk_str x = name_of(document, &document->nodes[one]);
    struct hk_str y = name_of(document, &document->nodes[other]);
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    if (order != 0)
        return order;
    return x.n != y.n ? (x.n > y.n) - (x.n < y.n) : (one > other) - (one < other);
}

/* All texts of the element as one string. */
static void write_text(const struct document *document, const struct node *element,
                       struct hk_buf *buf)
{
    struct hk_buf joined HK_CLEANUP(hk_buf_done);
    const struct node *only = NULL;
    unsigned n_texts = 0;

    hk_buf_init(&joined, document->text.max);
    for (uint32_t i = element->first; i != 0; i = document->nodes[i].next) {
        if (document->nodes[i].kind != NODE_TEXT)
            continue;
        only = &document->nodes[i];
        if (++n_texts == 1)
            continue;
        if (n_texts == 2) { /* the first one */
            for (uint32_t j = element->first; j != i; j = document->nodes[j].next) {
                if (document->nodes[j].kind == NODE_TEXT)
                    hk_buf_add_str(&joined, text_of(document, &document->nodes[j]));
            }
        }
        hk_buf_add_str(&joined, text_of(document, only));
    }
    if (n_texts == 0)
        hk_buf_add_text(buf, "\"\"");
    else
        hk_buf_add_json_string(buf, n_texts == 1 ? text_of(document, only) : hk_buf_str(&joined));
}

static void write_element(struct document *document, const struct node *element,
                          struct hk_buf *buf);

/* Attributes, and the text if it is not blank; whether there is one. */
static bool write_own(const struct document *document, const struct node *element,
                      struct hk_buf *buf)
{
    bool has_text = false;
    const char *separator = "";

    for (uint32_t i = element->first; i != 0; i = document->nodes[i].next) {
        const struct node *node = &document->nodes[i];
        struct hk_str name = name_of(document, node);

        has_text = has_text || (node->kind == NODE_TEXT && !is_blank(text_of(document, node)));
        if (node->kind != NODE_ATTRIBUTE)
            continue;
        hk_buf_printf(buf, "%s\"@%.*s\":", separator, (int)name.n, name.p);
        hk_buf_add_json_string(buf, text_of(document, node));
        separator = ",";
    }
    if (!has_text)
        return separator[0] != '\0';
    hk_buf_printf(buf, "%s\"#text\":", separator);
    write_text(document, element, buf);
    return true;
}

/* Each name of children, with an array of them. */
static void write_children(struct document *document, const struct node *element, bool is_first,
                           struct hk_buf *buf)
{
    uint32_t begin = document->n_order, end;
    struct hk_str before = HK_STR_NULL;

    for (uint32_t i = element->first; i != 0; i = document->nodes[i].next) {
        if (document->nodes[i].kind == NODE_ELEMENT)
            document->order[document->n_order++] = i;
    }
    end = document->n_order;
    if (end > begin)
        qsort_r(document->order + begin, end - begin, sizeof(*document->order), compare_nodes,
                document);
    for (uint32_t i = begin; i < end && !buf->is_full; i++) {
        const struct node *child = &document->nodes[document->order[i]];
        struct hk_str name = name_of(document, child);

        if (before.p != NULL && hk_str_eq(name, before)) {
            hk_buf_add_text(buf, ",");
        } else {
            hk_buf_add_text(buf, before.p != NULL ? "]," : is_first ? "" : ",");
            hk_buf_add_json_string(buf, name);
            hk_buf_add_text(buf, ":[");
        }
        write_element(document, child, buf);
        before = name;
    }
    hk_buf_add_text(buf, before.p == NULL ? "" : "]");
    document->n_order = begin;
}

/* As deep as the limit at most. */
static void write_element(struct document *document, const struct node *element, struct hk_buf *buf)
{
    bool is_text = true;

    for (uint32_t i = element->first; i != 0 && is_text; i = document->nodes[i].next)
        is_text = document->nodes[i].kind == NODE_TEXT;
    if (is_text) {
        write_text(document, element, buf);
        return;
    }
    hk_buf_add_text(buf, "{");
    write_children(document, element, !write_own(document, element, buf), buf);
    hk_buf_add_text(buf, "}");
}

static void write_root(struct document *document, struct hk_buf *buf)
{
    const struct node *root = &document->nodes[document->nodes[ROOT].first];

    document->order = document_allocate(document->n_nodes * sizeof(*document->order));
    hk_buf_add_text(buf, "{");
    hk_buf_add_json_string(buf, name_of(document, root));
    hk_buf_add_text(buf, ":");
    write_element(document, root, buf);
    hk_buf_add_text(buf, "}");
    free(document->order);
}

/* The charset of the Content-Type goes before the declaration (RFC 7303); NULL: none is named. */
static const char *read_charset(struct hk_str content_type, char ret[MAX_CHARSET + 1])
{
    char text[256];
    struct hk_str charset;

    if (content_type.n > sizeof(text) ||
        !document_parameter(content_type, "charset", text, &charset) || charset.n > MAX_CHARSET)
        return NULL;
    memcpy(ret, charset.p, charset.n);
    ret[charset.n] = '\0';
    return ret;
}

const char *document_from_xml(struct hk_str content_type, struct hk_str body, struct hk_buf *buf)
{
    struct document document = {.n_nodes = 1, .capacity = FIRST_NODES};
    char charset[MAX_CHARSET + 1];

    if (body.n > INT_MAX / 8)
        return "the XML is too large";
    document.parser = XML_ParserCreate(read_charset(content_type, charset));
    if (document.parser == NULL)
        abort();
    document.nodes = document_allocate(FIRST_NODES * sizeof(*document.nodes));
    document.nodes[ROOT] = (struct node){.kind = NODE_ELEMENT};
    hk_buf_init(&document.text, 4 * body.n + 64); /* names and texts, in UTF-8 */
    XML_SetUserData(document.parser, &document);
    XML_SetElementHandler(document.parser, on_start, on_end);
    XML_SetCharacterDataHandler(document.parser, on_text);
    XML_SetStartDoctypeDeclHandler(document.parser, on_doctype);
    if (XML_Parse(document.parser, body.p, (int)body.n, XML_TRUE) != XML_STATUS_OK &&
        document.fault == NULL)
        document.fault = "the XML is not well-formed, or in an encoding that is not known";
    XML_ParserFree(document.parser);
    if (document.fault == NULL)
        write_root(&document, buf);
    hk_buf_done(&document.text);
    free(document.nodes);
    return document.fault;
}
