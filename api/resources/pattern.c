/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/pattern.h"

enum { MAX_GROUPS = 16 };

/* Reads a pattern from the left; `weight` is that of what stands in each open group so far. */
struct reader {
    struct hk_str rest;
    unsigned weights[MAX_GROUPS]; /* [0]: outside of all groups */
    unsigned depth;
    unsigned last; /* the weight of the atom that a quantifier would repeat; 0: there is none */
};

static bool take(struct reader *r, char c)
{
    if (r->rest.n == 0 || r->rest.p[0] != c)
        return false;
    r->rest = (struct hk_str){r->rest.p + 1, r->rest.n - 1};
    return true;
}

static bool is_next_one_of(const struct reader *r, const char *characters)
{
    return r->rest.n > 0 && r->rest.p[0] != '\0' && strchr(characters, r->rest.p[0]) != NULL;
}

static bool add_atom(struct reader *r, unsigned weight)
{
    r->last = weight;
    r->weights[r->depth] += weight;
    return r->weights[r->depth] <= PATTERN_MAX_WEIGHT;
}

/* What follows a backslash: a class, or punctuation for itself. */
static bool take_escaped(struct reader *r)
{
    if (!is_next_one_of(r, "dwsDWS\\.[]{}()*+?^$|/-\"'#%&,:;<=>@_`~! "))
        return false;
    return take(r, r->rest.p[0]);
}

static bool take_class(struct reader *r)
{
    bool is_empty = true;

    (void)take(r, '^');
    while (!take(r, ']')) {
        if (r->rest.n == 0 || is_next_one_of(r, "["))
            return false;
        if (!(take(r, '\\') ? take_escaped(r) : take(r, r->rest.p[0])))
            return false;
        is_empty = false;
    }
    return !is_empty && add_atom(r, 1);
}

static bool open_group(struct reader *r)
{
    if (take(r, '?') && !take(r, ':'))
        return false;
    if (r->depth + 1 == MAX_GROUPS)
        return false;
    r->weights[++r->depth] = 1;
    r->last = 0;
    return true;
}

static bool close_group(struct reader *r)
{
    if (r->depth == 0)
        return false;
    r->depth--;
    return add_atom(r, r->weights[r->depth + 1]);
}

/* Up to three digits; false when there are none, or the number is too large. */
static bool take_number(struct reader *r, unsigned *ret)
{
    unsigned n_digits = 0;

    for (*ret = 0; is_next_one_of(r, "0123456789"); n_digits++) {
        *ret = *ret * 10 + (unsigned)(r->rest.p[0] - '0');
        if (*ret > PATTERN_MAX_COUNT)
            return false;
        (void)take(r, r->rest.p[0]);
    }
    return n_digits > 0;
}

/* Repeats the last atom, which then cannot be repeated again. */
static bool repeat(struct reader *r, unsigned n_times)
{
    unsigned weight = r->last;

    if (weight == 0)
        return false;
    (void)add_atom(r, n_times == 0 ? 0 : weight * (n_times - 1));
    r->last = 0;
    return r->weights[r->depth] <= PATTERN_MAX_WEIGHT && !is_next_one_of(r, "*+?{");
}

static bool take_counts(struct reader *r)
{
    unsigned from, to;

    if (!take_number(r, &from))
        return false;
    to = from;
    if (take(r, ',') && !is_next_one_of(r, "}") && !take_number(r, &to))
        return false;
    return take(r, '}') && from <= to && to > 0 && repeat(r, to + 1);
}

static bool take_one(struct reader *r)
{
    if (take(r, '\\'))
        return take_escaped(r) && add_atom(r, 1);
    if (take(r, '['))
        return take_class(r);
    if (take(r, '('))
        return open_group(r);
    if (take(r, ')'))
        return close_group(r);
    if (take(r, '{'))
        return take_counts(r);
    if (take(r, '*') || take(r, '?'))
        return repeat(r, 1);
    if (take(r, '+'))
        return repeat(r, 2);
    if (take(r, '|') || take(r, '^') || take(r, '$')) {
        r->last = 0;
        return true;
    }
    return !is_next_one_of(r, "]}") && take(r, r->rest.p[0]) && add_atom(r, 1);
}

enum hk_code check_pattern(struct hk_str value, struct hk_error *reterr)
{
    struct reader r = {.rest = value};
    bool is_legal = true;

    while (is_legal && r.rest.n > 0)
        is_legal = take_one(&r);
    if (is_legal && r.depth == 0)
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be a simple pattern of at most %d characters when it is written out, "
                   "without back-references, look-around and lazy quantifiers",
                   PATTERN_MAX_WEIGHT);
}
