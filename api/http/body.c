/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body is looked at three times: its depth is counted, it is validated by the scanner (whose
 * faults have a place, and which does not pass over a NUL byte behind a number or a word, as
 * jansson 2.14 does), then jansson builds the tree that is compared with the table. What jansson
 * refuses after the scanner accepted is legal JSON that we do not take: a duplicate name, U+0000, a
 * number that neither int64 nor double holds.
 */
#include "api/http/body.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <jansson.h>

#include "hk/json_scan.h"

#define BODY_MAX_DEPTH 32

/* A check under way: where it is in the body, as a JSON Pointer (RFC 6901) that is never cut. */
struct check {
    char pointer[sizeof(((struct hk_error *)NULL)->pointer)];
    size_t n;
    struct hk_error *reterr;
};

static enum hk_code check_object(struct check *check, const struct body_field *fields,
                                 json_t *object);

static enum hk_code HK_PRINTF(2, 3) refuse(struct check *check, const char *format, ...)
{
    char detail[sizeof(check->reterr->detail)];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    return hk_fail(check->reterr, HK_INVALID_BODY, check->pointer, "%s", detail);
}

/* Goes down to the member `name`; false, and nothing changed, when the pointer gets too long. */
static bool push_name(struct check *check, struct hk_str name)
{
    size_t n = check->n;

    if (n + 2 > sizeof(check->pointer))
        return false;
    check->pointer[n++] = '/';
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_escaped = c == '~' || c == '/';

        if (n + is_escaped + 2 > sizeof(check->pointer)) {
            check->pointer[check->n] = '\0';
            return false;
        }
        if (is_escaped) {
            check->pointer[n++] = '~';
            c = c == '~' ? (char)'0' : (char)'1';
        }
        check->pointer[n++] = c;
    }
    check->pointer[n] = '\0';
    check->n = n;
    return true;
}

static bool push_index(struct check *check, size_t index)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%zu", index);

    return push_name(check, (struct hk_str){text, (size_t)n});
}

/* Goes back up to where `n` was the pointer's length. */
static void pop_to(struct check *check, size_t n)
{
    check->n = n;
    check->pointer[n] = '\0';
}

static const char *null_or(const struct body_field *field)
{
    return (field->flags & BODY_NULLABLE) != 0 ? "null or " : "";
}

/* "at most 3", or "1 to 3" when empty is not legal. */
static const char *describe_size(const struct body_field *field, char ret[32])
{
    const char *from = (field->flags & BODY_NONEMPTY) != 0 ? "1 to " : "at most ";

    (void)snprintf(ret, 32, "%s%" PRId64, from, field->max);
    return ret;
}

static bool is_size_legal(const struct body_field *field, size_t n)
{
    return n <= (uint64_t)field->max && (n > 0 || (field->flags & BODY_NONEMPTY) == 0);
}

static size_t count_characters(struct hk_str utf8)
{
    size_t n = 0;

    for (size_t i = 0; i < utf8.n; i++)
        n += (utf8.p[i] & 0xc0) != 0x80;
    return n;
}

static enum hk_code run_check(struct check *check, const struct body_field *field,
                              struct hk_str value)
{
    struct hk_error error = {.code = HK_OK};
    enum hk_code code;

    if (field->check == NULL)
        return HK_OK;

    code = field->check(value, &error);
    if (code != HK_OK)
        return hk_fail(check->reterr, code, check->pointer, "%s", error.detail);
    return HK_OK;
}

/* The choice at `*choices`, which moves behind it; .p is NULL when there is none left. */
static struct hk_str next_choice(const char **choices)
{
    const char *start = *choices;
    size_t n = strcspn(start, "|");

    if (*start == '\0')
        return HK_STR_NULL;
    *choices = start[n] == '|' ? start + n + 1 : start + n;
    return (struct hk_str){start, n};
}

static enum hk_code check_choice(struct check *check, const struct body_field *field,
                                 struct hk_str value)
{
    const char *choices = field->choices;
    char list[192] = "";
    size_t n = 0;

    for (struct hk_str choice = next_choice(&choices); choice.p != NULL;
         choice = next_choice(&choices)) {
        if (hk_str_eq(choice, value))
            return run_check(check, field, value);
        if (n < sizeof(list))
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%.*s", n == 0 ? "" : ", ",
                                  (int)choice.n, choice.p);
    }
    return refuse(check, "must be %sone of: %s", null_or(field), list);
}

static struct hk_str text_of(json_t *string)
{
    return (struct hk_str){json_string_value(string), json_string_length(string)};
}

