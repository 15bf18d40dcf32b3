/* SPDX-License-Identifier: Apache-2.0 */
#include "api/health.h"

#include "api/call.h"
#include "api/server.h"
#include "docs/openapi.h"
#include "hk/file.h"

static bool reply_alive(struct call *call)
{
    call_reply(call, 200, HK_STR("{\"status\":\"alive\"}"));
    return true;
}

static bool reply_ready(struct call *call)
{
    if (!cell_is_up(call->thread->home))
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
