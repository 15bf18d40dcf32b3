/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth/auth_guard.h"

#include <h2o.h>
#include <stdlib.h>

#include "api/http/call.h"
#include "api/http/server.h"
#include "hk/clock.h"
#include "hk/log.h"

/* Tenants are counted to be seen in the log, never refused: who names one has proved nothing. */
struct auth_guard {
    struct failure_guard *addresses, *tenants;
    const struct hk_networks *trusted_proxies;
};

struct auth_guard *auth_guard_new(int64_t failures_per_minute,
                                  const struct hk_networks *trusted_proxies)
{
    struct auth_guard *guard = malloc(sizeof(*guard));

    if (guard == NULL)
        abort();
    *guard = (struct auth_guard){
        .addresses = failure_guard_new(failures_per_minute),
        .tenants = failure_guard_new(failures_per_minute),
        .trusted_proxies = trusted_proxies,
    };
    return guard;
}

void auth_guard_free(struct auth_guard *guard)
{
    failure_guard_free(guard->addresses);
    failure_guard_free(guard->tenants);
    free(guard);
}

struct peer auth_guard_peer(const struct call *call)
{
    const h2o_req_t *req = call->req;
    struct sockaddr_storage address = {0};
    struct peer peer;

    (void)req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&address);
    peer = peer_of((struct sockaddr *)&address);
    for (size_t i = req->headers.size; i > 0; i--) {
        const h2o_header_t *header = &req->headers.entries[i - 1];
        struct hk_str field = {header->value.base, header->value.len};

        if (header->name == &H2O_TOKEN_X_FORWARDED_FOR->buf &&
            !peer_follow(&peer, field, call->thread->auth_guard->trusted_proxies))
            break;
    }
    return peer;
}

bool auth_guard_refuses(struct call *call)
{
    struct failure_guard *addresses = call->thread->auth_guard->addresses;
    int64_t now_ms = hk_mono_ms(), wait_ms;
    uint8_t source[16];
    struct peer peer;

    if (!call->has_proof || failure_guard_is_quiet(addresses, now_ms) ||
        failure_guard_trusts(addresses, call->key_sha256))
        return false;
    peer = auth_guard_peer(call);
    peer_source(&peer, source);
    wait_ms = failure_guard_wait_ms(addresses, source, now_ms);
    if (wait_ms == 0)
        return false;
    call->retry_after_s = (unsigned)((wait_ms + 999) / 1000);
    call_fail_code(call, HK_TOO_MANY_FAILURES, HK_STR_NULL);
    return true;
}

void auth_guard_trust(struct call *call)
{
    failure_guard_trust(call->thread->auth_guard->addresses, call->key_sha256);
}

static void log_flood(const char *what, const char *value, const struct failure_report *report)
{
    hk_log(HK_LOG_WARN, "auth.flood", HK_CTEXT(what, value), HK_I64("failures", report->n_failures),
           HK_I64("refused", report->n_refused));
}

static void count_tenant(struct call *call, int64_t now_ms)
{
    struct failure_report report;
    struct hk_id id;

    if (hk_id_parse(hk_str(call->tenant_id), &id) &&
        failure_guard_add(call->thread->auth_guard->tenants, id.bytes, now_ms, &report))
        log_flood("tenant_id", call->tenant_id, &report);
}

void auth_guard_count(struct call *call)
{
    struct failure_guard *addresses = call->thread->auth_guard->addresses;
    int64_t now_ms = hk_mono_ms();
    char text[PEER_TEXT_SIZE];
    struct failure_report report;
    uint8_t source[16];
    struct peer peer;

    if (!call->has_proof)
        return;
    count_tenant(call, now_ms);
    if (call->is_unguessable)
        return;
    failure_guard_distrust(addresses, call->key_sha256);
    peer = auth_guard_peer(call);
    peer_source(&peer, source);
    if (failure_guard_add(addresses, source, now_ms, &report)) {
        peer_source_text(&peer, text);
        log_flood("address", text, &report);
    }
}
