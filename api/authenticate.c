/* SPDX-License-Identifier: Apache-2.0 */
#include "api/authenticate.h"

#include <h2o.h>

#include "api/server.h"

/* What is behind "Authorization: Bearer "; .p is NULL when there is no such header. */
static struct hk_str bearer_proof(const h2o_req_t *req)
{
    static const char scheme[] = "Bearer ";
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);
    struct hk_str value;

    if (at < 0)
        return HK_STR_NULL;
    value =
        (struct hk_str){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
    if (value.n < sizeof(scheme) || strncasecmp(value.p, scheme, sizeof(scheme) - 1) != 0)
        return HK_STR_NULL;
    return (struct hk_str){value.p + sizeof(scheme) - 1, value.n - (sizeof(scheme) - 1)};
}

enum stage_result authenticate_stage(struct call *call)
{
    struct hk_str proof;

    if (call->match.route->scope == SCOPE_PUBLIC)
        return STAGE_NEXT; /* a busy process is alive */
    if (call->thread->n_calls > (unsigned)call->thread->config->api_max_pending_requests)
        return call_stage_fail(call, HK_BUSY);
    proof = bearer_proof(call->req);
    if (proof.n > 0 && memchr(proof.p, '.', proof.n) != NULL)
        return authenticate_tenant_header(call).p == NULL ? authenticate_token(call, proof)
                                                          : authenticate_issuer(call, proof);
    return authenticate_key(call, proof);
}
