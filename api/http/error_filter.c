/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/error_filter.h"

#include "api/http/problem.h"
#include "api/http/server.h"
#include "hk/clock.h"

struct problem_ostream {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void send_problem(h2o_ostream_t *super, h2o_req_t *req, h2o_iovec_t *bufs, size_t n_bufs,
                         h2o_send_state_t state)
{
    struct problem_ostream *self = HK_CONTAINER_OF(super, struct problem_ostream, super);
    bool is_head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));

    (void)bufs;
    (void)n_bufs;
    h2o_ostream_send_next(&self->super, req, &self->body, is_head ? 0 : 1, state);
}

static bool is_plain_text(const h2o_req_t *req)
{
    static const char plain[] = "text/plain";
    ssize_t at = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);

    return at >= 0 && req->res.headers.entries[at].value.len >= sizeof(plain) - 1 &&
           memcmp(req->res.headers.entries[at].value.base, plain, sizeof(plain) - 1) == 0;
}

/* The id of a request that never became a call. */
static h2o_iovec_t new_request_id(h2o_req_t *req)
{
    struct api_thread *thread = HK_CONTAINER_OF(req->conn->ctx, struct api_thread, h2o);
    struct hk_id id = hk_id_new(&thread->ids, hk_wall_us() / 1000);
    char text[HK_ID_TEXT_SIZE];

    hk_id_format(&id, text);
    return h2o_strdup(&req->pool, text, HK_ID_TEXT_SIZE - 1);
}

/* As api/http/reply.c has them. */
static void set_headers(h2o_req_t *req, h2o_iovec_t request_id)
{
    h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE,
                   H2O_STRLIT("application/problem+json"), 1);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
                   H2O_STRLIT("no-store"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-request-id"), 1, NULL,
                          request_id.base, request_id.len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-content-type-options"), 1,
                          NULL, H2O_STRLIT("nosniff"));
}

static h2o_ostream_t **add_problem(h2o_req_t *req, h2o_ostream_t **slot)
{
    struct hk_error error = {.code = req->res.status == 413 ? HK_BODY_TOO_LARGE : HK_BAD_REQUEST};
    h2o_iovec_t request_id = new_request_id(req);
    struct problem_ostream *stream;
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 4096);
    problem_write(&buf, &error, HK_STR_NULL, request_id.base);
    stream =
        HK_CONTAINER_OF(h2o_add_ostream(req, sizeof(*stream), slot), struct problem_ostream, super);
    stream->super.do_send = send_problem;
    stream->body = h2o_strdup(&req->pool, buf.p, buf.n);
    req->res.content_length = buf.n;
    if (error.code == HK_BAD_REQUEST) {
        req->res.status = 400; /* also for 417: nothing is to be expected but 100-continue */
        req->res.reason = "Bad Request";
    }
    set_headers(req, request_id);
    return &stream->super.next;
}

static void replace_error_page(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (req->res.status >= 400 && is_plain_text(req))
        slot = add_problem(req, slot);
    h2o_setup_next_ostream(req, slot);
}

void error_filter_register(h2o_pathconf_t *path)
{
    h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

    filter->on_setup_ostream = replace_error_page;
}
