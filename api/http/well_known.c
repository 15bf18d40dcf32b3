/* SPDX-License-Identifier: Apache-2.0 */
/* well_known.c - what verifiers and clients of our tokens find out by themselves (RFC 8615). */
#include "api/auth/oauth.h"
#include "api/auth/signing_keys.h"
#include "api/http/call.h"
#include "api/http/server.h"

enum { MAX_REPLY_BYTES = 16384 };

static void reply_keys(struct call *call, enum hk_code code)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    if (code != HK_OK) {
        call_fail_code(call, code, HK_STR_NULL);
        return;
    }
    signing_keys_write_set(call->thread->signing_keys, &buf);
    call_reply(call, 200, hk_buf_str(&buf));
}

static bool handle_keys(struct call *call)
{
    if (signing_keys_are_usable(call))
        reply_keys(call, HK_OK);
    else if (signing_keys_ask(call, reply_keys) != HK_OK)
        call_fail_code(call, HK_BUSY, HK_STR_NULL);
    return true;
}

static void add_url(struct hk_buf *buf, const char *name, const char *issuer, const char *path)
{
    struct hk_buf url HK_CLEANUP(hk_buf_done);

    hk_buf_init(&url, MAX_REPLY_BYTES);
    hk_buf_printf(&url, "%s%s", issuer, path);
    hk_buf_printf(buf, "\"%s\":", name);
    hk_buf_add_json_string(buf, hk_buf_str(&url));
    hk_buf_add_text(buf, ",");
}

static bool handle_metadata(struct call *call)
{
    const char *issuer = call->thread->config->api_issuer;
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    hk_buf_add_text(&buf, "{");
    add_url(&buf, "issuer", issuer, "");
    add_url(&buf, "token_endpoint", issuer, "/oauth/token");
    add_url(&buf, "jwks_uri", issuer, "/.well-known/jwks.json");
    hk_buf_add_text(&buf, "\"response_types_supported\":[],"
                          "\"grant_types_supported\":[\"client_credentials\"],"
                          "\"token_endpoint_auth_methods_supported\":[\"client_secret_basic\","
                          "\"client_secret_post\"],\"scopes_supported\":[");
    for (unsigned scope = SCOPE_PUBLIC + 1; scope < SCOPE_COUNT; scope++)
        hk_buf_printf(&buf, "%s\"%s\"", scope == SCOPE_PUBLIC + 1 ? "" : ",",
                      auth_scope_name((enum scope)scope));
    hk_buf_add_text(&buf, "]}");
    call_reply(call, 200, hk_buf_str(&buf));
    return true;
}

const struct route well_known_routes[] = {
    {
        .method = "GET",
        .path = "/.well-known/jwks.json",
        .scope = SCOPE_PUBLIC,
        .ok_status = 200,
        .cache_control = "public, max-age=300",
        .handle = handle_keys,
    },
    {
        .method = "GET",
        .path = "/.well-known/oauth-authorization-server",
        .scope = SCOPE_PUBLIC,
        .ok_status = 200,
        .cache_control = "public, max-age=300",
        .handle = handle_metadata,
    },
    {0},
};
