/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator is one loop over values with a stack of bits, one bit for each open container: no
 * recursion, so that a body cannot choose how much stack is used. The walk (hk_json_next) trusts
 * what the validator accepted and only looks for ends; on other text it finds nonsense, but stays
 * within the text and comes to an end.
 */
#include "hk/json_scan.h"

#include "hk/utf8.h"

#include "json_plain.h"

/* Classes of bytes. */
enum {
    PLAIN = 1u << 0, /* stands for itself in a string: ASCII but for quote, backslash, controls */
    BLANK = 1u << 1,
    DIGIT = 1u << 2,
    MARK = 1u << 3, /* a quote or a bracket: what skip_container() stops at */
    END = 1u << 4,  /* what a number or a word ends at */
};

/* clang-format off */
static const uint8_t classes[256] = {
    ['\t'] = BLANK | END, ['\n'] = BLANK | END, ['\r'] = BLANK | END, [' '] = BLANK | END | PLAIN,
    ['!'] = PLAIN, ['"'] = MARK, ['#' ... '+'] = PLAIN, [','] = PLAIN | END, ['-' ... '/'] = PLAIN,
    ['0' ... '9'] = PLAIN | DIGIT, [':' ... 'Z'] = PLAIN, ['['] = PLAIN | MARK,
    [']'] = PLAIN | MARK | END, ['^' ... 'z'] = PLAIN, ['{'] = PLAIN | MARK, ['|'] = PLAIN,
    ['}'] = PLAIN | MARK | END, ['~' ... 0x7f] = PLAIN,
};
/* clang-format on */

static bool is_of(char c, unsigned wanted)
{
    return (classes[(uint8_t)c] & wanted) != 0;
}

/* The validator. A function that returns false leaves `at` on the fault. */
struct scan {
    const char *at;
    const char *end;
    uint64_t objects; /* bit 0: the innermost open container is an object; bit 1: the next one */
    unsigned depth;
};

_Static_assert(HK_JSON_MAX_DEPTH <= 64, "one bit of scan.objects for each level");

static bool is_at(const struct scan *scan, char c)
{
    return scan->at < scan->end && *scan->at == c;
}

/* Moves behind `c` if it is here. */
static bool take(struct scan *scan, char c)
{
    bool is_here = is_at(scan, c);

    scan->at += is_here;
    return is_here;
}

static void scan_blanks(struct scan *scan)
{
    while (scan->at < scan->end && is_of(*scan->at, BLANK))
        scan->at++;
}

