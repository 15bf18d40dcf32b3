/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - a recursive descent along the grammar in filter.h. The first fault is remembered with
 * its place, and every function returns false from then on.
 */
#include "hk/filter.h"

struct reader {
    struct hk_str text;
    size_t at;
    unsigned n_terms, n_wildcards, depth;
    char root; /* of the paths here: '$', or '@' within "?" */
    size_t fault_at;
    const char *fault; /* static words; NULL: none */
};

/* The way through a path. */
struct path {
    unsigned n_steps, n_wildcards, n_filters;
};

static bool read_filter(struct reader *r);

static bool fail_at(struct reader *r, size_t at, const char *fault)
{
    r->fault_at = at;
    r->fault = fault;
    return false;
}

static bool fail(struct reader *r, const char *fault)
{
    return fail_at(r, r->at, fault);
}

/* The byte `ahead` of here; NUL at the end: no token holds one. */
static char peek(const struct reader *r, size_t ahead)
{
    if (r->at + ahead < r->text.n)
        return r->text.p[r->at + ahead];
    return '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static void skip_blanks(struct reader *r)
{
    while (peek(r, 0) == ' ' || peek(r, 0) == '\t' || peek(r, 0) == '\n' || peek(r, 0) == '\r')
        r->at++;
}

/* Takes `token` when it is next; a word only when no word goes on behind it. */
static bool take(struct reader *r, const char *token)
{
    size_t n = strlen(token);

    if (r->text.n - r->at < n || memcmp(r->text.p + r->at, token, n) != 0)
        return false;
    if (is_word(token[n - 1]) && is_word(peek(r, n)))
        return false;
    r->at += n;
    return true;
}

static bool count(struct reader *r, unsigned *n, unsigned max, const char *fault)
{
    return ++*n <= max || fail(r, fault);
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The escape behind a backslash: JSON's, but \u0000 and surrogates. */
static bool read_escape(struct reader *r)
{
    int code = 0;

    if (peek(r, 0) != '\0' && strchr("\"\\/bfnrt", peek(r, 0)) != NULL) {
        r->at++;
        return true;
    }
    if (peek(r, 0) != 'u')
        return fail(r, "there is no such escape");
    r->at++;
    for (unsigned i = 0; i < 4; i++, r->at++) {
        int digit = hex_value(peek(r, 0));

        if (digit < 0)
            return fail(r, "\\u takes four hexadecimal digits");
        code = code << 4 | digit;
    }
    if (code == 0 || (code >= 0xd800 && code <= 0xdfff))
        return fail(r, "\\u0000 and surrogates are not taken");
    return true;
}

static bool read_string(struct reader *r)
{
    if (!take(r, "\""))
        return fail(r, "a string in double quotes is expected");
    for (;;) {
        char c = peek(r, 0);

        if ((unsigned char)c < 0x20)
            return fail(r, "the string does not end, or holds a control character");
        r->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !read_escape(r))
            return false;
    }
}

static size_t skip_digits(struct reader *r)
{
    size_t start = r->at;

    while (is_digit(peek(r, 0)))
        r->at++;
    return r->at - start;
}

/* As JSON has it, with few enough digits to cost nothing. */
static bool read_number(struct reader *r)
{
    size_t start = r->at;
    bool is_zero, is_legal;
    size_t n_digits;

    (void)take(r, "-");
    is_zero = peek(r, 0) == '0';
    n_digits = skip_digits(r);
    is_legal = n_digits > 0 && n_digits <= 30 && !(is_zero && n_digits > 1);
    if (is_legal && take(r, ".")) {
        n_digits = skip_digits(r);
        is_legal = n_digits > 0 && n_digits <= 30;
    }
    if (is_legal && (peek(r, 0) == 'e' || peek(r, 0) == 'E')) {
        r->at++;
        if (peek(r, 0) == '+' || peek(r, 0) == '-')
            r->at++;
        n_digits = skip_digits(r);
        is_legal = n_digits > 0 && n_digits <= 3;
    }
    if (!is_legal || is_word(peek(r, 0)) || peek(r, 0) == '.')
        return fail_at(r, start, "this is no number that a filter takes");
    return true;
}

static bool read_literal(struct reader *r)
{
    skip_blanks(r);
    if (peek(r, 0) == '"')
        return read_string(r);
    if (is_digit(peek(r, 0)) || peek(r, 0) == '-')
        return read_number(r);
    if (take(r, "true") || take(r, "false") || take(r, "null"))
        return true;
    return fail(r, "a string, a number, true, false or null is expected");
}

static bool read_name(struct reader *r)
{
    if (peek(r, 0) == '"')
        return read_string(r);
    if (!is_word(peek(r, 0)) || is_digit(peek(r, 0)))
        return fail(r, "a member's name is expected");
    while (is_word(peek(r, 0)))
        r->at++;
    if ((unsigned char)peek(r, 0) >= 0x80)
        return fail(r, "a name with other characters than A-Z, a-z, 0-9 and _ takes double quotes");
    return true;
}

static bool read_index(struct reader *r, struct path *path)
{
    size_t start = r->at;
    size_t n_digits;

    if (take(r, "*]"))
        return count(r, &path->n_wildcards, 1, "a path has one [*] at most") &&
               count(r, &r->n_wildcards, HK_FILTER_MAX_WILDCARDS, "there are too many [*]");
    n_digits = skip_digits(r);
    if (n_digits == 0 || n_digits > 6 || (n_digits > 1 && r->text.p[start] == '0') || !take(r, "]"))
        return fail_at(r, start, "a number from 0 to 999999, or *, and ] are expected");
    return true;
}

static bool read_bracketed(struct reader *r)
{
    if (!take(r, "("))
        return fail(r, "( is expected");
    if (++r->depth > HK_FILTER_MAX_DEPTH)
        return fail(r, "the brackets are too deep");
    if (!read_filter(r))
        return false;
    r->depth--;
    return take(r, ")") || fail(r, "), && or || is expected");
}

/* Within, all paths begin with @: a path from $ would be gone for each element. */
static bool read_inner_filter(struct reader *r, struct path *path)
{
    bool is_legal;

    if (r->root == '@' || path->n_filters > 0)
        return fail(r, "there is no ? within a ?, and one in a path");
    path->n_filters++;
    r->at++;
    skip_blanks(r);
    r->root = '@';
    is_legal = read_bracketed(r);
    r->root = '$';
    return is_legal;
}

/* True when there is one; the end of the path, and a fault, are false. */
static bool read_step(struct reader *r, struct path *path)
{
    size_t start = r->at;

    if (take(r, "."))
        return read_name(r);
    if (take(r, "["))
        return read_index(r, path);
    skip_blanks(r);
    if (peek(r, 0) == '?')
        return read_inner_filter(r, path);
    r->at = start;
    return false;
}

static bool read_path(struct reader *r)
{
    struct path path = {0};

    skip_blanks(r);
    if (peek(r, 0) != r->root)
        return fail(r, r->root == '$' ? "a path that begins with $ is expected"
                                      : "a path that begins with @ is expected");
    r->at++;
    if (is_word(peek(r, 0)))
        return fail(r, "there are no variables");
    while (read_step(r, &path)) {
        if (!count(r, &path.n_steps, HK_FILTER_MAX_STEPS, "the path is too long"))
            return false;
    }
    return r->fault == NULL;
}

static bool read_comparison(struct reader *r)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">"};

    if (!read_path(r))
        return false;
    skip_blanks(r);
    if (take(r, "starts")) {
        skip_blanks(r);
        if (!take(r, "with"))
            return fail(r, "\"with\" is expected");
        skip_blanks(r);
        return read_string(r);
    }
    for (size_t i = 0; i < HK_COUNTOF(operators); i++) {
        if (take(r, operators[i]))
            return read_literal(r);
    }
    return fail(r, "==, !=, <, <=, >, >= or \"starts with\" is expected");
}

