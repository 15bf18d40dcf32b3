/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk_document_from_body(): JSON or words for any bytes: a line of the type, and behind it the body,
 * which is a query, too. A file of a part lies within the body.
 */
#include "hk/document.h"
#include "hk/json_scan.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_OUTPUT = 1 << 20 };

static bool convert(struct hk_str type, struct hk_str query, struct hk_str body, struct hk_buf *buf)
{
    struct hk_json_span span;
    const char *fault = NULL;
    size_t at;

    hk_buf_init(buf, MAX_OUTPUT);
    if (!hk_document_from_body(type, query, body, buf, &fault)) {
        FUZZ_MUST(fault != NULL);
        return false;
    }
    FUZZ_MUST(fault == NULL && !buf->is_full && hk_json_scan(hk_buf_str(buf), &span, &at));
    return true;
}

/* The number behind a name that only files have. */
static size_t read_member(struct hk_str file, const char *name)
{
    struct hk_json_cursor cursor = {.bytes = file};
    struct hk_json_span value;
    struct hk_str found;

    while (hk_json_next(&cursor, &found, &value)) {
        if (hk_json_string_eq(found, name))
            return (size_t)strtoull(value.bytes.p, NULL, 10);
    }
    return SIZE_MAX;
}

static void must_lie_within(struct hk_str document, struct hk_str body)
{
    struct hk_json_cursor cursor = {.bytes = document};
    struct hk_json_span value;
    struct hk_str name;

    while (hk_json_next(&cursor, &name, &value)) {
        if (value.kind == HK_JSON_OBJECT)
            FUZZ_MUST(read_member(value.bytes, "offset") <= body.n &&
                      read_member(value.bytes, "size") <=
                          body.n - read_member(value.bytes, "offset"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t n = end == NULL ? size : (size_t)(end - (const char *)data);
    struct hk_str type = {(const char *)data, n};
    struct hk_str body = {end == NULL ? NULL : end + 1, end == NULL ? 0 : size - n - 1};
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    if (convert(type, HK_STR_NULL, body, &buf) && type.n > 20 && body.n > 0 &&
        memcmp(type.p, "multipart/form-data;", 20) == 0)
        must_lie_within(hk_buf_str(&buf), body);
    hk_buf_done(&buf);
    (void)convert(HK_STR_NULL, body, HK_STR_NULL, &buf);
    return 0;
}