static enum hk_code check_string(struct check *check, const struct body_field *field, json_t *value)
{
    struct hk_str text = json_is_string(value) ? text_of(value) : HK_STR_NULL;
    char size[32];

    if (field->choices != NULL) /* a list of what is legal says more than a length */
        return check_choice(check, field, text);
    if (text.p == NULL || !is_size_legal(field, count_characters(text)))
        return refuse(check, "must be %sa string of %s characters", null_or(field),
                      describe_size(field, size));
    return run_check(check, field, text);
}

static enum hk_code check_integer(struct check *check, const struct body_field *field,
                                  json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < field->min ||
        json_integer_value(value) > field->max)
        return refuse(check, "must be %san integer from %" PRId64 " to %" PRId64, null_or(field),
                      field->min, field->max);
    return HK_OK;
}

static enum hk_code check_number(struct check *check, const struct body_field *field, json_t *value)
{
    if (!json_is_number(value) || json_number_value(value) < (double)field->min ||
        json_number_value(value) > (double)field->max)
        return refuse(check, "must be %sa number from %" PRId64 " to %" PRId64, null_or(field),
                      field->min, field->max);
    return HK_OK;
}

static enum hk_code check_element(struct check *check, const struct body_field *field,
                                  json_t *element)
{
    if (field->type == BODY_OBJECT_LIST)
        return json_is_object(element) ? check_object(check, field->fields, element)
                                       : refuse(check, "must be an object");
    if (!json_is_string(element) || count_characters(text_of(element)) > BODY_MAX_ELEMENT)
        return refuse(check, "must be a string of at most %d characters", BODY_MAX_ELEMENT);
    return field->choices != NULL ? check_choice(check, field, text_of(element))
                                  : run_check(check, field, text_of(element));
}

static enum hk_code check_list(struct check *check, const struct body_field *field, json_t *value)
{
    const char *of = field->type == BODY_STRING_LIST ? "strings" : "objects";
    enum hk_code code = HK_OK;
    size_t n = check->n;
    char size[32];

    if (!json_is_array(value) || !is_size_legal(field, json_array_size(value)))
        return refuse(check, "must be %sa list of %s %s", null_or(field),
                      describe_size(field, size), of);

    for (size_t i = 0; i < json_array_size(value) && code == HK_OK; i++) {
        bool has_room = push_index(check, i);

        assert(has_room); /* what a table names and counts fits into a pointer */
        code = check_element(check, field, json_array_get(value, i));
        pop_to(check, n);
    }
    return code;
}

/* A member of a string map, at its own pointer. */
static enum hk_code check_string_member(struct check *check, const struct body_field *field,
                                        const char *name, json_t *member)
{
    struct body_field of_name = {.check = field->check_name};
    enum hk_code code = run_check(check, &of_name, hk_str(name));

    if (code != HK_OK || json_is_null(member))
        return code;
    return json_is_string(member) ? run_check(check, field, text_of(member))
                                  : refuse(check, "must be a string or null");
}

static enum hk_code check_map(struct check *check, const struct body_field *field, json_t *value)
{
    size_t n = check->n;
    const char *name;
    json_t *member;
    char size[32];

    if (!json_is_object(value) || !is_size_legal(field, json_object_size(value)))
        return refuse(check, "must be %san object of %s members", null_or(field),
                      describe_size(field, size));

    json_object_foreach(value, name, member)
    {
        if (!push_name(check, hk_str(name)))
            return refuse(check, "has a member whose name is too long");
        if (field->type == BODY_STRING_MAP) {
            enum hk_code code = check_string_member(check, field, name, member);

            if (code != HK_OK)
                return code;
        } else if (json_is_object(member) || json_is_array(member)) {
            return refuse(check, "must be a string, a number, true, false or null");
        }
        pop_to(check, n);
    }
    return HK_OK;
}

static enum hk_code check_value(struct check *check, const struct body_field *field, json_t *value)
{
    if (json_is_null(value) && (field->flags & BODY_NULLABLE) != 0)
        return HK_OK;

    switch (field->type) {
    case BODY_STRING:
        return check_string(check, field, value);
    case BODY_INTEGER:
        return check_integer(check, field, value);
    case BODY_NUMBER:
        return check_number(check, field, value);
    case BODY_BOOLEAN:
        return json_is_boolean(value) ? HK_OK
                                      : refuse(check, "must be %strue or false", null_or(field));
    case BODY_STRING_LIST:
    case BODY_OBJECT_LIST:
        return check_list(check, field, value);
    case BODY_OBJECT:
        return json_is_object(value) ? check_object(check, field->fields, value)
                                     : refuse(check, "must be %san object", null_or(field));
    case BODY_MAP:
    case BODY_STRING_MAP:
        return check_map(check, field, value);
    case BODY_ANY:
        return json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) <= (size_t)field->max
                   ? HK_OK
                   : refuse(check, "must not be larger than %lld bytes", (long long)field->max);
    }
    return refuse(check, "has no type"); /* route_check_all() refuses such a table */
}

