/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema/text.h"

struct hk_str text_inside(struct hk_str quoted)
{
    return quoted.n < 2 ? HK_STR("") : (struct hk_str){quoted.p + 1, quoted.n - 2};
}

/* Well-formed UTF-8 is what hk_json_scan() lets pass; on other bytes it stays within the text. */
int32_t text_next_plain(struct hk_str plain, size_t *at)
{
    uint8_t lead = (uint8_t)plain.p[(*at)++];
    unsigned n_more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    int32_t code_point = lead < 0x80 ? lead : lead & (0x3f >> n_more);

    for (; n_more > 0 && *at < plain.n; n_more--)
        code_point = code_point << 6 | (plain.p[(*at)++] & 0x3f);
    return code_point;
}

/* Four hexadecimal digits, or what is left of them. */
static int32_t read_hex4(struct hk_str inside, size_t *at)
{
    int32_t value = 0;

    for (int i = 0; i < 4 && *at < inside.n; i++) {
        char c = inside.p[(*at)++];

        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static int32_t next_escape(struct hk_str inside, size_t *at)
{
    static const char names[] = "bfnrt";
    static const char values[] = "\b\f\n\r\t";
    const char *found;
    int32_t high, low;
    char c;

    if (++*at >= inside.n)
        return '\\';
    c = inside.p[(*at)++];
    if (c != 'u') {
        found = strchr(names, c);
        return found == NULL || c == '\0' ? (uint8_t)c : values[found - names];
    }
    high = read_hex4(inside, at);
    if (high < 0xd800 || high > 0xdbff || inside.n - *at < 6)
        return high;
    *at += 2;
    low = read_hex4(inside, at);
    return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
}

int32_t text_next(struct hk_str inside, size_t *at)
{
    return inside.p[*at] == '\\' ? next_escape(inside, at) : text_next_plain(inside, at);
}

size_t text_length(struct hk_str inside)
{
    size_t n = 0;

    for (size_t at = 0; at < inside.n; n++)
        (void)text_next(inside, &at);
    return n;
}

static bool has_escape(struct hk_str inside)
{
    return inside.n > 0 && memchr(inside.p, '\\', inside.n) != NULL;
}

bool text_eq(struct hk_str inside_a, struct hk_str inside_b)
{
    size_t a = 0, b = 0;

    if (!has_escape(inside_a) && !has_escape(inside_b))
        return hk_str_eq(inside_a, inside_b);
    while (a < inside_a.n && b < inside_b.n) {
        if (text_next(inside_a, &a) != text_next(inside_b, &b))
            return false;
    }
    return a == inside_a.n && b == inside_b.n;
}

bool text_eq_plain(struct hk_str inside, struct hk_str plain)
{
    size_t a = 0, b = 0;

    while (a < inside.n && b < plain.n) {
        if (text_next(inside, &a) != text_next_plain(plain, &b))
            return false;
    }
    return a == inside.n && b == plain.n;
}

/* FNV-1a, by code points. */
uint32_t text_hash(struct hk_str inside)
{
    uint32_t hash = 2166136261u;

    for (size_t at = 0; at < inside.n;) {
        uint8_t c = (uint8_t)inside.p[at];
        uint32_t code_point = c;

        if (c < 0x80 && c != '\\')
            at++;
        else
            code_point = (uint32_t)text_next(inside, &at);
        hash = (hash ^ code_point) * 16777619u;
    }
    return hash;
}

size_t text_encode(int32_t code_point, char ret[4])
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
