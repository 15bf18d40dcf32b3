/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/json_member.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct hk_str json, size_t *at)
{
    while (*at < json.n && is_blank(json.p[*at]))
        (*at)++;
}

/* From the opening quote to behind the closing one. */
static void skip_string(struct hk_str json, size_t *at)
{
    for ((*at)++; *at < json.n && json.p[*at] != '"'; (*at)++) {
        if (json.p[*at] == '\\')
            (*at)++;
    }
    (*at)++;
}

/* To the comma or bracket that ends the value at *at. */
static void skip_value(struct hk_str json, size_t *at)
{
    unsigned depth = 0;

    while (*at < json.n) {
        char c = json.p[*at];

        if (c == '"') {
            skip_string(json, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        (*at)++;
    }
}

static struct hk_str cut(struct hk_str json, size_t from, size_t to)
{
    if (to > json.n) /* only when the JSON is not valid after all */
        to = json.n;
    while (to > from && is_blank(json.p[to - 1]))
        to--;
    return from < to ? (struct hk_str){json.p + from, to - from} : HK_STR_NULL;
}

struct hk_str hk_json_member(struct hk_str json, struct hk_str name)
{
    size_t at = 0;

    skip_blanks(json, &at);
    if (at == json.n || json.p[at] != '{')
        return HK_STR_NULL;
    while (++at < json.n) { /* behind '{' or ',' */
        size_t name_at, value_at;
        struct hk_str found;

        skip_blanks(json, &at);
        if (at == json.n || json.p[at] != '"')
            return HK_STR_NULL;
        name_at = at + 1;
        skip_string(json, &at);
        if (at > json.n) /* not valid after all */
            return HK_STR_NULL;
        found = (struct hk_str){json.p + name_at, at - 1 - name_at};
        skip_blanks(json, &at);
        at++; /* the colon */
        skip_blanks(json, &at);
        value_at = at;
        skip_value(json, &at);
        if (at <= json.n && hk_str_eq(found, name))
            return cut(json, value_at, at);
        if (at >= json.n || json.p[at] != ',')
            return HK_STR_NULL;
    }
    return HK_STR_NULL;
}
