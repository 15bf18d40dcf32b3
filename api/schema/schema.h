/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/schema.h - JSON Schema: compiled once, checked many times, on the payload's own bytes.
 * Pure. What is supported, what is refused, and the limits: docs/json-schema.md.
 *
 * Schemas are written by users and run on the event loop: sizes are capped when one is compiled,
 * the work of a check is capped by a budget that grows with the value.
 */
#ifndef API_SCHEMA_SCHEMA_H
#define API_SCHEMA_SCHEMA_H

#include "hk/err.h"

enum {
    SCHEMA_MAX_BYTES = 32768,
    SCHEMA_MAX_DEPTH = 32,   /* of schemas in one another */
    SCHEMA_MAX_NODES = 2048, /* schemas in one schema */
    SCHEMA_MAX_NAMES = 1024, /* of members that one schema mentions */
    SCHEMA_MAX_REFS = 512,
    SCHEMA_MAX_CHAIN = 32,  /* schemas that apply to the same value by way of one another */
    SCHEMA_MAX_OPS = 20000, /* of all patterns */
    SCHEMA_MAX_FAULTS = 10,
};

struct schema; /* opaque; keeps a copy of its text */

/*
 * NULL with HK_INVALID_BODY when the text is no schema, or one that this does not support: the
 * pointer is into the schema.
 */
struct schema *schema_compile(struct hk_str text, struct hk_error *reterr);
void schema_free(struct schema *schema);

struct hk_str schema_text(const struct schema *schema);
size_t schema_size(const struct schema *schema); /* bytes of memory */

/* What is wrong with a value; the pointers are into it. */
struct schema_report {
    unsigned n;
    struct schema_fault {
        char pointer[256];
        char detail[256];
    } faults[SCHEMA_MAX_FAULTS];
};

/*
 * Whether the value (one that hk_json_scan() accepted, without blanks around it) is as the schema
 * says. Else the report has 1 to `max_faults` faults, in the order of the text as far as may be; a
 * value that cannot be checked within its budget is one fault.
 */
HK_NODISCARD bool schema_check(const struct schema *schema, struct hk_str value,
                               unsigned max_faults, struct schema_report *ret);

#endif
