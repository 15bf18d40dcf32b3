/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/health.h"

#include "api/http/call.h"
#include "api/http/server.h"
#include "docs/openapi.h"
#include "hk/clock.h"
#include "hk/file.h"

static bool reply_alive(struct call *call)
{
    call_reply(call, 200, HK_STR("{\"status\":\"alive\"}"));
    return true;
}

enum { START_MS = 5000 };

/* A cell that is down is no reason to take the others from their tenants; one that is not up yet,
 * because the process has just started, is waited for. */
static bool is_ready(const struct api_thread *thread)
{
    bool is_starting = hk_mono_ms() - thread->started_at_ms < START_MS;

    for (unsigned i = 0; i < thread->n_cells; i++) {
        struct api_cell *cell = &thread->cells[i];

        cell->has_been_up = cell->has_been_up || cell_is_up(cell);
        if (is_starting && !cell->has_been_up)
            return false;
    }
    return cell_is_up(thread->home);
}

static bool reply_ready(struct call *call)
{
    if (!is_ready(call->thread))
        call_fail_code(call, HK_DB_UNAVAILABLE, HK_STR_NULL);
    else
        call_reply(call, 200, HK_STR("{\"status\":\"ready\"}"));
    return true;
}

static bool reply_openapi(struct call *call)
{
    call_reply(call, 200, openapi_files[0].bytes);
    return true;
}

const struct route health_routes[] = {
    {.method = "GET",
     .path = "/healthz",
     .scope = SCOPE_PUBLIC,
     .ok_status = 200,
     .handle = reply_alive},
    {.method = "GET",
     .path = "/readyz",
     .scope = SCOPE_PUBLIC,
     .ok_status = 200,
     .handle = reply_ready},
    {.method = "GET",
     .path = "/openapi.json",
     .scope = SCOPE_PUBLIC,
     .ok_status = 200,
     .handle = reply_openapi},
    {0},
};
