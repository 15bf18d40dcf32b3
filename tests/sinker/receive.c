/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receive.c - a webhook comes in.
 *
 *     receive -> store_add -> answer now | on_delay_over -> answer
 *                                        | hang: on_look_after_hanging -> end, when the client left
 *                                        | reset
 *
 * h2o 2.2.5 neither reads nor watches a connection while its handler is pending: hanging requests
 * ask the kernel for the connection's state every 100 ms instead.
 */
#include <assert.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "hk/clock.h"
#include "hk/sign.h"
#include "tests/sinker/sinker.h"

#define LOOK_EVERY_MS     100
#define MAX_CLOCK_DRIFT_S 300
#define MAX_HEADERS       110 /* h2o takes 100; host and content-length come back on top */
#define SIZE_TEXT_BYTES   21

/* A reply that waits; in the request's pool. */
struct delayed {
    struct hk_timer timer;
    struct sink_path *path;
    h2o_req_t *req;
    struct hk_str body;
};

struct hanging {
    struct hanging *next;
    struct sink_path *path;
    h2o_req_t *req;
};

static struct hk_str header_value(const struct sink_header *headers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (hk_str_eq(headers[i].name, hk_str(name)))
            return headers[i].value;
    }
    return HK_STR_NULL;
}

/* What h2o took out of the list (Host, Content-Length) is put back in. */
static size_t collect_headers(h2o_req_t *req, struct sink_header headers[MAX_HEADERS])
{
    size_t n = 0;

    for (size_t i = 0; i < req->headers.size && n < MAX_HEADERS - 2; i++) {
        const h2o_header_t *header = &req->headers.entries[i];

        headers[n].name = (struct hk_str){header->name->base, header->name->len};
        headers[n++].value = (struct hk_str){header->value.base, header->value.len};
    }
    headers[n].name = HK_STR("host");
    headers[n++].value = (struct hk_str){req->input.authority.base, req->input.authority.len};
    if (req->entity.base != NULL) {
        char *text = h2o_mem_alloc_pool(&req->pool, SIZE_TEXT_BYTES);
        int length = snprintf(text, SIZE_TEXT_BYTES, "%zu", req->entity.len);

        headers[n].name = HK_STR("content-length");
        headers[n++].value = (struct hk_str){text, (size_t)length};
    }
    return n;
}

static bool parse_seconds(struct hk_str text, int64_t *ret)
{
    int64_t value = 0;

    if (text.n == 0 || text.n > 12)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        value = value * 10 + (text.p[i] - '0');
    }
    *ret = value;
    return true;
}

static enum signature judge_signature(const struct rule *rule, const struct sink_request *request)
{
    struct hk_str timestamp =
        header_value(request->headers, request->n_headers, "webhook-timestamp");
    struct hk_str signatures =
        header_value(request->headers, request->n_headers, "webhook-signature");
    int64_t now_s = request->received_at_us / 1000000, signed_at_s;

    if (rule->n_secrets == 0)
        return SIGNATURE_UNCHECKED;
    if (request->webhook_id.p == NULL || signatures.p == NULL ||
        !parse_seconds(timestamp, &signed_at_s) || signed_at_s < now_s - MAX_CLOCK_DRIFT_S ||
        signed_at_s > now_s + MAX_CLOCK_DRIFT_S)
        return SIGNATURE_INVALID;
    for (unsigned i = 0; i < rule->n_secrets; i++) {
        struct hk_str key = hk_str(rule->secrets[i]);

        if (hk_verify_v1(key, request->webhook_id, signed_at_s, request->body, signatures) ||
            hk_verify_v1a(key, request->webhook_id, signed_at_s, request->body, signatures))
            return SIGNATURE_VALID;
    }
    return SIGNATURE_INVALID;
}

static const char *reason_of(int status)
{
    static const char *const reasons[] = {"OK", "Redirect", "Client Error", "Server Error"};

    return reasons[status / 100 - 2];
}

