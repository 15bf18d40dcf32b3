/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/base.h - attributes, small macros, and struct hk_str. Includes nothing of ours.
 */
#ifndef HK_BASE_H
#define HK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HK_UNUSED                          __attribute__((unused))
#define HK_NODISCARD                       __attribute__((warn_unused_result))
#define HK_NORETURN                        __attribute__((noreturn))
#define HK_PRINTF(f, a)                    __attribute__((format(printf, f, a)))
#define HK_CLEANUP(fn)                     __attribute__((cleanup(fn)))

#define HK_COUNTOF(array)                  (sizeof(array) / sizeof((array)[0]))
#define HK_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/*
 * Borrowed bytes, passed by value. Not NUL-terminated. `p` is NULL for "absent" (SQL NULL),
 * which differs from the empty string.
 */
struct hk_str {
    const char *p;
    size_t n;
};

#define HK_STR(literal) ((struct hk_str){"" literal, sizeof(literal) - 1})
#define HK_STR_NULL     ((struct hk_str){NULL, 0})

static inline struct hk_str hk_str(const char *text)
{
    return (struct hk_str){text, text == NULL ? 0 : strlen(text)};
}

static inline bool hk_str_eq(struct hk_str a, struct hk_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Without the blanks and tabs around it: OWS of RFC 9110, 5.6.3. */
static inline struct hk_str hk_str_trim(struct hk_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct hk_str){s.p + 1, s.n - 1};
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

#endif
