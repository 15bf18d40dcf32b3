/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/reply.h"

#include <assert.h>
#include <h2o.h>
#include <stdio.h>
#include <sys/socket.h>

#include "api/auth/auth_guard.h"
#include "api/cells/tenant_cell.h"
#include "api/http/call.h"
#include "api/http/idempotency.h"
#include "api/http/page.h"
#include "api/http/problem.h"
#include "api/http/server.h"

enum {
    MAX_PROBLEM_BYTES = 1 << 20,
    MAX_LIST_BYTES = 64 << 20,
    MAX_LINK_BYTES = 2048,
    BYTES_PER_MS = 64,
    N_USUAL_HEADERS = 4, /* of reply_send() */
};

void reply_add_header(struct call *call, const char *name, struct hk_str value)
{
    h2o_iovec_t copy = h2o_strdup(&call->req->pool, value.p, value.n);

    h2o_add_header_by_str(&call->req->pool, &call->req->res.headers, name, strlen(name), 1, NULL,
                          copy.base, copy.len);
}

/* The same with a value that lives as long as the request. */
static void add_lasting(struct call *call, struct hk_str name, struct hk_str value)
{
    h2o_add_header_by_str(&call->req->pool, &call->req->res.headers, name.p, name.n, 0, NULL,
                          value.p, value.n);
}

/* RFC 9110 makes the phrase optional; clients and logs like one. */
static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < HK_COUNTOF(phrases); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return status < 300 ? "OK" : "Internal Server Error";
}

/* A reply is its caller's alone, unless its route says otherwise. */
static const char *cache_control(const struct call *call, int status)
{
    const struct route *route = call->match.route;

    return route != NULL && route->cache_control != NULL && status < 400 ? route->cache_control
                                                                         : "no-store";
}

/* h2o finds it broken, and closes it. */
static void on_too_slow(struct hk_timer *timer)
{
    h2o_conn_t *conn = HK_CONTAINER_OF(timer, struct call, reply_timer)->req->conn;

    (void)shutdown(h2o_socket_get_fd(conn->callbacks->get_socket(conn)), SHUT_RDWR);
}

void reply_start_timer(struct call *call, size_t n)
{
    hk_loop_set_timer(call->thread->loop, &call->reply_timer,
                      call->thread->config->api_reply_timeout_ms + (int64_t)(n / BYTES_PER_MS),
                      on_too_slow);
}

void reply_send(struct call *call, int status, const char *type, struct hk_str body)
{
    const char *caching = cache_control(call, status);
    h2o_req_t *req = call->req;

    if (status == 401)
        auth_guard_count(call);
    reply_start_timer(call, body.n);
    req->res.status = status;
    req->res.reason = reason_phrase(status);
    h2o_vector_reserve(&req->pool, &req->res.headers, req->res.headers.size + N_USUAL_HEADERS);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, caching,
                   strlen(caching));
    add_lasting(call, HK_STR("x-request-id"), hk_str(call->request_id));
    if (status == 204 || status == 304) {
        req->res.content_length = SIZE_MAX; /* RFC 9110 8.6: no Content-Length with 204 */
        h2o_send_inline(req, "", 0);
        return;
    }
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    add_lasting(call, HK_STR("x-content-type-options"), HK_STR("nosniff"));
    req->res.content_length = body.n;
    h2o_send_inline(req, body.p, body.n);
}

void call_reply_as(struct call *call, int status, const char *media_type, struct hk_str body)
{
    if (!idempotency_keep(call, status, media_type, body))
        reply_send(call, status, media_type, body);
}

void call_reply(struct call *call, int status, struct hk_str body)
{
    const struct route *route = call->match.route;

    call_reply_as(call, status,
                  route == NULL || route->gives == NULL ? "application/json" : route->gives, body);
}