/* What a verification asks to be given back, wherever it stands; .p is NULL when there is none. */
static h2o_iovec_t find_challenge(h2o_req_t *req)
{
    static const char in_header[] = "x-hook-secret", in_query[] = "hub.challenge=";
    static const char in_body[] = "\"challenge\":\"";
    ssize_t at = h2o_find_header_by_str(&req->headers, in_header, sizeof(in_header) - 1, -1);
    h2o_iovec_t text = req->entity;
    const char *start = NULL;
    size_t n = 0;

    if (at >= 0)
        return req->headers.entries[at].value;
    if (text.base != NULL)
        start = memmem(text.base, text.len, in_body, sizeof(in_body) - 1);
    if (start != NULL) {
        start += sizeof(in_body) - 1;
    } else {
        text = req->input.path;
        start = memmem(text.base, text.len, in_query, sizeof(in_query) - 1);
        if (start == NULL)
            return h2o_iovec_init(NULL, 0);
        start += sizeof(in_query) - 1;
    }
    while (start + n < text.base + text.len && isalnum((unsigned char)start[n]))
        n++;
    return h2o_iovec_init(start, n);
}

/* A copy in which "{challenge}" is the request's. */
static h2o_iovec_t fill_in(h2o_req_t *req, const char *text, size_t n)
{
    static const char place[] = "{challenge}";
    const char *at = memmem(text, n, place, sizeof(place) - 1);
    h2o_iovec_t challenge;
    size_t n_before;

    if (at == NULL)
        return h2o_strdup(&req->pool, text, n);
    n_before = (size_t)(at - text);
    challenge = find_challenge(req);
    return h2o_concat(&req->pool, h2o_iovec_init(text, n_before), challenge,
                      h2o_iovec_init(at + sizeof(place) - 1, n - n_before - sizeof(place) + 1));
}

/* The rule may change while a reply waits: all that it needs is copied to the request. */
static struct hk_str prepare_reply(h2o_req_t *req, const struct reply_spec *reply)
{
    h2o_iovec_t body = {NULL, 0};

    req->res.status = reply->status;
    req->res.reason = reason_of(reply->status);
    for (unsigned i = 0; i < reply->n_headers; i++) {
        h2o_iovec_t name = h2o_strdup(&req->pool, reply->headers[i].name, SIZE_MAX);
        h2o_iovec_t value = fill_in(req, reply->headers[i].value, strlen(reply->headers[i].value));

        h2o_add_header_by_str(&req->pool, &req->res.headers, name.base, name.len, 1, NULL,
                              value.base, value.len);
    }
    if (reply->body != NULL)
        body = fill_in(req, reply->body, reply->body_n);
    req->res.content_length = body.len;
    return (struct hk_str){body.base, body.len};
}

static void send_reply(struct sink_path *path, h2o_req_t *req, struct hk_str body)
{
    store_close(path);
    h2o_send_inline(req, body.n == 0 ? "" : body.p, body.n);
}

static void on_delay_over(struct hk_timer *timer)
{
    struct delayed *delayed = HK_CONTAINER_OF(timer, struct delayed, timer);

    send_reply(delayed->path, delayed->req, delayed->body);
}

static void delay_reply(struct sinker *sinker, struct sink_path *path, h2o_req_t *req,
                        struct hk_str body, int delay_ms)
{
    struct delayed *delayed = h2o_mem_alloc_pool(&req->pool, sizeof(*delayed));

    *delayed = (struct delayed){.path = path, .req = req, .body = body};
    hk_loop_set_timer(sinker->timers, &delayed->timer, delay_ms, on_delay_over);
}

static int socket_of(h2o_req_t *req)
{
    return h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn));
}

static bool client_has_left(h2o_req_t *req)
{
    struct tcp_info info;
    socklen_t n = sizeof(info);

    return getsockopt(socket_of(req), IPPROTO_TCP, TCP_INFO, &info, &n) != 0 ||
           info.tcpi_state != TCP_ESTABLISHED;
}

