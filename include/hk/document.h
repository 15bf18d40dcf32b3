/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/document.h - what came to a flow as JSON, for steps that look into it. Pure.
 *
 *     JSON            as it is, byte for byte
 *     XML             {"<root>": element}
 *     form            {"name": "value", "name of several": ["value", ...]}; so is the query, when
 *                     there is no body
 *     multipart       as a form; a file is {"filename", "content_type", "size", "offset"}: where
 *                     its bytes lie in the body. A part that is no text is one, too.
 *     text/...        {"content_type", "size", "text"}
 *     anything else   {"content_type", "size"}
 *
 * An XML element without attributes and children is its text, a string. Any other is an object:
 * attributes as "@name", its own text, if it is not blank, as "#text", and for each name of
 * children an array of those elements, in their order; the names are sorted. Names keep their
 * prefixes; comments and processing instructions are left out. A document with a DOCTYPE is
 * refused, so that there are no entities but those of XML itself.
 */
#ifndef HK_DOCUMENT_H
#define HK_DOCUMENT_H

#include "hk/buf.h"

enum {
    HK_DOCUMENT_MAX_DEPTH = 32,          /* of XML elements: two levels each of the JSON */
    HK_DOCUMENT_MAX_NODES = 100000,      /* elements, attributes and texts of XML */
    HK_DOCUMENT_MAX_PAIRS = 1000,        /* of a form */
    HK_DOCUMENT_MAX_PARTS = 50,          /* of multipart/form-data */
    HK_DOCUMENT_MAX_BOUNDARY = 70,       /* characters */
    HK_DOCUMENT_MAX_PART_HEAD = 8192,    /* bytes of the header fields of a part */
    HK_DOCUMENT_MAX_FIELD = 1024 * 1024, /* bytes of a part that is no file */
};

/*
 * Appends the JSON of a body, which hk_json_scan() accepts. `content_type`: the header, .n == 0
 * when there was none (then the body is JSON if it is valid JSON, and else "anything else");
 * `query`: behind the '?'. False with static words: the body is not what its type says, or more
 * than the limits; nothing that was appended counts.
 */
HK_NODISCARD bool hk_document_from_body(struct hk_str content_type, struct hk_str query,
                                        struct hk_str body, struct hk_buf *buf,
                                        const char **reterr);

#endif