/* RFC 6750, 3.1: an error only when there was something that could be wrong. */
static void add_challenge(struct call *call)
{
    bool has_tried = h2o_find_header(&call->req->headers, H2O_TOKEN_AUTHORIZATION, -1) >= 0;

    if (call->challenge != NULL) {
        reply_add_header(call, "www-authenticate", hk_str(call->challenge));
        return;
    }
    reply_add_header(call, "www-authenticate",
                     has_tried ? HK_STR("Bearer realm=\"hookline\", error=\"invalid_token\"")
                               : HK_STR("Bearer realm=\"hookline\""));
}

static void add_retry_after(struct call *call)
{
    char seconds[16];

    (void)snprintf(seconds, sizeof(seconds), "%u",
                   call->retry_after_s == 0 ? 1 : call->retry_after_s);
    reply_add_header(call, "retry-after", hk_str(seconds));
}

static void send_problem(struct call *call, const struct hk_error *error, struct hk_str errors_json)
{
    const struct hk_code_info *info = hk_code_info(error->code);
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, MAX_PROBLEM_BYTES);
    problem_write(&buf, error, errors_json, call->request_id);
    if (info->http_status == 401)
        add_challenge(call);
    if (info->is_retryable)
        add_retry_after(call);
    if (error->code == HK_BODY_TOO_LARGE)
        call->req->http1_is_persistent = 0;
    reply_send(call, info->http_status, "application/problem+json", hk_buf_str(&buf));
}

void call_fail(struct call *call, const struct hk_error *error)
{
    send_problem(call, error, HK_STR_NULL);
}

void call_fail_code(struct call *call, enum hk_code code, struct hk_str errors_json)
{
    if (code == HK_TENANT_MOVING && tenant_cell_follow(call))
        return;
    send_problem(call, &(struct hk_error){.code = code}, errors_json);
}

/* The request's path with the same filters and another cursor; too long for `ret`: "". */
static void next_page(const struct call *call, const char *cursor, char ret[MAX_LINK_BYTES])
{
    const h2o_req_t *req = call->req;
    int path_n = (int)(req->query_at == SIZE_MAX ? req->path.len : req->query_at);
    size_t n = (size_t)snprintf(ret, MAX_LINK_BYTES, "%.*s?", path_n, req->path.base);
    const char *p = req->query_at == SIZE_MAX ? NULL : req->path.base + req->query_at + 1;
    const char *end = req->path.base + req->path.len;

    while (p != NULL && p < end && n < MAX_LINK_BYTES) {
        const char *next = memchr(p, '&', (size_t)(end - p));
        int piece_n = (int)((next == NULL ? end : next) - p);

        if (piece_n > 0 && p[0] != '=' && (piece_n < 7 || memcmp(p, "cursor=", 7) != 0))
            n += (size_t)snprintf(ret + n, MAX_LINK_BYTES - n, "%.*s&", piece_n, p);
        p = next == NULL ? NULL : next + 1;
    }
    if (n < MAX_LINK_BYTES)
        n += (size_t)snprintf(ret + n, MAX_LINK_BYTES - n, "cursor=%s", cursor);
    if (n >= MAX_LINK_BYTES)
        ret[0] = '\0';
}

/* What does not fit gets no Link: the body has the cursor. */
static void add_link(struct call *call, const char *path)
{
    char link[MAX_LINK_BYTES + 16];
    int n = snprintf(link, sizeof(link), "<%s>; rel=\"next\"", path);

    if (path[0] != '\0')
        reply_add_header(call, "link", (struct hk_str){link, (size_t)n});
}

/* As Basiq's lists are; `next` is "" on the last page. */
static void write_links(const struct call *call, const char *next, struct hk_buf *ret)
{
    const h2o_req_t *req = call->req;
    size_t path_n = req->query_at == SIZE_MAX ? req->path.len : req->query_at;

    hk_buf_add_text(ret, ",\"links\":{\"self\":");
    hk_buf_add_json_string(ret, (struct hk_str){req->path.base, path_n});
    if (next[0] != '\0') {
        hk_buf_add_text(ret, ",\"next\":");
        hk_buf_add_json_string(ret, hk_str(next));
    }
    hk_buf_add_text(ret, "}}");
}

