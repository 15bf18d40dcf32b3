/* SPDX-License-Identifier: Apache-2.0 */
/* api/schema/place.h - where in a JSON text a value lies: a list from the value up to the root. */
#ifndef API_SCHEMA_PLACE_H
#define API_SCHEMA_PLACE_H

#include "hk/base.h"

/* On the stack of whoever walks; the root is NULL. */
struct place {
    const struct place *parent;
    struct hk_str name; /* a member's, as it stands between its quotes; .p NULL: an element */
    size_t index;       /* an element's */
};

/* Writes a JSON Pointer (RFC 6901); one that does not fit ends behind the last whole name. */
void place_write(const struct place *place, char *ret, size_t size);

#endif
