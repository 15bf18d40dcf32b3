/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk_json_scan() against jansson: they accept the same texts, but for what hk_json_scan.h says
 * (numbers of any size, U+0000 in names, depth), and hk_json_next() finds in them what jansson
 * found.
 */
#include <jansson.h>

#include "hk/json_scan.h"
#include "tests/fuzz/fuzz.h"

static void compare(struct hk_json_span span, json_t *parsed);

static bool is_within(struct hk_str inner, struct hk_str outer)
{
    return inner.n > 0 && inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n;
}

/* Each part of a valid text is a valid text. */
static void scan_again(struct hk_json_span span)
{
    struct hk_json_span again;
    size_t at;

    FUZZ_MUST(hk_json_scan(span.bytes, &again, &at));
    FUZZ_MUST(again.kind == span.kind);
    FUZZ_MUST(again.bytes.p == span.bytes.p && again.bytes.n == span.bytes.n);
}

static void compare_string(struct hk_str quoted, struct hk_str expected)
{
    bool has_nul = memchr(expected.p, '\0', expected.n) != NULL;
    char *decoded = malloc(quoted.n);
    size_t n;

    FUZZ_MUST(decoded != NULL);
    n = hk_json_string_decode(quoted, decoded);
    if (has_nul) {
        FUZZ_MUST(n == SIZE_MAX);
        FUZZ_MUST(!hk_json_string_eq(quoted, expected.p));
    } else {
        FUZZ_MUST(hk_str_eq((struct hk_str){decoded, n}, expected));
        FUZZ_MUST(hk_json_string_eq(quoted, expected.p));
    }
    free(decoded);
}

static void compare_array(struct hk_json_span span, json_t *parsed)
{
    struct hk_json_cursor cursor = {.bytes = span.bytes};
    struct hk_json_span element;
    struct hk_str name;
    size_t n = 0;

    while (hk_json_next(&cursor, &name, &element)) {
        FUZZ_MUST(name.p == NULL);
        FUZZ_MUST(is_within(element.bytes, span.bytes));
        scan_again(element);
        compare(element, json_array_get(parsed, n));
        n++;
    }
    FUZZ_MUST(n == json_array_size(parsed));
    FUZZ_MUST(!hk_json_next(&cursor, &name, &element));
}

/* The last of several members of one name is the one that jansson keeps. */
static bool is_last_of_its_name(struct hk_json_cursor cursor, const char *wanted)
{
    struct hk_json_span value;
    struct hk_str name;

    while (hk_json_next(&cursor, &name, &value)) {
        if (hk_json_string_eq(name, wanted))
            return false;
    }
    return true;
}

static void compare_object(struct hk_json_span span, json_t *parsed)
{
    struct hk_json_cursor cursor = {.bytes = span.bytes};
    struct hk_json_span value;
    struct hk_str quoted;
    size_t n = 0;

    while (hk_json_next(&cursor, &quoted, &value)) {
        char *name = malloc(quoted.n);
        json_t *member;
        size_t length;

        FUZZ_MUST(name != NULL);
        FUZZ_MUST(is_within(quoted, span.bytes) && is_within(value.bytes, span.bytes));
        scan_again(value);
        length = hk_json_string_decode(quoted, name);
        FUZZ_MUST(length < quoted.n); /* jansson has refused names with U+0000 */
        name[length] = '\0';
        member = json_object_get(parsed, name);
        FUZZ_MUST(member != NULL && hk_json_string_eq(quoted, name));
        if (is_last_of_its_name(cursor, name)) {
            compare(value, member);
            n++;
        }
        free(name);
    }
    FUZZ_MUST(n == json_object_size(parsed));
}

static void compare(struct hk_json_span span, json_t *parsed)
{
    switch (span.kind) {
    case HK_JSON_OBJECT:
        FUZZ_MUST(json_is_object(parsed));
        compare_object(span, parsed);
        return;
    case HK_JSON_ARRAY:
        FUZZ_MUST(json_is_array(parsed));
        compare_array(span, parsed);
        return;
    case HK_JSON_STRING:
        FUZZ_MUST(json_is_string(parsed));
        compare_string(span.bytes,
                       (struct hk_str){json_string_value(parsed), json_string_length(parsed)});
        return;
    case HK_JSON_NUMBER:
        FUZZ_MUST(json_is_number(parsed));
        return;
    case HK_JSON_TRUE:
        FUZZ_MUST(json_is_true(parsed));
        return;
    case HK_JSON_FALSE:
        FUZZ_MUST(json_is_false(parsed));
        return;
    case HK_JSON_NULL:
        FUZZ_MUST(json_is_null(parsed));
        return;
    }
    FUZZ_MUST(false);
}

/* Brackets outside of strings, of a valid text. */
static size_t measure_depth(struct hk_str text)
{
    bool is_in_string = false;
    size_t depth = 0;
    size_t deepest = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '"')
            is_in_string = !is_in_string;
        else if (is_in_string)
            i += c == '\\';
        else if (c == '{' || c == '[')
            deepest = ++depth > deepest ? depth : deepest;
        else if (c == '}' || c == ']')
            depth--;
    }
    return deepest;
}

/* On any bytes the walk stays within them and ends. */
static void walk_nonsense(struct hk_str bytes)
{
    struct hk_json_cursor cursor = {.bytes = bytes};
    struct hk_json_span value;
    struct hk_str name;
    size_t n = 0;

    while (hk_json_next(&cursor, &name, &value)) {
        char *decoded = malloc(name.n + value.bytes.n + 1);

        FUZZ_MUST(decoded != NULL);
        FUZZ_MUST(++n <= bytes.n);
        if (name.p != NULL)
            (void)hk_json_string_decode(name, decoded);
        (void)hk_json_string_decode(value.bytes, decoded);
        (void)hk_json_string_eq(value.bytes, "payload");
        free(decoded);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str text = {(const char *)data, size};
    json_auto_t *parsed = NULL;
    struct hk_json_span span;
    json_error_t error;
    size_t at = SIZE_MAX;
    bool is_valid = hk_json_scan(text, &span, &at);

    walk_nonsense(text);
    parsed = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!is_valid) {
        FUZZ_MUST(at <= size);
        /* jansson 2.14 passes over a NUL byte behind a number or a word */
        FUZZ_MUST(parsed == NULL || measure_depth(text) > HK_JSON_MAX_DEPTH ||
                  memchr(data, '\0', size) != NULL);
        return 0;
    }

    FUZZ_MUST(is_within(span.bytes, text));
    FUZZ_MUST(measure_depth(text) <= HK_JSON_MAX_DEPTH);
    scan_again(span);
    if (parsed != NULL)
        compare(span, parsed);
    else
        FUZZ_MUST(json_error_code(&error) == json_error_numeric_overflow ||
                  json_error_code(&error) == json_error_null_byte_in_key);
    return 0;
}