/* Up to the list itself. A head is an object, which is left open. */
static void write_head(const struct call *call, struct hk_buf *ret)
{
    const struct route *route = call->match.route;

    if (call->reply_head.p != NULL) {
        assert(call->reply_head.n > 2);
        hk_buf_add_str(ret, (struct hk_str){call->reply_head.p, call->reply_head.n - 1});
        hk_buf_add_text(ret, ",\"data\":");
    } else {
        hk_buf_add_text(ret, route->has_links ? "{\"type\":\"list\",\"data\":" : "{\"data\":");
    }
}

void reply_list(struct call *call)
{
    char cursor[PAGE_CURSOR_SIZE], next[MAX_LINK_BYTES] = "";
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    bool has_next =
        call->reply_key.p != NULL && page_cursor_encode(call->thread->cursor_key.bytes,
                                                        call->list_scope, call->reply_key, cursor);

    if (has_next) {
        next_page(call, cursor, next);
        add_link(call, next);
    }
    hk_buf_init(&buf, MAX_LIST_BYTES);
    write_head(call, &buf);
    hk_buf_add_str(&buf, call->reply_body);
    if (call->match.route->has_links)
        write_links(call, next, &buf);
    else if (has_next)
        hk_buf_printf(&buf, ",\"next_cursor\":\"%s\"}", cursor);
    else
        hk_buf_add_text(&buf, ",\"next_cursor\":null}");
    if (buf.is_full)
        call_fail(call,
                  &(struct hk_error){.code = HK_INVALID_PARAMETER,
                                     .detail = "The page is too large: ask with a smaller limit."});
    else
        call_reply(call, call->match.route->ok_status, hk_buf_str(&buf));
}

enum { ETAG_SIZE = 32 + 3 };

/* As etag() in SQL computes it, for If-Match. */
static void add_etag(struct call *call, char ret[ETAG_SIZE])
{
    uint8_t hash[HK_SHA256_SIZE];
    char hex[2 * HK_SHA256_SIZE + 1];

    hk_sha256(call->reply_body.p, call->reply_body.n, hash);
    hk_hex_encode(hash, sizeof(hash), hex);
    (void)snprintf(ret, ETAG_SIZE, "\"%.32s\"", hex);
    reply_add_header(call, "etag", hk_str(ret));
}

/* RFC 9110, 13.1.2: If-None-Match is "*" or lists the tag, weak or not. */
static bool client_has(const struct call *call, const char *etag)
{
    const h2o_req_t *req = call->req;
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_IF_NONE_MATCH, -1);
    struct hk_str value;

    if (at < 0)
        return false;
    value =
        (struct hk_str){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
    return hk_str_eq(value, HK_STR("*")) || memmem(value.p, value.n, etag, strlen(etag)) != NULL;
}

void reply_object(struct call *call, int status)
{
    const struct route *route = call->match.route;
    bool is_get = strcmp(route->method, "GET") == 0;
    char etag[ETAG_SIZE];

    if (route->ok_status == 200 &&
        (is_get || strcmp(route->method, "PATCH") == 0 || strcmp(route->method, "PUT") == 0)) {
        add_etag(call, etag);
        if (is_get && client_has(call, etag)) {
            call_reply(call, 304, HK_STR(""));
            return;
        }
    }
    if (route->location != NULL && call->reply_key.p != NULL) {
        char location[512];
        int n = snprintf(location, sizeof(location), "%s%.*s", route->location,
                         (int)call->reply_key.n, call->reply_key.p);

        if (n > 0 && (size_t)n < sizeof(location))
            reply_add_header(call, "location", (struct hk_str){location, (size_t)n});
    }
    call_reply(call, status, call->reply_body);
}