/* The reply goes nowhere: it makes h2o close the connection. */
static void end_connection(struct sink_path *path, h2o_req_t *req)
{
    store_close(path);
    req->http1_is_persistent = 0;
    req->res.status = 500;
    req->res.reason = reason_of(500);
    req->res.content_length = 0;
    h2o_send_inline(req, "", 0);
}

static void on_look_after_hanging(struct hk_timer *timer)
{
    struct sinker *sinker = HK_CONTAINER_OF(timer, struct sinker, look_after_hanging);
    struct hanging **link = &sinker->hanging;

    while (*link != NULL) {
        struct hanging *hanging = *link;

        if (client_has_left(hanging->req)) {
            *link = hanging->next;
            end_connection(hanging->path, hanging->req); /* frees the pool that `hanging` is in */
        } else {
            link = &hanging->next;
        }
    }
    if (sinker->hanging != NULL)
        hk_loop_set_timer(sinker->timers, timer, LOOK_EVERY_MS, on_look_after_hanging);
}

static void hang(struct sinker *sinker, struct sink_path *path, h2o_req_t *req)
{
    struct hanging *hanging = h2o_mem_alloc_pool(&req->pool, sizeof(*hanging));

    if (sinker->hanging == NULL)
        hk_loop_set_timer(sinker->timers, &sinker->look_after_hanging, LOOK_EVERY_MS,
                          on_look_after_hanging);
    *hanging = (struct hanging){.next = sinker->hanging, .path = path, .req = req};
    sinker->hanging = hanging;
}

/*
 * Disconnecting a TCP socket by connect(AF_UNSPEC) sends the RST at once and leaves the descriptor
 * to h2o, whose write then fails. (SO_LINGER 0 would need a close(2) behind h2o's back.)
 */
static void reset(struct sink_path *path, h2o_req_t *req)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    (void)connect(socket_of(req), &nobody, sizeof(nobody));
    end_connection(path, req);
}

static int status_of(const struct reply_spec *reply)
{
    switch (reply->kind) {
    case REPLY_ANSWER:
        return reply->status;
    case REPLY_HANG:
        return STATUS_HANG;
    case REPLY_RESET:
        return STATUS_RESET;
    }
    abort();
}

static void perform(struct sinker *sinker, struct sink_path *path, h2o_req_t *req,
                    const struct reply_spec *reply)
{
    struct hk_str body;

    switch (reply->kind) {
    case REPLY_ANSWER:
        body = prepare_reply(req, reply);
        if (reply->delay_ms == 0)
            send_reply(path, req, body);
        else
            delay_reply(sinker, path, req, body, reply->delay_ms);
        return;
    case REPLY_HANG:
        hang(sinker, path, req);
        return;
    case REPLY_RESET:
        reset(path, req);
        return;
    }
}

void receive(struct sinker *sinker, h2o_req_t *req, struct hk_str path, struct hk_str query)
{
    struct sink_header headers[MAX_HEADERS];
    struct sink_request request = {
        .path = store_path(&sinker->store, path),
        .method = {req->input.method.base, req->input.method.len},
        .body = {req->entity.base, req->entity.len},
        .received_at_us = hk_wall_us(),
        .headers = headers,
    };
    const struct reply_spec *reply = rule_next_reply(&request.path->rule);

    request.n_headers = collect_headers(req, headers);
    if (query.n > 0 && request.n_headers < MAX_HEADERS)
        headers[request.n_headers++] = (struct sink_header){HK_STR(":query"), query};
    request.webhook_id = header_value(headers, request.n_headers, "webhook-id");
    request.signature = judge_signature(&request.path->rule, &request);
    request.status = status_of(reply);
    store_add(&sinker->store, &request);
    perform(sinker, request.path, req, reply);
    if (sinker->waiters != NULL)
        control_tell_waiters(sinker);
}