static bool read_exists(struct reader *r)
{
    skip_blanks(r);
    if (!take(r, "("))
        return fail(r, "( is expected");
    if (!read_path(r))
        return false;
    skip_blanks(r);
    return take(r, ")") || fail(r, ") is expected");
}

static bool read_term(struct reader *r)
{
    bool is_negated;

    skip_blanks(r);
    is_negated = take(r, "!");
    if (is_negated)
        skip_blanks(r);
    if (peek(r, 0) == '(')
        return read_bracketed(r);
    if (!count(r, &r->n_terms, HK_FILTER_MAX_TERMS, "there are too many terms"))
        return false;
    if (take(r, "exists"))
        return read_exists(r);
    if (is_negated)
        return fail(r, "( or exists is expected behind !");
    return read_comparison(r);
}

/* Terms with && and || between them: which of the two binds tighter does not matter here. */
static bool read_filter(struct reader *r)
{
    do {
        if (!read_term(r))
            return false;
        skip_blanks(r);
    } while (take(r, "&&") || take(r, "||"));
    return true;
}

enum hk_code hk_filter_check(struct hk_str filter, struct hk_error *reterr)
{
    struct reader r = {.text = filter, .root = '$'};

    if (filter.n == 0 || filter.n > HK_FILTER_MAX_BYTES)
        return hk_fail(reterr, HK_INVALID_BODY, "", "must have 1 to %d bytes", HK_FILTER_MAX_BYTES);
    if (read_filter(&r) && r.at < filter.n)
        (void)fail(&r, "&&, || or the end is expected");
    if (r.fault != NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "", "stops being a filter at byte offset %zu: %s",
                       r.fault_at, r.fault);
    return HK_OK;
}
