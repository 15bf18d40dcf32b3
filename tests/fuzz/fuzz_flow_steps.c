/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk_flow_steps_parse(): a verdict with a pointer for any bytes. What passes is read again as it
 * was written, without a secret; and its templates are templates.
 */
#include <strings.h>

#include "hk/buf.h"
#include "hk/flow_steps.h"
#include "hk/template.h"
#include "tests/fuzz/fuzz.h"

static void render(const struct hk_flow_step *step)
{
    struct hk_template_scope scope = {.value =
                                          HK_STR("{\"id\":\"../x\",\"a\":[1,{\"b\":\"\\r\"}]}")};
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    const char *fault = "";

    hk_buf_init(&buf, 1 << 16);
    if (step->template.p != NULL && step->body != HK_STEP_BODY_TEXT)
        FUZZ_MUST(hk_template_render(step->template, &scope, &buf, &fault) || fault[0] != '\0');
    hk_buf_clear(&buf);
    if (step->url.p == NULL ||
        !hk_template_render_text(step->url, HK_TEMPLATE_URL, &scope, &buf, &fault))
        return;
    /* The host is as it was written: what is computed comes behind it. */
    FUZZ_MUST(buf.n > 8 && strncasecmp(buf.p, "http", 4) == 0);
    for (size_t i = 0, n_slashes = 0; n_slashes < 3 && i < buf.n && strchr("?#", buf.p[i]) == NULL;
         n_slashes += buf.p[i] == '/', i++)
        FUZZ_MUST(buf.p[i] == step->url.p[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_buf once HK_CLEANUP(hk_buf_done), twice HK_CLEANUP(hk_buf_done);
    struct hk_flow_steps steps, again;
    struct hk_error error = {.code = HK_OK};
    enum hk_code code = hk_flow_steps_parse((struct hk_str){(const char *)data, size}, "/steps",
                                            false, &steps, &error);

    hk_buf_init(&once, (size_t)2 * HK_FLOW_MAX_STEPS_BYTES);
    hk_buf_init(&twice, (size_t)2 * HK_FLOW_MAX_STEPS_BYTES);
    FUZZ_MUST(code == HK_OK || code == HK_INVALID_BODY);
    FUZZ_MUST((error.detail[0] == '\0') == (code == HK_OK));
    FUZZ_MUST(code == HK_OK || memcmp(error.pointer, "/steps", 6) == 0);
    if (code != HK_OK)
        return 0;
    hk_flow_steps_write(&steps, &once);
    FUZZ_MUST(hk_flow_steps_parse(hk_buf_str(&once), "/steps", false, &again, &error) == HK_OK);
    FUZZ_MUST(again.n == steps.n);
    for (unsigned i = 0; i < steps.n; i++) {
        FUZZ_MUST(again.step[i].secret.p == NULL);
        FUZZ_MUST(hk_str_eq(again.step[i].name, steps.step[i].name));
        FUZZ_MUST(again.step[i].kind == steps.step[i].kind);
        render(&steps.step[i]);
    }
    hk_flow_steps_write(&again, &twice);
    FUZZ_MUST(hk_str_eq(hk_buf_str(&once), hk_buf_str(&twice)));
    hk_flow_steps_done(&again);
    hk_flow_steps_done(&steps);
    return 0;
}
