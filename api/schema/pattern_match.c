/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern_match.c - all ways through the pattern at once (Thompson): the operations that are being
 * tried form a set, and each character makes the next set out of it.
 */
#include "api/schema/pattern_op.h"
#include "api/schema/text.h"

struct match {
    const struct pattern *pattern;
    unsigned n_tried; /* operations that want a character */
    uint16_t tried[PATTERN_MAX_OPS];
    unsigned n_next; /* where to go on behind the character */
    uint16_t next[PATTERN_MAX_OPS];
    uint16_t stack[PATTERN_MAX_OPS];
    uint32_t seen_at[PATTERN_MAX_OPS]; /* the step in which an operation was last reached */
    uint32_t step;
    int32_t before, behind; /* the characters around the place; -1: none */
};

static bool is_word_character(int32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

static bool is_line_end(int32_t c)
{
    return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

static bool is_of(const struct match *match, const struct pattern_op *op, int32_t c)
{
    const struct pattern_range *ranges = match->pattern->ranges + op->x;

    for (int32_t i = 0; i < op->y; i++) {
        if (c >= ranges[i].low && c <= ranges[i].high)
            return true;
    }
    return false;
}

static bool takes(const struct match *match, const struct pattern_op *op, int32_t c)
{
    if (op->code == OP_CHARACTER)
        return op->x == c;
    if (op->code == OP_ANY)
        return !is_line_end(c);
    return is_of(match, op, c) == (op->code == OP_OF);
}

static bool holds(const struct match *match, enum pattern_code code)
{
    bool is_edge = is_word_character(match->before) != is_word_character(match->behind);

    if (code == OP_START)
        return match->before < 0;
    if (code == OP_END)
        return match->behind < 0;
    return is_edge == (code == OP_EDGE);
}

static void push(struct match *match, unsigned *n_stack, unsigned at)
{
    if (match->seen_at[at] == match->step)
        return;
    match->seen_at[at] = match->step;
    match->stack[(*n_stack)++] = (uint16_t)at;
}

/* Follows from `at` what needs no character; true when the end of the pattern is reached. */
static bool reach(struct match *match, unsigned at, struct budget *budget)
{
    unsigned n_stack = 0;

    push(match, &n_stack, at);
    while (n_stack > 0 && budget_spend(budget, 1)) {
        const struct pattern_op *op;

        at = match->stack[--n_stack];
        op = &match->pattern->ops[at];
        switch (op->code) {
        case OP_MATCH:
            return true;
        case OP_SPLIT:
            push(match, &n_stack, at + (unsigned)op->x);
            push(match, &n_stack, at + (unsigned)op->y);
            break;
        case OP_JUMP:
            push(match, &n_stack, at + (unsigned)op->x);
            break;
        case OP_START:
        case OP_END:
        case OP_EDGE:
        case OP_NO_EDGE:
            if (holds(match, op->code))
                push(match, &n_stack, at + 1);
            break;
        case OP_CHARACTER:
        case OP_ANY:
        case OP_OF:
        case OP_NOT_OF:
            (void)budget_spend(budget, (size_t)op->y / 8); /* of ranges */
            match->tried[match->n_tried++] = (uint16_t)at;
            break;
        }
    }
    return false;
}

/* One place of the text: true when the pattern ends here. */
static bool step(struct match *match, struct budget *budget)
{
    bool is_start_only = match->pattern->ops[0].code == OP_START && match->before >= 0;
    unsigned n_next = match->n_next;

    match->step++;
    match->n_tried = 0;
    match->n_next = 0;
    for (unsigned i = 0; i < n_next; i++) {
        if (reach(match, match->next[i], budget))
            return true;
    }
    if (!is_start_only && reach(match, 0, budget))
        return true;
    for (unsigned i = 0; i < match->n_tried; i++) {
        const struct pattern_op *op = &match->pattern->ops[match->tried[i]];

        if (match->behind >= 0 && takes(match, op, match->behind))
            match->next[match->n_next++] = (uint16_t)(match->tried[i] + 1);
    }
    return false;
}

bool pattern_matches(const struct pattern *pattern, struct hk_str inside, struct budget *budget)
{
    struct match match;
    size_t at = 0;

    match.pattern = pattern;
    match.n_next = 0;
    match.step = 0;
    match.before = -1;
    memset(match.seen_at, 0, pattern->n_ops * sizeof(match.seen_at[0]));
    do {
        match.behind = at < inside.n ? text_next(inside, &at) : -1;
        if (!budget_spend(budget, 1))
            return false;
        if (step(&match, budget))
            return true;
        match.before = match.behind;
    } while (match.behind >= 0 && (match.n_next > 0 || pattern->ops[0].code != OP_START));
    return false;
}
