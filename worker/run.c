/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/run.h"

#include <stdlib.h>

enum {
    MAX_SCOPE_BYTES = 1 << 20,
    MAX_URL_BYTES = 8192, /* longer ones are refused when they are sent */
    MAX_HEADERS_BYTES = 65536,
    MAX_TEXT_BYTES = 2 << 20, /* value, output, document, and then some */
};

struct run *run_new(size_t n_data)
{
    struct run *run = calloc(1, sizeof(*run) + n_data);

    if (run == NULL)
        abort();
    hk_buf_init(&run->step_json, 0);
    hk_buf_init(&run->document, RUN_MAX_DOCUMENT_BYTES);
    hk_buf_init(&run->request, MAX_SCOPE_BYTES);
    hk_buf_init(&run->flow, MAX_SCOPE_BYTES);
    hk_buf_init(&run->made, RUN_MAX_VALUE_BYTES);
    hk_buf_init(&run->url, MAX_URL_BYTES);
    hk_buf_init(&run->headers, MAX_HEADERS_BYTES);
    hk_buf_init(&run->key, RUN_MAX_KEY_BYTES);
    hk_buf_init(&run->secret, HK_FLOW_MAX_SECRET_BYTES + 1);
    hk_buf_init(&run->output, RUN_MAX_OUTPUT_BYTES);
    hk_buf_init(&run->text, MAX_TEXT_BYTES);
    return run;
}

static void wipe(struct hk_buf *buf)
{
    if (buf->p != NULL)
        explicit_bzero(buf->p, buf->n);
    hk_buf_done(buf);
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    if (run->steps.text != NULL)
        hk_flow_steps_done(&run->steps);
    wipe(&run->secret);
    wipe(&run->headers);
    hk_buf_done(&run->step_json);
    hk_buf_done(&run->document);
    hk_buf_done(&run->request);
    hk_buf_done(&run->flow);
    hk_buf_done(&run->made);
    hk_buf_done(&run->url);
    hk_buf_done(&run->key);
    hk_buf_done(&run->output);
    hk_buf_done(&run->text);
    free(run);
}

struct hk_str run_keep(struct run *run, struct hk_str s)
{
    char *copy = run->data + run->n_data;

    if (s.p == NULL)
        return s;
    memcpy(copy, s.p, s.n);
    run->n_data += s.n;
    return (struct hk_str){copy, s.n};
}