/* What may follow a backslash besides u, and what it then stands for. */
static const char escapes[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
static const char escaped[] = {'"', '\\', '/', '\b', '\f', '\n', '\r', '\t'};

/* The value of four hexadecimal digits, or -1. */
static int32_t read_hex4(const char *p)
{
    int32_t value = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];
        char lower = (char)(c | 0x20);

        if (is_of(c, DIGIT))
            value = value << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/*
 * The code point of the \u escape at `p`, of which `n` bytes are left, and its length: 6, or 12 for
 * a pair of surrogates. -1: no escape, or half a pair.
 */
static int32_t read_unicode_escape(const char *p, size_t n, size_t *ret_length)
{
    int32_t high = n >= 6 ? read_hex4(p + 2) : -1;
    int32_t low;

    *ret_length = 6;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high > 0xdbff || n < 12 || p[6] != '\\' || p[7] != 'u')
        return -1;

    low = read_hex4(p + 8);
    if (low < 0xdc00 || low > 0xdfff)
        return -1;

    *ret_length = 12;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static bool scan_escape(struct scan *scan)
{
    size_t n = (size_t)(scan->end - scan->at);
    size_t length = 2;

    if (n < 2)
        return false;
    if (scan->at[1] == 'u' ? read_unicode_escape(scan->at, n, &length) < 0
                           : memchr(escapes, scan->at[1], sizeof(escapes)) == NULL)
        return false;
    scan->at += length;
    return true;
}

static bool scan_utf8(struct scan *scan)
{
    size_t size =
        (uint8_t)*scan->at < 0x80 ? 0 : hk_utf8_size(scan->at, (size_t)(scan->end - scan->at));

    scan->at += size;
    return size > 0; /* a control character is none that may stand in a string */
}

static bool scan_string(struct scan *scan)
{
    scan->at++;
    for (;;) {
        scan->at = json_skip_plain(scan->at, scan->end);
        while (scan->at < scan->end && is_of(*scan->at, PLAIN))
            scan->at++;
        if (scan->at == scan->end)
            return false;
        if (*scan->at == '"')
            break;
        if (*scan->at == '\\' ? !scan_escape(scan) : !scan_utf8(scan))
            return false;
    }
    scan->at++;
    return true;
}

static bool scan_digits(struct scan *scan)
{
    const char *start = scan->at;

    while (scan->at < scan->end && is_of(*scan->at, DIGIT))
        scan->at++;
    return scan->at > start;
}

static bool scan_number(struct scan *scan)
{
    (void)take(scan, '-');
    if (!take(scan, '0') && !scan_digits(scan))
        return false; /* a digit behind the 0 is a fault of what follows the number */
    if (take(scan, '.') && !scan_digits(scan))
        return false;
    if (take(scan, 'e') || take(scan, 'E')) {
        (void)(take(scan, '+') || take(scan, '-'));
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(struct scan *scan, const char *word, size_t n)
{
    if ((size_t)(scan->end - scan->at) < n || memcmp(scan->at, word, n) != 0)
        return false;
    scan->at += n;
    return true;
}

/* A member's name and colon. */
static bool scan_name(struct scan *scan)
{
    scan_blanks(scan);
    if (!is_at(scan, '"') || !scan_string(scan))
        return false;
    scan_blanks(scan);
    return take(scan, ':');
}

static char closing_bracket(const struct scan *scan)
{
    return (scan->objects & 1) != 0 ? '}' : ']';
}

static void leave_container(struct scan *scan)
{
    scan->objects >>= 1;
    scan->depth--;
}

/* The opening bracket. A container that is not empty is left open, on its first value. */
static bool scan_opening(struct scan *scan)
{
    bool is_object = *scan->at == '{';

    if (scan->depth == HK_JSON_MAX_DEPTH)
        return false;

    scan->objects = scan->objects << 1 | is_object;
    scan->depth++;
    scan->at++;
    scan_blanks(scan);
    if (take(scan, closing_bracket(scan))) {
        leave_container(scan);
        return true;
    }
    return !is_object || scan_name(scan);
}

/* A whole scalar, or a container's opening. */
static bool scan_value_start(struct scan *scan)
{
    if (scan->at == scan->end)
        return false;
    switch (*scan->at) {
    case '{':
    case '[':
        return scan_opening(scan);
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true", 4);
    case 'f':
        return scan_word(scan, "false", 5);
    case 'n':
        return scan_word(scan, "null", 4);
    default:
        return scan_number(scan);
    }
}

/* Behind a value: closes what ends here, and goes on behind a comma if there is one. */
static bool scan_value_end(struct scan *scan)
{
    while (scan->depth > 0) {
        scan_blanks(scan);
        if (take(scan, ','))
            return (scan->objects & 1) == 0 || scan_name(scan);
        if (!take(scan, closing_bracket(scan)))
            return false;
        leave_container(scan);
    }
    return true;
}

static bool scan_value(struct scan *scan)
{
    do {
        unsigned depth = scan->depth;

        scan_blanks(scan);
        if (!scan_value_start(scan))
            return false;
        if (scan->depth <= depth && !scan_value_end(scan)) /* else: its first value comes now */
            return false;
    } while (scan->depth > 0);
    return true;
}

/* By the first byte. */
static enum hk_json_kind kind_of(char c)
{
    static const uint8_t kinds[256] = {
        ['{'] = HK_JSON_OBJECT, ['['] = HK_JSON_ARRAY, ['"'] = HK_JSON_STRING,
        ['t'] = HK_JSON_TRUE,   ['f'] = HK_JSON_FALSE, ['n'] = HK_JSON_NULL,
    };
    uint8_t kind = kinds[(uint8_t)c];

    return kind == 0 ? HK_JSON_NUMBER : (enum hk_json_kind)kind;
}

bool hk_json_scan(struct hk_str text, struct hk_json_span *ret, size_t *ret_at)
{
    struct hk_str bytes = text.n > 0 ? text : HK_STR("");
    struct scan scan = {.at = bytes.p, .end = bytes.p + bytes.n};
    struct hk_json_span value;
    bool is_valid;

    scan_blanks(&scan);
    value.bytes.p = scan.at;
    is_valid = scan_value(&scan);
    value.bytes.n = (size_t)(scan.at - value.bytes.p);
    if (is_valid)
        scan_blanks(&scan);
    if (!is_valid || scan.at < scan.end) {
        *ret_at = (size_t)(scan.at - bytes.p);
        return false;
    }

    value.kind = kind_of(value.bytes.p[0]);
    *ret = value;
    return true;
}

/* The walk. These return the offset behind what they skip, at most text.n. */

static size_t skip_blanks(struct hk_str text, size_t at)
{
    while (at < text.n && is_of(text.p[at], BLANK))
        at++;
    return at;
}

static size_t skip_string(struct hk_str text, size_t at)
{
    const char *p = text.p + at + 1, *end = text.p + text.n, *quote, *escape;

    while (p < end && (quote = memchr(p, '"', (size_t)(end - p))) != NULL) {
        escape = quote;
        while (escape > p && escape[-1] == '\\')
            escape--;
        p = quote + 1;
        if ((quote - escape) % 2 == 0) /* each backslash stands for the next */
            return (size_t)(p - text.p);
    }
    return text.n;
}

static size_t skip_container(struct hk_str text, size_t at)
{
    size_t depth = 0;

    while (at < text.n) {
        if (text.p[at] == '"') {
            at = skip_string(text, at);
        } else {
            depth += text.p[at] == '{' || text.p[at] == '[' ? 1 : -1;
            at++;
            if (depth == 0)
                break;
        }
        while (at < text.n && !is_of(text.p[at], MARK))
            at++;
    }
    return at;
}

static size_t skip_value(struct hk_str text, size_t at)
{
    if (text.p[at] == '"')
        return skip_string(text, at);
    if (text.p[at] == '{' || text.p[at] == '[')
        return skip_container(text, at);

    while (at < text.n && !is_of(text.p[at], END))
        at++;
    return at;
}

static struct hk_str cut(struct hk_str text, size_t from, size_t to)
{
    return (struct hk_str){text.p + from, to - from};
}

bool hk_json_next(struct hk_json_cursor *cursor, struct hk_str *ret_name,
                  struct hk_json_span *ret_value)
{
    struct hk_str text = cursor->bytes;
    struct hk_str name = HK_STR_NULL;
    size_t start;
    size_t at;

    if (text.n == 0 || (text.p[0] != '{' && text.p[0] != '['))
        return false;

    at = skip_blanks(text, cursor->at == 0 ? 1 : cursor->at);
    if (at < text.n && text.p[at] == ',')
        at = skip_blanks(text, at + 1);
    if (at >= text.n || text.p[at] == '}' || text.p[at] == ']')
        return false;

    if (text.p[0] == '{') {
        start = at;
        at = skip_string(text, at);
        name = cut(text, start, at);
        at = skip_blanks(text, at);
        at = skip_blanks(text, at + 1); /* the colon */
        if (at >= text.n)
            return false;
    }

    start = at;
    at = skip_value(text, at);
    cursor->at = at;
    *ret_name = name;
    *ret_value = (struct hk_json_span){kind_of(text.p[start]), cut(text, start, at)};
    return true;
}

struct hk_json_span hk_json_of(struct hk_str bytes)
{
    return (struct hk_json_span){kind_of(bytes.p[0]), bytes};
}

/* What stands between the quotes. */
static struct hk_str unquote(struct hk_str quoted)
{
    return quoted.n < 2 ? HK_STR("") : (struct hk_str){quoted.p + 1, quoted.n - 2};
}

static size_t encode_utf8(int32_t code_point, char ret[4])
{
    static const uint8_t leads[] = {0x00, 0xc0, 0xe0, 0xf0};
    size_t n_more = code_point < 0x80 ? 0 : code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;

    for (size_t i = n_more; i > 0; i--) {
        ret[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    ret[0] = (char)(leads[n_more] | code_point);
    return n_more + 1;
}

/* Decodes the escape at `*at` and moves behind it. 0: it is U+0000 (or no escape at all). */
static size_t decode_escape(struct hk_str inside, size_t *at, char ret[4])
{
    const char *found;
    int32_t code_point;
    size_t length;

    if (inside.n - *at < 2)
        return 0;
    if (inside.p[*at + 1] == 'u') {
        code_point = read_unicode_escape(inside.p + *at, inside.n - *at, &length);
        *at += length;
        return code_point <= 0 ? 0 : encode_utf8(code_point, ret);
    }

    found = memchr(escapes, inside.p[*at + 1], sizeof(escapes));
    if (found == NULL)
        return 0;
    ret[0] = escaped[found - escapes];
    *at += 2;
    return 1;
}

bool hk_json_string_eq(struct hk_str quoted, const char *text)
{
    struct hk_str inside = unquote(quoted);
    struct hk_str wanted = hk_str(text);
    size_t at = 0;

    if (memchr(inside.p, '\\', inside.n) == NULL)
        return hk_str_eq(inside, wanted);

    while (at < inside.n) {
        char bytes[4] = {inside.p[at]};
        size_t n = 1;

        if (bytes[0] == '\\')
            n = decode_escape(inside, &at, bytes);
        else
            at++;
        if (n == 0 || n > wanted.n || memcmp(bytes, wanted.p, n) != 0)
            return false;
        wanted.p += n;
        wanted.n -= n;
    }
    return wanted.n == 0;
}

size_t hk_json_string_decode(struct hk_str quoted, char *ret)
{
    struct hk_str inside = unquote(quoted);
    size_t at = 0;
    size_t n = 0;

    while (at < inside.n) {
        size_t length = 1;

        if (inside.p[at] == '\\')
            length = decode_escape(inside, &at, ret + n); /* never longer than the escape */
        else
            ret[n] = inside.p[at++];
        if (length == 0)
            return SIZE_MAX;
        n += length;
    }
    return n;
}
