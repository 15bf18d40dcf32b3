/* SPDX-License-Identifier: Apache-2.0 */
/* api/schema/keyword.h - the table of keywords: keyword.c. Private to the .c files of this folder.
 */
#ifndef API_SCHEMA_KEYWORD_H
#define API_SCHEMA_KEYWORD_H

#include "api/schema/node.h"

enum {
    DRAFT_6 = 1u << 0,
    DRAFT_7 = 1u << 1,
    DRAFT_2020 = 1u << 2,
    DRAFT_OLD = DRAFT_6 | DRAFT_7,
    DRAFT_ALL = DRAFT_OLD | DRAFT_2020,
};

struct keyword;

typedef bool keyword_read_fn(struct compiler *compiler, struct node *node,
                             const struct keyword *keyword, const struct hk_json_span *value,
                             const struct place *place);

struct keyword {
    const char *name;
    unsigned dialects; /* 0: an assertion that we do not have */
    keyword_read_fn *read;
    size_t offset; /* in struct node, of what `read` fills in */
    size_t about;  /* in struct node, of the flag that there are such rules; 0: for all values */
};

enum { KEYWORD_MAX = 64 };

/* NULL: an annotation. `ret_index` is below KEYWORD_MAX. */
const struct keyword *keyword_find(struct hk_str quoted, unsigned *ret_index);

/* $id, $anchor, $ref; in link.c, beside what they are for. */
keyword_read_fn link_read_id;
keyword_read_fn link_read_anchor;
keyword_read_fn link_read_ref;

#endif