static const struct body_field *find_field(const struct body_field *fields, const char *name)
{
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, name) == 0 || strcmp(fields->name, "*") == 0)
            return fields;
    }
    return NULL;
}

static enum hk_code check_required(struct check *check, const struct body_field *fields,
                                   json_t *object)
{
    for (; fields->name != NULL; fields++) {
        if ((fields->flags & BODY_REQUIRED) == 0 || json_object_get(object, fields->name) != NULL)
            continue;
        (void)push_name(check, hk_str(fields->name));
        return refuse(check, "is required");
    }
    return HK_OK;
}

/* In the order of the text, then what is missing in the order of the table. */
static enum hk_code check_object(struct check *check, const struct body_field *fields,
                                 json_t *object)
{
    size_t n = check->n;
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        const struct body_field *field = find_field(fields, name);
        enum hk_code code;

        if (!push_name(check, hk_str(name)))
            return refuse(check, "has a member whose name is too long");
        code = field == NULL ? refuse(check, "is not a member of this object")
                             : check_value(check, field, value);
        if (code != HK_OK)
            return code;
        pop_to(check, n);
    }
    return check_required(check, fields, object);
}

/* Brackets outside of strings; of any bytes, JSON or not. */
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
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return deepest;
}

/* False when the name holds U+0000 or does not fit: the pointer then stays on the object. */
static bool push_quoted(struct check *check, struct hk_str quoted)
{
    char name[sizeof(check->pointer)];
    size_t n;

    if (quoted.n > sizeof(name))
        return false;
    n = hk_json_string_decode(quoted, name);
    return n != SIZE_MAX && push_name(check, (struct hk_str){name, n});
}

/* Goes down to the innermost value of `value` that ends at or behind `place`. */
static void go_to(struct check *check, struct hk_json_span value, const char *place)
{
    struct hk_json_cursor cursor = {.bytes = value.bytes};
    struct hk_json_span child;
    struct hk_str name;

    for (size_t i = 0; hk_json_next(&cursor, &name, &child); i++) {
        if (child.bytes.p + child.bytes.n < place)
            continue;
        if (!(name.p == NULL ? push_index(check, i) : push_quoted(check, name)))
            return;
        if (child.bytes.p >= place)
            return; /* it is the name that is at fault */
        cursor = (struct hk_json_cursor){.bytes = child.bytes};
        i = SIZE_MAX; /* the first child is number 0 */
    }
}

/* jansson's position is behind the token that it refused. */
static enum hk_code refuse_unparsed(struct check *check, struct hk_str body,
                                    struct hk_json_span root, const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);

    go_to(check, root, body.p + error->position);
    if (code == json_error_duplicate_key)
        return refuse(check, "is there more than once");
    if (code == json_error_null_character)
        return refuse(check, "must not hold the character U+0000");
    if (code == json_error_null_byte_in_key)
        return refuse(check, "has a member whose name holds the character U+0000");
    if (code == json_error_numeric_overflow)
        return refuse(check, "is a number that is too large");
    return refuse(check, "cannot be read");
}

static enum hk_code refuse_malformed(struct hk_str body, size_t at, struct hk_error *reterr)
{
    if (body.n == 0)
        return hk_fail(reterr, HK_MALFORMED_JSON, "", "The body is empty.");
    if (at == body.n)
        return hk_fail(reterr, HK_MALFORMED_JSON, "", "The body ends too early.");
    return hk_fail(reterr, HK_MALFORMED_JSON, "", "The body stops being JSON at byte offset %zu.",
                   at);
}

enum hk_code body_check(struct hk_str body, const struct body_field *fields,
                        struct hk_error *reterr)
{
    struct check check = {.reterr = reterr};
    json_auto_t *parsed = NULL;
    struct hk_json_span root;
    json_error_t error;
    size_t at;

    if (measure_depth(body) > BODY_MAX_DEPTH)
        return refuse(&check, "must not be nested more than %d levels deep", BODY_MAX_DEPTH);
    if (!hk_json_scan(body, &root, &at))
        return refuse_malformed(body, at, reterr);
    if (root.kind != HK_JSON_OBJECT)
        return refuse(&check, "must be an object");

    parsed = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, &error);
    if (parsed == NULL)
        return refuse_unparsed(&check, body, root, &error);
    return check_object(&check, fields, parsed);
}
