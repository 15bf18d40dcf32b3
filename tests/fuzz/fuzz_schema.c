/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_compile() and schema_check(): the input is a schema, a line end, and a value. A refusal
 * has a place and a sentence; one fault is found exactly when ten are; what "not" says is the
 * contrary.
 */
#include "api/schema/schema.h"
#include "hk/buf.h"
#include "hk/json_scan.h"
#include "hk/utf8.h"
#include "tests/fuzz/fuzz.h"

static void must_be_a_pointer(const char *pointer)
{
    FUZZ_MUST(pointer[0] == '\0' || pointer[0] == '/');
    FUZZ_MUST(hk_utf8_is_valid(hk_str(pointer)));
    for (const char *tilde = strchr(pointer, '~'); tilde != NULL; tilde = strchr(tilde + 1, '~'))
        FUZZ_MUST(tilde[1] == '0' || tilde[1] == '1');
}

/* The schema {"not": schema} when it is one, which needs one level more. */
static struct schema *negate(struct hk_str text)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    struct schema *schema;

    hk_buf_init(&buf, (size_t)2 * SCHEMA_MAX_BYTES);
    hk_buf_add_text(&buf, "{\"not\":");
    hk_buf_add_str(&buf, text);
    hk_buf_add_text(&buf, "}");
    schema = schema_compile(hk_buf_str(&buf), NULL);
    return schema;
}

static bool is_too_much(const struct schema_report *report)
{
    return strcmp(report->faults[0].detail, "is too much work to check against the schema") == 0;
}

static void check(const struct schema *schema, struct hk_str value)
{
    struct schema *negated = negate(schema_text(schema));
    struct schema_report many, one, contrary;
    bool is_good = schema_check(schema, value, SCHEMA_MAX_FAULTS, &many);

    FUZZ_MUST(is_good == (many.n == 0) && many.n <= SCHEMA_MAX_FAULTS);
    for (unsigned i = 0; i < many.n; i++) {
        must_be_a_pointer(many.faults[i].pointer);
        FUZZ_MUST(many.faults[i].detail[0] != '\0');
    }
    if (is_good || !is_too_much(&many))
        FUZZ_MUST(schema_check(schema, value, 1, &one) == is_good);
    if (negated != NULL && (is_good || !is_too_much(&many))) {
        bool is_contrary = schema_check(negated, value, 1, &contrary);

        FUZZ_MUST(is_contrary != is_good || (!is_contrary && is_too_much(&contrary)));
    }
    schema_free(negated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *line_end = size == 0 ? NULL : memchr(text, '\n', size);
    struct hk_error error = {.code = HK_OK};
    struct hk_str schema_part = {text, line_end == NULL ? size : (size_t)(line_end - text)};
    struct hk_str value_part =
        line_end == NULL ? HK_STR("null") : (struct hk_str){line_end + 1, size - schema_part.n - 1};
    struct hk_json_span value;
    struct schema *schema = schema_compile(schema_part, &error);
    size_t at;

    FUZZ_MUST((schema == NULL) == (error.code == HK_INVALID_BODY));
    if (schema == NULL) {
        must_be_a_pointer(error.pointer);
        FUZZ_MUST(error.detail[0] != '\0');
        return 0;
    }
    if (hk_json_scan(value_part, &value, &at))
        check(schema, value.bytes);
    schema_free(schema);
    return 0;
}
