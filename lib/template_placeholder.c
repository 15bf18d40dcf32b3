/* SPDX-License-Identifier: Apache-2.0 */
/* Along the grammar in hk/template.h. The first fault is remembered; all that follows is false. */
#include "template_placeholder.h"

struct reader {
    struct hk_str text; /* behind "{{" */
    size_t at;
    struct template_placeholder *into;
    const char *fault; /* static words; NULL: none */
};

static bool fail(struct reader *r, const char *fault)
{
    if (r->fault == NULL)
        r->fault = fault;
    return false;
}

/* NUL at the end. */
static char peek(const struct reader *r)
{
    if (r->at < r->text.n)
        return r->text.p[r->at];
    return '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
        r->at++;
}

static bool take(struct reader *r, const char *token)
{
    size_t n = strlen(token);

    if (r->text.n - r->at < n || memcmp(r->text.p + r->at, token, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* A word, and no letter or digit behind it. */
static bool take_word(struct reader *r, const char *word)
{
    size_t at = r->at;

    if (!take(r, word))
        return false;
    if (!is_letter(peek(r)) && !is_digit(peek(r)))
        return true;
    r->at = at;
    return false;
}

/* At most six digits. */
static bool read_number(struct reader *r, size_t *ret)
{
    size_t start = r->at;

    *ret = 0;
    while (is_digit(peek(r)) && r->at - start < 6)
        *ret = *ret * 10 + (size_t)(r->text.p[r->at++] - '0');
    return (r->at > start && !is_digit(peek(r))) ||
           fail(r, "a number from 0 to 999999 is expected");
}

/* A scalar as in JSON, with its quotes. */
static bool read_literal(struct reader *r, struct hk_json_span *ret)
{
    size_t start = r->at, at;

    if (peek(r) == '"') {
        for (r->at++; r->at < r->text.n && peek(r) != '"'; r->at++)
            r->at += peek(r) == '\\';
        r->at = r->at < r->text.n ? r->at + 1 : r->text.n;
    } else {
        while (is_letter(peek(r)) || is_digit(peek(r)) ||
               (peek(r) != '\0' && strchr("+-.", peek(r)) != NULL))
            r->at++;
    }
    if (!hk_json_scan((struct hk_str){r->text.p + start, r->at - start}, ret, &at))
        return fail(r, "a string, a number, true, false or null is expected, as in JSON");
    return true;
}

static bool add_step(struct reader *r, const char *name, size_t index)
{
    struct template_placeholder *into = r->into;

    if (into->n_steps == HK_TEMPLATE_MAX_STEPS)
        return fail(r, "the path is too long");
    into->steps[into->n_steps++] = (struct template_step){name, index};
    return true;
}

/* A name goes on decoded, with a NUL. */
static bool add_name(struct reader *r, struct hk_str text, bool is_quoted)
{
    struct template_placeholder *into = r->into;
    char *name = into->names + into->n_names;
    size_t n = text.n;

    if (text.n + 1 > sizeof(into->names) - into->n_names)
        return fail(r, "the path is too long");
    if (is_quoted)
        n = hk_json_string_decode(text, name);
    else
        memcpy(name, text.p, text.n);
    if (n == SIZE_MAX)
        return fail(r, "a name has no U+0000");
    name[n] = '\0';
    into->n_names += n + 1;
    return add_step(r, name, 0);
}

static bool read_name(struct reader *r)
{
    size_t start = r->at;

    if (!is_letter(peek(r)))
        return fail(r, "a member's name is expected; others than letters, digits, _ and - take "
                       "[\"...\"]");
    while (is_letter(peek(r)) || is_digit(peek(r)) || peek(r) == '-')
        r->at++;
    return add_name(r, (struct hk_str){r->text.p + start, r->at - start}, false);
}

static bool read_bracket(struct reader *r)
{
    struct hk_json_span name;
    size_t index;

    if (peek(r) == '"') {
        if (!read_literal(r, &name) || !add_name(r, name.bytes, true))
            return false;
    } else if (!read_number(r, &index) || !add_step(r, NULL, index)) {
        return false;
    }
    return take(r, "]") || fail(r, "] is expected");
}

static bool read_path(struct reader *r)
{
    static const struct {
        const char *word;
        enum template_root root;
    } roots[] = {
        {"$request", TEMPLATE_REQUEST},
        {"$steps", TEMPLATE_STEPS},
        {"$flow", TEMPLATE_FLOW},
        {"$", TEMPLATE_VALUE},
    };

    for (size_t i = 0;; i++) {
        if (i == HK_COUNTOF(roots))
            return fail(r, "$, $request, $steps, $flow or a literal is expected");
        if (take_word(r, roots[i].word)) {
            r->into->root = roots[i].root;
            break;
        }
    }
    for (;;) {
        if (take(r, ".") ? !read_name(r) : take(r, "[") && !read_bracket(r))
            return false;
        if (peek(r) != '.' && peek(r) != '[')
            return true;
    }
}

static bool read_filter(struct reader *r)
{
    struct template_placeholder *into = r->into;
    struct hk_json_span literal;
    size_t max;

    skip_blanks(r);
    if (take_word(r, "max")) {
        skip_blanks(r);
        if (!read_number(r, &max))
            return false;
        into->max_chars = max < into->max_chars ? max : into->max_chars;
        return true;
    }
    if (!take_word(r, "default"))
        return fail(r, "there are \"max\" and \"default\" behind |");
    skip_blanks(r);
    if (!read_literal(r, &literal))
        return false;
    if (into->otherwise.bytes.p == NULL)
        into->otherwise = literal;
    return true;
}

static bool read_placeholder(struct reader *r)
{
    unsigned n_filters = 0;

    skip_blanks(r);
    if (peek(r) == '$') {
        if (!read_path(r))
            return false;
    } else {
        r->into->root = TEMPLATE_LITERAL;
        if (!read_literal(r, &r->into->literal))
            return false;
    }
    for (;;) {
        skip_blanks(r);
        if (take(r, "}}"))
            return true;
        if (!take(r, "|"))
            return fail(r, "| or }} is expected");
        if (++n_filters > HK_TEMPLATE_MAX_FILTERS)
            return fail(r, "there are too many filters");
        if (!read_filter(r))
            return false;
    }
}

bool template_next(struct hk_str *rest, struct hk_str *ret_plain, struct template_placeholder *ret,
                   const char **reterr)
{
    const char *braces = rest->n < 2 ? NULL : memmem(rest->p, rest->n, "{{", 2);
    size_t n_plain = braces == NULL ? rest->n : (size_t)(braces - rest->p);
    struct reader r;

    *reterr = NULL;
    if (rest->n == 0)
        return false;
    if (n_plain > 0) {
        *ret_plain = (struct hk_str){rest->p, n_plain};
        *rest = (struct hk_str){rest->p + n_plain, rest->n - n_plain};
        return true;
    }
    *ret_plain = HK_STR_NULL;
    ret->n_steps = 0;
    ret->n_names = 0;
    ret->max_chars = SIZE_MAX;
    ret->otherwise.bytes = HK_STR_NULL;
    r = (struct reader){.text = {rest->p + 2, rest->n - 2}, .into = ret};
    if (!read_placeholder(&r)) {
        *reterr = r.fault;
        return false;
    }
    *rest = (struct hk_str){r.text.p + r.at, r.text.n - r.at};
    return true;
}
