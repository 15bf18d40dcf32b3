/* SPDX-License-Identifier: Apache-2.0 */
#include "api/inbound/inbound_check.h"

#include <stdio.h>
#include <strings.h>

#include "api/auth/auth_guard.h"
#include "api/http/call.h"
#include "hk/media_type.h"

static bool takes_type(struct hk_str types, struct hk_str given)
{
    while (types.n > 0) {
        const char *blank = memchr(types.p, ' ', types.n);
        size_t n = blank == NULL ? types.n : (size_t)(blank - types.p);
        char type[128];

        (void)snprintf(type, sizeof(type), "%.*s", (int)n, types.p);
        if (hk_media_type_is(given, type))
            return true;
        types.p += n + (blank != NULL);
        types.n -= n + (blank != NULL);
    }
    return false;
}

enum hk_code inbound_check_form(const struct inbound_request *request,
                                const struct inbound_flow *flow, struct hk_error *reterr)
{
    struct hk_str coding = inbound_request_header(request, "content-encoding");

    if (!inbound_list_has(flow->methods, request->raw.method))
        return hk_fail(reterr, HK_METHOD_NOT_ALLOWED, "", "%s", "");
    if (request->raw.body.n > flow->max_body_bytes)
        return hk_fail(reterr, HK_BODY_TOO_LARGE, "", "This flow takes %zu bytes at most.",
                       flow->max_body_bytes);
    if (coding.p != NULL && !hk_str_eq(coding, HK_STR("identity")))
        return hk_fail(reterr, HK_UNSUPPORTED_MEDIA_TYPE, "",
                       "A flow takes no Content-Encoding: send the body as it is.");
    if (flow->content_types.p != NULL &&
        !takes_type(flow->content_types, inbound_request_header(request, "content-type")))
        return hk_fail(reterr, HK_UNSUPPORTED_MEDIA_TYPE, "", "This flow takes %.200s.",
                       flow->content_types.p);
    return HK_OK;
}

static bool can_be_guessed(const struct inbound_flow *flow)
{
    return flow->credential.scheme == HK_INBOUND_BASIC ||
           flow->credential.scheme == HK_INBOUND_API_KEY;
}

bool inbound_check_guards(const struct inbound_request *request, const struct inbound_flow *flow,
                          struct call *call)
{
    const struct hk_inbound_credential *credential = &flow->credential;
    struct hk_buf proof HK_CLEANUP(hk_buf_done);

    hk_buf_init(&proof, INBOUND_MAX_TEXT_BYTES);
    if (!can_be_guessed(flow))
        return false;
    hk_buf_add(&proof, &flow->id, sizeof(flow->id));
    hk_buf_add_str(&proof, request->raw.query);
    for (size_t i = 0; i < request->raw.n_headers; i++) {
        struct hk_str name = request->headers[i].name;

        if (hk_str_eq(name, HK_STR("authorization")) ||
            (credential->header.p != NULL && name.n == credential->header.n &&
             strncasecmp(name.p, credential->header.p, name.n) == 0))
            hk_buf_add_str(&proof, request->headers[i].value);
    }
    hk_sha256(proof.p, proof.n, call->key_sha256);
    explicit_bzero(proof.p, proof.n);
    call->has_proof = true;
    return auth_guard_refuses(call);
}

enum hk_code inbound_check_credential(struct inbound_request *request,
                                      const struct inbound_flow *flow, struct call *call,
                                      struct hk_inbound_id *ret_id, struct hk_error *reterr)
{
    static const char *const details[] = {
        [HK_INBOUND_MISSING] = "What proves the sender of a request to this flow is missing.",
        [HK_INBOUND_STALE] = "The request was signed too long ago, or in the future.",
        [HK_INBOUND_WRONG] = "What proves the sender of a request to this flow is wrong.",
    };
    enum hk_inbound_verdict verdict = inbound_request_verify(request, flow, call, ret_id);

    call->has_proof = verdict != HK_INBOUND_MISSING;
    call->is_unguessable = !can_be_guessed(flow);
    if (verdict != HK_INBOUND_OK)
        return hk_fail(reterr, HK_UNAUTHENTICATED, "", "%s", details[verdict]);
    if (can_be_guessed(flow))
        auth_guard_trust(call);
    return HK_OK;
}
