/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern_compile.c - reads a pattern by recursive descent and writes operations as it goes. What
 * comes behind a piece (a star, a bar) moves the piece up to put a split before it.
 */
#include <stdlib.h>

#include "api/schema/pattern_op.h"
#include "api/schema/text.h"

enum { MAX_GROUPS_DEEP = 32, MAX_CODE_POINT = 0x10ffff, NO_CHARACTER = -1 };

struct reader {
    int32_t text[PATTERN_MAX_CHARACTERS + 1]; /* ends with NO_CHARACTER */
    unsigned at;
    unsigned depth;
    struct pattern_op ops[PATTERN_MAX_OPS];
    unsigned n_ops;
    struct pattern_range ranges[PATTERN_MAX_RANGES];
    unsigned n_ranges;
    const char *reason; /* the first fault; NULL while there is none */
};

static const struct pattern_range digits[] = {{'0', '9'}};
static const struct pattern_range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct pattern_range blanks[] = {
    {'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff},
};

/* \d and its like; the upper-case letter means all others. */
static const struct class
{
    char name;
    const struct pattern_range *ranges;
    unsigned n;
} named_classes[] = {
    {'d', digits, HK_COUNTOF(digits)},
    {'w', words, HK_COUNTOF(words)},
    {'s', blanks, HK_COUNTOF(blanks)},
};

static void refuse(struct reader *reader, const char *reason)
{
    if (reader->reason == NULL)
        reader->reason = reason;
}

static int32_t peek(const struct reader *reader)
{
    return reader->text[reader->at];
}

static bool take(struct reader *reader, int32_t c)
{
    bool is_here = peek(reader) == c;

    reader->at += is_here;
    return is_here;
}

static void add_op(struct reader *reader, enum pattern_code code, int32_t x, int32_t y)
{
    if (reader->n_ops == PATTERN_MAX_OPS - 1) /* OP_MATCH has a place */
        refuse(reader, "is too large: use smaller repetition counts");
    else
        reader->ops[reader->n_ops++] = (struct pattern_op){code, x, y};
}

/* Puts an operation before the piece that begins at `start`. */
static void insert_op(struct reader *reader, unsigned start, enum pattern_code code, int32_t x,
                      int32_t y)
{
    add_op(reader, code, x, y);
    if (reader->reason != NULL)
        return;
    memmove(&reader->ops[start + 1], &reader->ops[start],
            (reader->n_ops - 1 - start) * sizeof(reader->ops[0]));
    reader->ops[start] = (struct pattern_op){code, x, y};
}

static void add_range(struct reader *reader, int32_t low, int32_t high)
{
    if (reader->n_ranges == PATTERN_MAX_RANGES)
        refuse(reader, "has too many character classes");
    else if (low <= high)
        reader->ranges[reader->n_ranges++] = (struct pattern_range){low, high};
}

/* ---- escapes -------------------------------------------------------------------------------- */

static int32_t read_hex(struct reader *reader, unsigned n_digits)
{
    int32_t value = 0;

    for (unsigned i = 0; i < n_digits; i++) {
        int32_t c = peek(reader);
        int32_t lower = c | 0x20;

        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if (c >= 'A' && lower >= 'a' && lower <= 'f')
            value = value << 4 | (lower - 'a' + 10);
        else
            refuse(reader, "has an escape that lacks hexadecimal digits");
        if (reader->reason != NULL)
            return 0;
        reader->at++;
    }
    return value;
}

/* Behind \u: four digits, twice for a pair of surrogates, or {digits}. */
static int32_t read_unicode(struct reader *reader)
{
    int32_t value = 0, low;

    if (take(reader, '{')) {
        while (!take(reader, '}') && reader->reason == NULL) {
            value = value << 4 | read_hex(reader, 1);
            if (value > MAX_CODE_POINT)
                refuse(reader, "has an escape beyond U+10FFFF");
        }
        return value;
    }
    value = read_hex(reader, 4);
    if (value < 0xd800 || value > 0xdfff)
        return value;
    if (value > 0xdbff || !take(reader, '\\') || !take(reader, 'u')) {
        refuse(reader, "has half a pair of surrogates");
        return 0;
    }
    low = read_hex(reader, 4);
    if (low < 0xdc00 || low > 0xdfff)
        refuse(reader, "has half a pair of surrogates");
    return 0x10000 + ((value & 0x3ff) << 10) + (low & 0x3ff);
}

static bool is_letter(int32_t c)
{
    return c >= 'A' && (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The character that the escape behind a backslash stands for. */
static int32_t read_escape(struct reader *reader)
{
    static const char names[] = "tnvfr";
    static const char values[] = "\t\n\v\f\r";
    int32_t c = peek(reader);
    const char *found = c > 0 && c < 0x80 ? strchr(names, c) : NULL;

    if (c == NO_CHARACTER) {
        refuse(reader, "ends with a backslash");
        return 0;
    }
    reader->at++;
    if (found != NULL)
        return values[found - names];
    if (c == 'x')
        return read_hex(reader, 2);
    if (c == 'u')
        return read_unicode(reader);
    if (c == 'c' && is_letter(peek(reader)))
        return reader->text[reader->at++] & 0x1f;
    if (c == '0' && (peek(reader) < '0' || peek(reader) > '9'))
        return 0;
    if (c >= '0' && c <= '9')
        refuse(reader, "has a back-reference, which is not supported");
    else if (c == 'p' || c == 'P')
        refuse(reader, "has \\p, which is not supported");
    else if (is_letter(c))
        refuse(reader, "has an escape that ECMA-262 does not know");
    return c;
}

/* \d and its like, here: adds the ranges, or all others. */
static bool take_named_class(struct reader *reader)
{
    int32_t name = peek(reader) == '\\' ? reader->text[reader->at + 1] : 0;

    for (size_t i = 0; i < HK_COUNTOF(named_classes); i++) {
        const struct class *class = &named_classes[i];
        int32_t low = 0;

        if ((name | 0x20) != class->name || !is_letter(name))
            continue;
        for (unsigned k = 0; k < class->n; k++) {
            if (name == class->name)
                add_range(reader, class->ranges[k].low, class->ranges[k].high);
            else
                add_range(reader, low, class->ranges[k].low - 1);
            low = class->ranges[k].high + 1;
        }
        if (name != class->name)
            add_range(reader, low, MAX_CODE_POINT);
        reader->at += 2;
        return true;
    }
    return false;
}

/* ---- pieces --------------------------------------------------------------------------------- */

static int32_t read_class_character(struct reader *reader)
{
    if (!take(reader, '\\'))
        return reader->text[reader->at++];
    if (take(reader, 'b'))
        return '\b';
    return read_escape(reader);
}

/* Behind the opening bracket. */
static void read_class(struct reader *reader)
{
    bool is_negated = take(reader, '^');
    unsigned first = reader->n_ranges;

    while (!take(reader, ']') && reader->reason == NULL) {
        int32_t low, high;

        if (peek(reader) == NO_CHARACTER) {
            refuse(reader, "has a [ without its ]");
            return;
        }
        if (take_named_class(reader))
            continue;
        low = high = read_class_character(reader);
        if (peek(reader) == '-' && reader->text[reader->at + 1] != ']' &&
            reader->text[reader->at + 1] != NO_CHARACTER) {
            reader->at++;
            if (take_named_class(reader)) /* [a-\d]: the hyphen is one */
                add_range(reader, '-', '-');
            else
                high = read_class_character(reader);
        }
        if (high < low)
            refuse(reader, "has a range whose end is before its start");
        add_range(reader, low, high);
    }
    add_op(reader, is_negated ? OP_NOT_OF : OP_OF, (int32_t)first,
           (int32_t)(reader->n_ranges - first));
}

static void read_choice(struct reader *reader);

/* Behind the opening parenthesis. */
static void read_group(struct reader *reader)
{
    if (take(reader, '?')) {
        bool is_named = peek(reader) == '<' && reader->text[reader->at + 1] != '=' &&
                        reader->text[reader->at + 1] != '!';

        while (is_named && peek(reader) != NO_CHARACTER && peek(reader) != '>')
            reader->at++;
        if (!take(reader, is_named ? '>' : ':'))
            refuse(reader, "looks ahead or behind, which is not supported");
    }
    if (reader->depth == MAX_GROUPS_DEEP)
        refuse(reader, "has too many groups in one another");
    if (reader->reason != NULL)
        return;
    reader->depth++;
    read_choice(reader);
    reader->depth--;
    if (!take(reader, ')'))
        refuse(reader, "has a ( without its )");
}

/* One thing that a repetition may follow; false: it may not. */
static bool read_atom(struct reader *reader)
{
    unsigned first = reader->n_ranges;
    int32_t c;

    if (take_named_class(reader)) {
        add_op(reader, OP_OF, (int32_t)first, (int32_t)(reader->n_ranges - first));
        return true;
    }
    c = reader->text[reader->at++];
    if (c == '(') {
        read_group(reader);
    } else if (c == '[') {
        read_class(reader);
    } else if (c == '.') {
        add_op(reader, OP_ANY, 0, 0);
    } else if (c == '^' || c == '$') {
        add_op(reader, c == '^' ? OP_START : OP_END, 0, 0);
        return false;
    } else if (c == '\\' && (peek(reader) == 'b' || peek(reader) == 'B')) {
        add_op(reader, reader->text[reader->at++] == 'b' ? OP_EDGE : OP_NO_EDGE, 0, 0);
        return false;
    } else if (c == '*' || c == '+' || c == '?') {
        refuse(reader, "repeats nothing");
    } else {
        add_op(reader, OP_CHARACTER, c == '\\' ? read_escape(reader) : c, 0);
    }
    return true;
}

/* ---- repetition ----------------------------------------------------------------------------- */

enum { UNBOUNDED = PATTERN_MAX_OPS };

static bool take_number(struct reader *reader, unsigned *ret)
{
    unsigned start = reader->at;

    for (*ret = 0; peek(reader) >= '0' && peek(reader) <= '9'; reader->at++)
        *ret = *ret >= UNBOUNDED ? UNBOUNDED : *ret * 10 + (unsigned)(peek(reader) - '0');
    return reader->at > start;
}

/* {n}, {n,} or {n,m}; anything else with a brace is text, as browsers have it. */
static bool take_counts(struct reader *reader, unsigned *ret_min, unsigned *ret_max)
{
    unsigned start = reader->at;
    bool is_counts = take(reader, '{') && take_number(reader, ret_min), has_max = true;

    *ret_max = *ret_min;
    if (is_counts && take(reader, ','))
        has_max = take_number(reader, ret_max);
    is_counts = is_counts && take(reader, '}');
    if (!is_counts)
        reader->at = start;
    else if (*ret_min >= UNBOUNDED || (has_max && *ret_max >= UNBOUNDED))
        refuse(reader, "has a repetition count that is too large");
    else if (has_max && *ret_max < *ret_min)
        refuse(reader, "has repetition counts in the wrong order");
    if (!has_max)
        *ret_max = UNBOUNDED;
    return is_counts;
}

static bool take_repetition(struct reader *reader, unsigned *ret_min, unsigned *ret_max)
{
    *ret_min = *ret_max = 1;
    if (take(reader, '*') || take(reader, '+')) {
        *ret_min = reader->text[reader->at - 1] == '+';
        *ret_max = UNBOUNDED;
    } else if (take(reader, '?')) {
        *ret_min = 0;
    } else if (!take_counts(reader, ret_min, ret_max)) {
        return false;
    }
    (void)take(reader, '?'); /* lazy: another way to the same answer */
    return true;
}

static void copy_piece(struct reader *reader, unsigned start, unsigned length)
{
    for (unsigned i = 0; i < length; i++) {
        struct pattern_op op = reader->ops[start + i];

        add_op(reader, op.code, op.x, op.y);
    }
}

/* Makes of the last piece, once there, min to max of it. */
static void repeat(struct reader *reader, unsigned start, unsigned min, unsigned max)
{
    int32_t length = (int32_t)(reader->n_ops - start);

    if (max == 0) {
        reader->n_ops = start;
        return;
    }
    for (unsigned i = 1; i < min && reader->reason == NULL; i++)
        copy_piece(reader, start, (unsigned)length);
    if (max >= UNBOUNDED && min > 0) {
        add_op(reader, OP_SPLIT, -length, 1);
    } else if (max >= UNBOUNDED) {
        insert_op(reader, start, OP_SPLIT, 1, length + 2);
        add_op(reader, OP_JUMP, -(length + 1), 0);
    } else {
        if (min == 0) /* the piece that is there is the first that may be missing */
            insert_op(reader, start, OP_SPLIT, 1, (int32_t)max * (length + 1));
        for (unsigned i = min == 0 ? 1 : min; i < max && reader->reason == NULL; i++) {
            add_op(reader, OP_SPLIT, 1, (int32_t)(max - i) * (length + 1));
            copy_piece(reader, min == 0 ? start + 1 : start, (unsigned)length);
        }
    }
}

static void read_sequence(struct reader *reader)
{
    while (peek(reader) != NO_CHARACTER && peek(reader) != '|' && peek(reader) != ')' &&
           reader->reason == NULL) {
        unsigned start = reader->n_ops;
        bool is_repeatable = read_atom(reader);
        unsigned min, max;

        if (reader->reason != NULL || !take_repetition(reader, &min, &max))
            continue;
        if (!is_repeatable)
            refuse(reader, "repeats nothing");
        if (reader->reason == NULL)
            repeat(reader, start, min, max);
    }
}

/* Alternatives from left to right: the split before each leads to it or behind its jump. */
static void read_choice(struct reader *reader)
{
    unsigned jumps[PATTERN_MAX_CHARACTERS], n_jumps = 0;
    unsigned start = reader->n_ops;

    read_sequence(reader);
    while (take(reader, '|') && reader->reason == NULL) {
        insert_op(reader, start, OP_SPLIT, 1, (int32_t)(reader->n_ops - start) + 2);
        jumps[n_jumps++] = reader->n_ops;
        add_op(reader, OP_JUMP, 0, 0);
        start = reader->n_ops;
        read_sequence(reader);
    }
    for (unsigned i = 0; i < n_jumps && reader->reason == NULL; i++)
        reader->ops[jumps[i]].x = (int32_t)(reader->n_ops - jumps[i]);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static struct pattern *copy_out(const struct reader *reader, pattern_alloc_fn *alloc,
                                void *alloc_arg)
{
    size_t ops_size = reader->n_ops * sizeof(reader->ops[0]);
    size_t ranges_size = reader->n_ranges * sizeof(reader->ranges[0]);
    struct pattern *pattern = alloc(alloc_arg, sizeof(*pattern) + ops_size + ranges_size);
    char *behind = (char *)(pattern + 1);

    memcpy(behind, reader->ops, ops_size);
    memcpy(behind + ops_size, reader->ranges, ranges_size);
    pattern->n_ops = reader->n_ops;
    pattern->ops = (const struct pattern_op *)(const void *)behind;
    pattern->ranges = (const struct pattern_range *)(const void *)(behind + ops_size);
    return pattern;
}

struct pattern *pattern_compile(struct hk_str inside, pattern_alloc_fn *alloc, void *alloc_arg,
                                const char **ret_reason)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    struct pattern *pattern = NULL;
    unsigned n = 0;

    if (reader == NULL)
        abort();
    for (size_t at = 0; at < inside.n && n < PATTERN_MAX_CHARACTERS; n++)
        reader->text[n] = text_next(inside, &at);
    reader->text[n] = NO_CHARACTER;
    if (text_length(inside) > PATTERN_MAX_CHARACTERS)
        refuse(reader, "is too long");
    else
        read_choice(reader);
    if (reader->reason == NULL && peek(reader) == ')')
        refuse(reader, "has a ) without its (");

    *ret_reason = reader->reason;
    if (reader->reason == NULL) {
        reader->ops[reader->n_ops++] = (struct pattern_op){.code = OP_MATCH};
        pattern = copy_out(reader, alloc, alloc_arg);
    }
    free(reader);
    return pattern;
}

unsigned pattern_n_ops(const struct pattern *pattern)
{
    return pattern->n_ops;
}
