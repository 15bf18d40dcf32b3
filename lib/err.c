/* SPDX-License-Identifier: Apache-2.0 */
/* The error catalogue as a table, and the one way to fill a struct hk_error. */
#include "hk/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const struct hk_code_info infos[HK_CODE_COUNT] = {
#define HK_ERROR(code, http_status, slug, title, is_retryable)                                     \
    [code] = {http_status, slug, title, is_retryable},
#include "hk/errors.def"
#undef HK_ERROR
};

const struct hk_code_info *hk_code_info(enum hk_code code)
{
    assert(code >= HK_OK && code < HK_CODE_COUNT);
    return code == HK_OK ? NULL : &infos[code];
}

enum hk_code hk_code_from_slug(struct hk_str slug)
{
    for (unsigned i = HK_OK + 1; i < HK_CODE_COUNT; i++) {
        if (hk_str_eq(slug, hk_str(infos[i].slug)))
            return (enum hk_code)i;
    }
    return HK_INTERNAL;
}

/* A cut in the middle of a character would make the problem document invalid JSON. */
static void drop_half_character(char *text)
{
    size_t n = strlen(text);
    size_t start = n;
    unsigned char lead;
    size_t wanted;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;

    start--;
    lead = (unsigned char)text[start];
    wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (n - start < wanted)
        text[start] = '\0';
}

static void set_pointer(struct hk_error *error, const char *pointer)
{
    int n = snprintf(error->pointer, sizeof(error->pointer), "%s", pointer == NULL ? "" : pointer);

    if (n >= (int)sizeof(error->pointer))
        drop_half_character(error->pointer);
}

enum hk_code hk_fail(struct hk_error *reterr, enum hk_code code, const char *pointer,
                     const char *detail, ...)
{
    va_list args;
    int n;

    if (reterr == NULL)
        return code;

    reterr->code = code;
    set_pointer(reterr, pointer);

    va_start(args, detail);
    n = vsnprintf(reterr->detail, sizeof(reterr->detail), detail, args);
    va_end(args);
    if (n >= (int)sizeof(reterr->detail))
        drop_half_character(reterr->detail);

    return code;
}
