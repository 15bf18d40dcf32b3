/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/json_fields.h - the members of a JSON object, by a table. Private to lib. Pure.
 *
 * Decoded strings live in one allocation, which has room for all that the text can hold: pointers
 * into it stay valid while others are added.
 */
#ifndef LIB_JSON_FIELDS_H
#define LIB_JSON_FIELDS_H

#include "hk/err.h"
#include "hk/json_scan.h"

/* Decoded strings, each NUL-terminated. */
struct json_texts {
    char *p;
    size_t n, size;
};

/* Room for the strings of a text of `n_json` bytes. */
void json_texts_init(struct json_texts *texts, size_t n_json);

/* Wipes and frees what json_texts_init() allocated: secrets may be among it. `n`: of the JSON. */
void json_texts_free(char *p, size_t n_json);

/* False: it holds U+0000. */
HK_NODISCARD bool json_texts_add(struct json_texts *texts, struct hk_str quoted,
                                 struct hk_str *ret);

enum json_field_type {
    JSON_FIELD_STRING,  /* struct hk_str, decoded; min to max bytes */
    JSON_FIELD_INTEGER, /* int64_t; min to max */
    JSON_FIELD_OBJECT,  /* struct hk_str, as it was written */
    JSON_FIELD_ARRAY,
    JSON_FIELD_ANY,
};

struct json_field {
    const char *name;
    enum json_field_type type;
    int64_t min, max;
    const char *choices; /* of a string: "one|other"; NULL: any */
    size_t offset;       /* in what is filled */
};

/* Whose members are read, and which: bit i of a set is fields[i]. */
struct json_fields {
    const struct json_field *fields;
    size_t n_fields; /* at most 32 */
    uint32_t allowed, required;
};

/*
 * Fills `ret`, what is absent stays as it is; null is refused. `pointer` is that of the object.
 * HK_OK, or HK_INVALID_BODY with the member's pointer.
 */
HK_NODISCARD enum hk_code json_fields_read(const struct json_fields *table, struct hk_str object,
                                           const char *pointer, struct json_texts *texts, void *ret,
                                           struct hk_error *reterr);

/* Fails with the pointer of a member. */
enum hk_code json_fields_fail(struct hk_error *reterr, const char *pointer, const char *name,
                              const char *detail);

/* Validates `json` as one value of that kind, without its blanks in `ret`. */
HK_NODISCARD enum hk_code json_fields_scan(struct hk_str json, enum hk_json_kind kind,
                                           const char *pointer, struct hk_str *ret,
                                           struct hk_error *reterr);

#endif
