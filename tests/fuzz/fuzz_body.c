/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_check() with a table of all types: what it accepts is what jansson reads as an object of
 * known members; what it refuses has a sentence and a pointer that are whole and valid.
 */
#include <jansson.h>

#include "api/http/body.h"
#include "tests/fuzz/fuzz.h"

/* clang-format off */
static const struct body_field inner[] = {
    {"company", BODY_STRING, BODY_REQUIRED | BODY_NONEMPTY, .max = 8},
    {"values", BODY_MAP, 0, .max = 3},
    {0},
};
static const struct body_field fields[] = {
    {"name", BODY_STRING, BODY_REQUIRED | BODY_NONEMPTY, .max = 5},
    {"text", BODY_STRING, BODY_NULLABLE, .max = 300},
    {"kind", BODY_STRING, 0, .choices = "standard|basecone"},
    {"number", BODY_INTEGER, BODY_NULLABLE, .max = 30000, .min = -1000},
    {"flag", BODY_BOOLEAN, .flags = 0},
    {"list", BODY_STRING_LIST, BODY_NONEMPTY, .max = 3},
    {"object", BODY_OBJECT, BODY_NULLABLE, .fields = inner},
    {"objects", BODY_OBJECT_LIST, 0, .max = 3, .fields = inner},
    {"map", BODY_MAP, 0, .max = 3},
    {"any", BODY_ANY, .flags = 0},
    {0},
};
/* clang-format on */

static bool is_utf8(const char *text)
{
    json_auto_t *string = json_string(text); /* NULL when it is not UTF-8 */

    return string != NULL;
}

static void must_be_a_pointer(const char *pointer)
{
    FUZZ_MUST(pointer[0] == '\0' || pointer[0] == '/');
    FUZZ_MUST(is_utf8(pointer));
    for (const char *tilde = strchr(pointer, '~'); tilde != NULL; tilde = strchr(tilde + 1, '~'))
        FUZZ_MUST(tilde[1] == '0' || tilde[1] == '1');
}

/* The value that a pointer points at, or NULL. Names of more than 255 bytes are in no pointer. */
static json_t *resolve(json_t *value, const char *pointer)
{
    while (value != NULL && *pointer == '/') {
        char name[256];
        size_t n = 0;

        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
            if (*pointer == '~')
                name[n++] = *++pointer == '0' ? '~' : '/';
            else
                name[n++] = *pointer;
        }
        name[n] = '\0';
        value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
                                     : json_object_get(value, name);
    }
    return value;
}

static void must_be_known(json_t *object)
{
    const char *name;
    json_t *value;

    FUZZ_MUST(json_is_object(object) && json_is_string(json_object_get(object, "name")));
    json_object_foreach(object, name, value)
    {
        const struct body_field *field = fields;

        while (field->name != NULL && strcmp(field->name, name) != 0)
            field++;
        FUZZ_MUST(field->name != NULL);
        FUZZ_MUST(!json_is_null(value) || (field->flags & BODY_NULLABLE) != 0 ||
                  field->type == BODY_ANY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str body = {(const char *)data, size};
    struct hk_error error = {.code = HK_OK};
    enum hk_code code = body_check(body, fields, &error);
    json_auto_t *parsed = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *at_fault;

    FUZZ_MUST(error.code == code);
    if (code == HK_OK) {
        must_be_known(parsed);
        return 0;
    }

    FUZZ_MUST(code == HK_MALFORMED_JSON || code == HK_INVALID_BODY);
    FUZZ_MUST(error.detail[0] != '\0' && is_utf8(error.detail));
    must_be_a_pointer(error.pointer);
    if (code == HK_MALFORMED_JSON) {
        /* jansson 2.14 passes over a NUL byte behind a number or a word */
        FUZZ_MUST(parsed == NULL || memchr(data, '\0', size) != NULL);
        FUZZ_MUST(error.pointer[0] == '\0');
        return 0;
    }
    if (parsed == NULL)
        return 0;

    at_fault = resolve(parsed, error.pointer);
    FUZZ_MUST((at_fault == NULL) == (strcmp(error.detail, "is required") == 0));
    return 0;
}
