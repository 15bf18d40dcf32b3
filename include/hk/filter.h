/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/filter.h - what a subscription's payload filter may say. Pure.
 *
 * A filter is a predicate in SQL/JSON path language, in lax mode, on the event's payload:
 *
 *     $.amount >= 100 && ($.currency == "EUR" || exists($.lines[*] ? (@.kind == "fee")))
 *
 * It comes from partners and is evaluated by PostgreSQL in the statement that stores the events of
 * all tenants. So this is a subset whose cost grows no faster than the payload: no .**, one
 * wildcard and one "?" a path, no path from $ within "?", no regular expressions, no comparison of
 * two paths, no methods, no arithmetic, no variables. What is accepted here is valid to PostgreSQL
 * with the same meaning.
 *
 *     filter     = and *("||" and)          and = term *("&&" term)
 *     term       = "!" bracketed / bracketed / comparison
 *     bracketed  = "(" filter ")" / "exists" "(" path ")"
 *     comparison = path ("==" / "!=" / "<" / "<=" / ">" / ">=") literal / path "starts" "with"
 * string literal    = string / number / "true" / "false" / "null" path       = "$" *step in "?":
 * path = "@" *step, and no "?" in it step       = "." name / "." string / "[" number "]" / "[*]" /
 * "?" "(" filter ")"
 *
 * Blanks are free between tokens, but not within a path up to its "?".
 */
#ifndef HK_FILTER_H
#define HK_FILTER_H

#include "hk/err.h"

enum {
    HK_FILTER_MAX_BYTES = 1024,
    HK_FILTER_MAX_TERMS = 32,     /* comparisons and exists() */
    HK_FILTER_MAX_WILDCARDS = 8,  /* at most one of them in a path */
    HK_FILTER_MAX_STEPS = 16,     /* of a path */
    HK_FILTER_MAX_DEPTH = 8,      /* of brackets */
    HK_FILTER_MAX_INDEX = 999999, /* in [n] */
};

/* HK_OK, or HK_INVALID_BODY with the place and what is wrong there in `reterr->detail`. */
HK_NODISCARD enum hk_code hk_filter_check(struct hk_str filter, struct hk_error *reterr);

#endif
