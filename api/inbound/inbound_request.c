/* SPDX-License-Identifier: Apache-2.0 */
#include "api/inbound/inbound_request.h"

#include <h2o.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "api/auth/auth_guard.h"
#include "api/http/call.h"
#include "api/http/peer.h"
#include "hk/clock.h"
#include "hk/utf8.h"

static struct hk_str str_of(h2o_iovec_t v)
{
    return (struct hk_str){v.base, v.len};
}

/* h2o keeps Host apart. */
void inbound_request_read(struct inbound_request *ret, const struct call *call)
{
    const h2o_req_t *req = call->req;
    size_t path_n = req->query_at == SIZE_MAX ? req->path.len : req->query_at;
    size_t n = 0;

    ret->headers[n++] = (struct hk_inbound_header){HK_STR("host"), str_of(req->authority)};
    for (size_t i = 0; i < req->headers.size && n < INBOUND_MAX_HEADERS; i++) {
        const h2o_header_t *header = &req->headers.entries[i];

        ret->headers[n++] =
            (struct hk_inbound_header){str_of(*header->name), str_of(header->value)};
    }
    ret->path = (struct hk_str){req->path.base, path_n};
    ret->raw = (struct hk_inbound_request){
        .method = str_of(req->method),
        .query = req->query_at == SIZE_MAX
                     ? HK_STR("")
                     : (struct hk_str){req->path.base + path_n + 1, req->path.len - path_n - 1},
        .headers = ret->headers,
        .n_headers = n,
        .body = str_of(req->entity),
    };
    if (ret->raw.body.p == NULL)
        ret->raw.body = HK_STR("");
}

struct hk_str inbound_request_header(const struct inbound_request *request, const char *name)
{
    for (size_t i = 0; i < request->raw.n_headers; i++) {
        if (hk_str_eq(request->headers[i].name, hk_str(name)))
            return request->headers[i].value;
    }
    return HK_STR_NULL;
}

/* ---- the credential ------------------------------------------------------------------------- */

static enum hk_inbound_verdict verify(const struct inbound_request *request,
                                      const struct inbound_flow *flow, struct hk_inbound_id *ret_id)
{
    return hk_inbound_verify(&flow->credential, &flow->secrets, &request->raw,
                             hk_wall_us() / 1000000, ret_id);
}

/* The request's path behind `scheme` and `host`. */
static struct hk_str url_at(struct call *call, const char *scheme, struct hk_str host)
{
    h2o_iovec_t path = call->req->path;
    size_t size = strlen(scheme) + host.n + path.len + 1;
    char *url = call_alloc(call, size);

    (void)snprintf(url, size, "%s%.*s%.*s", scheme, (int)host.n, host.p, (int)path.len, path.base);
    return (struct hk_str){url, size - 1};
}

enum hk_inbound_verdict inbound_request_verify(struct inbound_request *request,
                                               const struct inbound_flow *flow, struct call *call,
                                               struct hk_inbound_id *ret_id)
{
    const struct {
        const char *scheme;
        struct hk_str host;
    } bases[] = {{"", flow->base_url},
                 {"https://", str_of(call->req->authority)},
                 {"http://", str_of(call->req->authority)}};
    enum hk_inbound_verdict verdict = HK_INBOUND_WRONG;

    if (flow->credential.scheme != HK_INBOUND_TWILIO)
        return verify(request, flow, ret_id);
    for (size_t i = 0; i < HK_COUNTOF(bases) && verdict == HK_INBOUND_WRONG; i++) {
        request->raw.url = url_at(call, bases[i].scheme, bases[i].host);
        verdict = verify(request, flow, ret_id);
    }
    return verdict;
}

/* ---- what is stored ------------------------------------------------------------------------- */

/* What is no UTF-8 is taken for Latin-1, as header fields once were. */
static void add_string(struct hk_buf *buf, struct hk_str value)
{
    struct hk_buf text HK_CLEANUP(hk_buf_done);

    hk_buf_init(&text, INBOUND_MAX_TEXT_BYTES);
    if (hk_utf8_is_valid(value)) {
        hk_buf_add_json_string(buf, value);
        return;
    }
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = (uint8_t)value.p[i];
        char two[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};

        hk_buf_add(&text, c < 0x80 ? &value.p[i] : two, c < 0x80 ? 1 : 2);
    }
    hk_buf_add_json_string(buf, hk_buf_str(&text));
}

