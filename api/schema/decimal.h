/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/decimal.h - JSON numbers compared as what they are written to be: no double, no
 * rounding, any length. 1.0 is 1, 1e400 is a number, and 0.3 is three times 0.1. Pure.
 */
#ifndef API_SCHEMA_DECIMAL_H
#define API_SCHEMA_DECIMAL_H

#include "hk/base.h"

/* A number's value. Borrows the digits from the text. */
struct decimal {
    bool is_negative;
    struct hk_str digits; /* from the first to the last that is not 0, perhaps with a point */
    size_t n_digits;      /* without the point; 0 for zero */
    int64_t exponent;     /* of ten, of the first digit: 0 for 1.5, 2 for 150 */
};

/* `text` is a number by RFC 8259. Exponents beyond 10^15 count as 10^15. */
struct decimal decimal_parse(struct hk_str text);

/* Below 0, 0, above 0. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

bool decimal_is_integer(const struct decimal *number);
uint64_t decimal_hash(const struct decimal *number);

/* Saturates. False: negative or no integer. */
HK_NODISCARD bool decimal_to_count(const struct decimal *number, uint64_t *ret);

enum { DECIMAL_MAX_DIVISOR_DIGITS = 18 };

/* `divisor` is above 0 and has at most DECIMAL_MAX_DIVISOR_DIGITS digits. */
bool decimal_is_multiple(const struct decimal *number, const struct decimal *divisor);

#endif
