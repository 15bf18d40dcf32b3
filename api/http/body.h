/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/body.h - what a JSON body must look like, as a table; and the check of one against it.
 */
#ifndef API_BODY_H
#define API_BODY_H

#include "hk/err.h"

enum { BODY_MAX_ELEMENT = 256 }; /* characters of each string of a list */

enum body_type {
    BODY_STRING = 1,
    BODY_INTEGER,
    BODY_NUMBER, /* with or without a fraction */
    BODY_BOOLEAN,
    BODY_STRING_LIST,
    BODY_OBJECT,      /* with `fields` */
    BODY_OBJECT_LIST, /* of objects with `fields` */
    BODY_MAP,         /* an object with free names and scalar values; `max` names */
    BODY_STRING_MAP,  /* the same with values that are strings, or null; each is checked */
    BODY_ANY,         /* any JSON value; `max` bytes, written without blanks */
};
enum {
    BODY_REQUIRED = 1u << 0, /* must be there */
    BODY_NULLABLE = 1u << 1, /* null is legal */
    BODY_NONEMPTY = 1u << 2, /* at least one character or element */
};

/*
 * One member of an object. Members that no row names are refused; the name "*", in the last row,
 * stands for all of them. A zero row ends the table.
 * `max`: characters of a string, elements of a list, names of a map, the value of a number;
 * 0 is refused by route_check_all() where it means something. `min`: of a number.
 */
struct body_field {
    const char *name;
    enum body_type type;
    unsigned flags;
    int64_t max;
    int64_t min;
    const struct body_field *fields;
    const char *choices; /* of a string: "standard|basecone"; NULL: any */
    /* Optional, no I/O: fills `reterr->detail`; the pointer is filled by the caller. */
    enum hk_code (*check)(struct hk_str value, struct hk_error *reterr);
    enum hk_code (*check_name)(struct hk_str name, struct hk_error *reterr); /* of a string map */
};

/*
 * Checks the body's text against the table. HK_OK, or HK_MALFORMED_JSON / HK_INVALID_BODY with the
 * pointer of the first field at fault. Duplicate names and U+0000 are refused; depth at most 32.
 */
HK_NODISCARD enum hk_code body_check(struct hk_str body, const struct body_field *fields,
                                     struct hk_error *reterr);

#endif