static void add_member(struct hk_buf *buf, const char *name, struct hk_str value)
{
    hk_buf_printf(buf, ",\"%s\":", name);
    add_string(buf, value);
}

static bool eq_without_case(struct hk_str a, struct hk_str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

/* Signatures are no secrets: they prove one body only. */
static bool is_secret(const struct inbound_flow *flow, struct hk_str name)
{
    return hk_str_eq(name, HK_STR("authorization")) ||
           hk_str_eq(name, HK_STR("proxy-authorization")) || hk_str_eq(name, HK_STR("cookie")) ||
           (flow->credential.scheme == HK_INBOUND_API_KEY && flow->credential.header.p != NULL &&
            eq_without_case(name, flow->credential.header));
}

static void add_headers(struct hk_buf *buf, const struct inbound_request *request,
                        const struct inbound_flow *flow)
{
    hk_buf_add_text(buf, ",\"headers\":[");
    for (size_t i = 0; i < request->raw.n_headers; i++) {
        const struct hk_inbound_header *header = &request->headers[i];

        hk_buf_add_text(buf, i == 0 ? "[" : ",[");
        hk_buf_add_json_string(buf, header->name);
        hk_buf_add_text(buf, ",");
        add_string(buf, is_secret(flow, header->name) ? HK_STR("***") : header->value);
        hk_buf_add_text(buf, "]");
    }
    hk_buf_add_text(buf, "]");
}

/* The query without the value of the parameter that is the credential. */
static void add_query(struct hk_buf *buf, const struct inbound_request *request,
                      const struct inbound_flow *flow)
{
    struct hk_str rest = request->raw.query, name = flow->credential.query;
    struct hk_buf query HK_CLEANUP(hk_buf_done);

    hk_buf_init(&query, INBOUND_MAX_TEXT_BYTES);
    if (flow->credential.scheme != HK_INBOUND_API_KEY || name.p == NULL) {
        add_member(buf, "query", rest);
        return;
    }
    while (rest.n > 0) {
        const char *ampersand = memchr(rest.p, '&', rest.n);
        struct hk_str pair = {rest.p, ampersand == NULL ? rest.n : (size_t)(ampersand - rest.p)};
        const char *equals = memchr(pair.p, '=', pair.n);
        struct hk_str given = {pair.p, equals == NULL ? pair.n : (size_t)(equals - pair.p)};

        /* A name that is written otherwise (%61 for a) may be meant as well. */
        if (equals != NULL && (hk_str_eq(given, name) || memchr(given.p, '%', given.n) != NULL)) {
            hk_buf_add_str(&query, given);
            hk_buf_add_text(&query, "=***");
        } else {
            hk_buf_add_str(&query, pair);
        }
        hk_buf_add_text(&query, ampersand == NULL ? "" : "&");
        rest.p += pair.n + (ampersand != NULL);
        rest.n -= pair.n + (ampersand != NULL);
    }
    add_member(buf, "query", hk_buf_str(&query));
}

/* "/in/<flow id>" and what is behind the key. */
static void add_path(struct hk_buf *buf, const struct inbound_request *request,
                     const struct inbound_flow *flow)
{
    static const size_t n_before = sizeof("/in/") - 1 + HK_FLOW_KEY_LENGTH;
    char flow_id[HK_ID_TEXT_SIZE];
    struct hk_str behind = {request->path.p + n_before, request->path.n - n_before};
    struct hk_buf path HK_CLEANUP(hk_buf_done);

    hk_id_format(&flow->id, flow_id);
    hk_buf_init(&path, INBOUND_MAX_TEXT_BYTES);
    hk_buf_printf(&path, "/in/%s", flow_id);
    hk_buf_add_str(&path, behind);
    add_member(buf, "path", hk_buf_str(&path));
}

void inbound_request_write(const struct inbound_request *request, const struct inbound_flow *flow,
                           struct call *call, struct hk_str wait_key, struct hk_buf *buf)
{
    struct peer peer = auth_guard_peer(call);
    char address[PEER_TEXT_SIZE];

    peer_text(&peer, address);
    hk_buf_printf(buf, "{\"version\":%" PRId64, flow->version);
    add_member(buf, "method", request->raw.method);
    add_path(buf, request, flow);
    add_query(buf, request, flow);
    add_headers(buf, request, flow);
    add_member(buf, "content_type", inbound_request_header(request, "content-type"));
    add_member(buf, "remote_address", hk_str(address));
    if (wait_key.p != NULL)
        add_member(buf, "wait_key", wait_key);
    hk_buf_add_text(buf, "}");
}
