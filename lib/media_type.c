/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/media_type.h"

#include <strings.h>

/* Takes what is before the next `separator` off `rest`; false when nothing is left. */
static bool take_part(struct hk_str *rest, char separator, struct hk_str *ret)
{
    const char *end;

    if (rest->p == NULL)
        return false;
    end = memchr(rest->p, separator, rest->n);
    *ret = hk_str_trim((struct hk_str){rest->p, end == NULL ? rest->n : (size_t)(end - rest->p)});
    *rest =
        end == NULL ? HK_STR_NULL : (struct hk_str){end + 1, rest->n - (size_t)(end + 1 - rest->p)};
    return true;
}

static bool eq_without_case(struct hk_str a, struct hk_str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* The type without its parameters. */
static struct hk_str bare(const char *type)
{
    return hk_str_trim((struct hk_str){type, strcspn(type, ";")});
}

bool hk_media_type_is(struct hk_str header, const char *type)
{
    struct hk_str given;

    return take_part(&header, ';', &given) && eq_without_case(given, bare(type));
}

/* How specific a range is that matches: 3 the type itself, 2 its main type, 1 all; 0: no match. */
static unsigned specificity(struct hk_str range, struct hk_str type)
{
    size_t main_n = (size_t)((const char *)memchr(type.p, '/', type.n) - type.p) + 1;

    if (eq_without_case(range, type))
        return 3;
    if (range.n == main_n + 1 && range.p[main_n] == '*' &&
        strncasecmp(range.p, type.p, main_n) == 0)
        return 2;
    return hk_str_eq(range, HK_STR("*/*")) || hk_str_eq(range, HK_STR("*")) ? 1 : 0;
}

/* Whether the parameters of a range say "q=0", "q=0.0", ...: anything but this. */
static bool is_refusal(struct hk_str parameters)
{
    struct hk_str parameter;

    while (take_part(&parameters, ';', &parameter)) {
        if (parameter.n < 3 || strncasecmp(parameter.p, "q=", 2) != 0)
            continue;
        for (size_t i = 2; i < parameter.n; i++) {
            if (parameter.p[i] != '0' && parameter.p[i] != '.')
                return false;
        }
        return true;
    }
    return false;
}

bool hk_media_type_is_accepted(struct hk_str header, const char *type)
{
    struct hk_str part, range, wanted = bare(type);
    unsigned best = 0;
    bool is_accepted = hk_str_trim(header).n == 0;

    while (take_part(&header, ',', &part)) {
        unsigned fits = take_part(&part, ';', &range) ? specificity(range, wanted) : 0;

        if (fits > best) {
            best = fits;
            is_accepted = !is_refusal(part);
        }
    }
    return is_accepted;
}
