/* SPDX-License-Identifier: Apache-2.0 */
#include "api/live/recheck.h"

#include <stdio.h>

#include "api/http/server.h"
#include "api/live/recheck.sql.h"
#include "hk/clock.h"

void recheck_init(struct recheck *recheck, const struct call *call)
{
    *recheck = (struct recheck){.good_at_ms = hk_mono_ms()};
    (void)snprintf(recheck->idle_text, sizeof(recheck->idle_text), "%d",
                   (int)call->thread->config->api_session_idle_s);
}

bool recheck_is_due(const struct recheck *recheck)
{
    return recheck->query.slot == NULL && hk_mono_ms() - recheck->good_at_ms >= RECHECK_MS;
}

enum hk_code recheck_ask(struct recheck *recheck, struct call *call, hk_db_done_fn *done)
{
    const struct caller *caller = &call->caller;

    if (caller->expires_s != 0 && hk_wall_us() / 1000000 >= caller->expires_s)
        return HK_UNAUTHENTICATED;
    hk_hex_encode(call->key_sha256, HK_SHA256_SIZE, call->key_sha256_hex);
    recheck->query = (struct hk_db_query){
        .stmt = &stmt_caller_recheck,
        .params = {hk_str(call->tenant_id), hk_str(caller->actor), hk_str(call->key_sha256_hex),
                   hk_str(auth_role_name(caller->role)),
                   caller->partner[0] == '\0' ? HK_STR_NULL : hk_str(caller->partner),
                   hk_str(auth_scope_name(call->match.route->scope)), hk_str(recheck->idle_text)},
        .context = &call->context,
        .done = done,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->cell->db, &recheck->query);
}

enum hk_code recheck_judge(struct recheck *recheck, const struct hk_db_result *result)
{
    if (result->code != HK_OK)
        return result->code;
    if (result->n_rows != 1 || !hk_str_eq(hk_db_value(result, 0, 0), HK_STR("1")))
        return HK_UNAUTHENTICATED;
    recheck->good_at_ms = hk_mono_ms();
    return HK_OK;
}
