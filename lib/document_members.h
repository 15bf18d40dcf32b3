/* SPDX-License-Identifier: Apache-2.0 */
/* lib/document_members.h - what the parts of document.c share. Private to lib. */
#ifndef LIB_DOCUMENT_MEMBERS_H
#define LIB_DOCUMENT_MEMBERS_H

#include "hk/document.h"

/* A pair of a form, or a part of multipart/form-data. */
struct document_member {
    struct hk_str name, value;
    bool is_file;
    struct hk_str filename, content_type; /* of a file; .p NULL: it has none */
    size_t offset;                        /* of a file's bytes in the body */
    bool is_written;                      /* private */
};

/* Appends an object: a name that is there once has its value, else an array of them. */
void document_write_members(struct document_member *members, size_t n, struct hk_buf *buf);

/* A parameter of a header field: `boundary` of "multipart/form-data; boundary=x". Unquoted into
 * `text`, which has room for header.n bytes. False: there is none, or two. */
HK_NODISCARD bool document_parameter(struct hk_str header, const char *name, char *text,
                                     struct hk_str *ret);

/* NULL, or static words. */
const char *document_from_xml(struct hk_str content_type, struct hk_str body, struct hk_buf *buf);
const char *document_from_multipart(struct hk_str content_type, struct hk_str body,
                                    struct hk_buf *buf);

/* Ends the process when there is none. */
void *document_allocate(size_t n);

#endif
