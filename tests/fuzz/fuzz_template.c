/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates, for any bytes: a line of the template, and behind it the value. A template that passes
 * the check becomes JSON, or fails in words; as a text it has nothing in it that its use forbids.
 */
#include "hk/json_scan.h"
#include "hk/template.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_OUTPUT = 1 << 16 };

static void render(struct hk_str template, const struct hk_template_scope *scope)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    struct hk_json_span span;
    const char *fault = NULL;
    size_t at;

    hk_buf_init(&buf, MAX_OUTPUT);
    if (hk_template_render(template, scope, &buf, &fault)) {
        FUZZ_MUST(fault == NULL && !buf.is_full);
        FUZZ_MUST(hk_json_scan(hk_buf_str(&buf), &span, &at));
    } else {
        FUZZ_MUST(fault != NULL);
    }
}

/* Of a template that is one placeholder, all that comes out is a value. */
static void render_text(struct hk_str template, enum hk_template_use use,
                        const struct hk_template_scope *scope)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    const char *fault = NULL;
    bool is_plain = template.n >= 4 && memcmp(template.p, "{{", 2) == 0 &&
                    memmem(template.p, template.n, "}}", 2) == template.p + template.n - 2;

    hk_buf_init(&buf, MAX_OUTPUT);
    if (!hk_template_render_text(template, use, scope, &buf, &fault)) {
        FUZZ_MUST(fault != NULL);
        return;
    }
    for (size_t i = 0; i < buf.n; i++) {
        unsigned char c = (unsigned char)buf.p[i];

        FUZZ_MUST(use != HK_TEMPLATE_HEADER || (c >= ' ' && c != 0x7f));
        if (is_plain && (use == HK_TEMPLATE_URL || use == HK_TEMPLATE_FORM))
            FUZZ_MUST(c > ' ' && c < 0x7f && strchr("/?#&=+\"<>\\", c) == NULL);
    }
    FUZZ_MUST(use != HK_TEMPLATE_KEY || !is_plain || buf.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t n = end == NULL ? size : (size_t)(end - (const char *)data);
    struct hk_str template = {(const char *)data, n};
    struct hk_str value = {end == NULL ? NULL : end + 1, end == NULL ? 0 : size - n - 1};
    struct hk_template_scope scope = {.request = HK_STR("{\"a\":\"\\u0000\"}")};
    struct hk_error error = {.code = HK_OK};
    struct hk_json_span span;
    enum hk_code code = hk_template_check(template, "", &error);
    size_t at;

    FUZZ_MUST((error.detail[0] == '\0') == (code == HK_OK));
    if (hk_json_scan(value, &span, &at))
        scope.value = scope.steps = span.bytes;
    if (code == HK_OK)
        render(template, &scope);
    if (hk_template_check_text(template, "", NULL) != HK_OK)
        return 0;
    for (int use = HK_TEMPLATE_PLAIN; use <= HK_TEMPLATE_KEY; use++)
        render_text(template, (enum hk_template_use)use, &scope);
    return 0;
}
