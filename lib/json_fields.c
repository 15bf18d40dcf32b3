/* SPDX-License-Identifier: Apache-2.0 */
#include "json_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk/utf8.h"

void json_texts_init(struct json_texts *texts, size_t n_json)
{
    *texts = (struct json_texts){.p = malloc(n_json + 1), .size = n_json + 1};
    if (texts->p == NULL) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
}

void json_texts_free(char *p, size_t n_json)
{
    if (p == NULL)
        return;
    explicit_bzero(p, n_json + 1);
    free(p);
}

bool json_texts_add(struct json_texts *texts, struct hk_str quoted, struct hk_str *ret)
{
    char *p = texts->p + texts->n; /* the quotes leave room for the NUL */
    size_t n = hk_json_string_decode(quoted, p);

    if (n == SIZE_MAX)
        return false;
    p[n] = '\0';
    texts->n += n + 1;
    *ret = (struct hk_str){p, n};
    return true;
}

enum hk_code json_fields_fail(struct hk_error *reterr, const char *pointer, const char *name,
                              const char *detail)
{
    char place[sizeof(reterr->pointer)];

    (void)snprintf(place, sizeof(place), "%s/%s", pointer, name);
    return hk_fail(reterr, HK_INVALID_BODY, place, "%s", detail);
}

static bool is_choice(struct hk_str value, const char *choices)
{
    for (const char *at = choices;; at++) {
        struct hk_str choice = {at, strcspn(at, "|")};

        if (hk_str_eq(choice, value))
            return true;
        at += choice.n;
        if (*at == '\0')
            return false;
    }
}

/* As many digits as any limit has, without a fraction or exponent. */
static bool read_integer(struct hk_str bytes, int64_t *ret)
{
    int64_t value = 0;

    if (bytes.n > 15)
        return false;
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] < '0' || bytes.p[i] > '9')
            return false;
        value = value * 10 + (bytes.p[i] - '0');
    }
    *ret = value;
    return true;
}

static enum hk_code read_string(const struct json_field *field, struct hk_str quoted,
                                const char *pointer, struct json_texts *texts, struct hk_str *ret,
                                struct hk_error *reterr)
{
    char detail[sizeof(reterr->detail)];

    if (!json_texts_add(texts, quoted, ret))
        return json_fields_fail(reterr, pointer, field->name, "must not hold U+0000");
    if (field->choices != NULL && !is_choice(*ret, field->choices)) {
        (void)snprintf(detail, sizeof(detail), "must be one of %s", field->choices);
        return json_fields_fail(reterr, pointer, field->name, detail);
    }
    if (field->choices == NULL && ((int64_t)ret->n < field->min || (int64_t)ret->n > field->max)) {
        (void)snprintf(detail, sizeof(detail), "must have %lld to %lld bytes",
                       (long long)field->min, (long long)field->max);
        return json_fields_fail(reterr, pointer, field->name, detail);
    }
    return HK_OK;
}

static enum hk_code read_value(const struct json_field *field, const struct hk_json_span *value,
                               const char *pointer, struct json_texts *texts, void *ret,
                               struct hk_error *reterr)
{
    static const enum hk_json_kind kinds[] = {
        [JSON_FIELD_STRING] = HK_JSON_STRING,
        [JSON_FIELD_INTEGER] = HK_JSON_NUMBER,
        [JSON_FIELD_OBJECT] = HK_JSON_OBJECT,
        [JSON_FIELD_ARRAY] = HK_JSON_ARRAY,
    };
    static const char *const wanted[] = {
        [JSON_FIELD_STRING] = "must be a string",
        [JSON_FIELD_INTEGER] = "must be an integer",
        [JSON_FIELD_OBJECT] = "must be an object",
        [JSON_FIELD_ARRAY] = "must be an array",
    };
    char detail[sizeof(reterr->detail)];
    int64_t number;

    if (field->type == JSON_FIELD_ANY) {
        memcpy(ret, &value->bytes, sizeof(value->bytes));
        return HK_OK;
    }
    if (value->kind != kinds[field->type])
        return json_fields_fail(reterr, pointer, field->name, wanted[field->type]);
    if (field->type == JSON_FIELD_STRING)
        return read_string(field, value->bytes, pointer, texts, ret, reterr);
    if (field->type != JSON_FIELD_INTEGER) {
        memcpy(ret, &value->bytes, sizeof(value->bytes));
        return HK_OK;
    }
    if (!read_integer(value->bytes, &number) || number < field->min || number > field->max) {
        (void)snprintf(detail, sizeof(detail), "must be an integer from %lld to %lld",
                       (long long)field->min, (long long)field->max);
        return json_fields_fail(reterr, pointer, field->name, detail);
    }
    memcpy(ret, &number, sizeof(number));
    return HK_OK;
}

/* The row of a member; n_fields: there is none, or it may not stand here. */
static size_t find_field(const struct json_fields *table, struct hk_str name)
{
    for (size_t i = 0; i < table->n_fields; i++) {
        if ((table->allowed >> i & 1) != 0 && hk_json_string_eq(name, table->fields[i].name))
            return i;
    }
    return table->n_fields;
}

/* The name as it stands there goes into the pointer, cut at a character. */
static enum hk_code refuse_unknown(struct hk_str quoted, const char *pointer,
                                   struct hk_error *reterr)
{
    char name[65] = "";
    size_t n = 0;

    while (n + 2 < quoted.n) {
        size_t size = hk_utf8_size(quoted.p + 1 + n, quoted.n - 2 - n);

        if (size == 0 || n + size >= sizeof(name))
            break;
        memcpy(name + n, quoted.p + 1 + n, size);
        n += size;
    }
    return json_fields_fail(reterr, pointer, name, "is not a member of this object");
}

enum hk_code json_fields_read(const struct json_fields *table, struct hk_str object,
                              const char *pointer, struct json_texts *texts, void *ret,
                              struct hk_error *reterr)
{
    struct hk_json_cursor cursor = {.bytes = object};
    struct hk_json_span value;
    struct hk_str name;
    uint32_t seen = 0;

    while (hk_json_next(&cursor, &name, &value)) {
        size_t i = find_field(table, name);
        enum hk_code code;

        if (i == table->n_fields)
            return refuse_unknown(name, pointer, reterr);
        if ((seen >> i & 1) != 0)
            return json_fields_fail(reterr, pointer, table->fields[i].name, "stands there twice");
        seen |= UINT32_C(1) << i;
        code = read_value(&table->fields[i], &value, pointer, texts,
                          (char *)ret + table->fields[i].offset, reterr);
        if (code != HK_OK)
            return code;
    }
    for (size_t i = 0; i < table->n_fields; i++) {
        if ((table->required & ~seen) >> i & 1)
            return json_fields_fail(reterr, pointer, table->fields[i].name, "is required");
    }
    return HK_OK;
}

enum hk_code json_fields_scan(struct hk_str json, enum hk_json_kind kind, const char *pointer,
                              struct hk_str *ret, struct hk_error *reterr)
{
    struct hk_json_span span;
    size_t at;

    if (!hk_json_scan(json, &span, &at))
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "is not JSON at byte offset %zu", at);
    if (span.kind != kind)
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "must be %s",
                       kind == HK_JSON_OBJECT ? "an object" : "an array");
    *ret = span.bytes;
    return HK_OK;
}
