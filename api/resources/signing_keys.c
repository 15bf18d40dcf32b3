/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The installation's signing keys, for operators. The statements are in signing_keys.sql beside
 * this file; signing is api/auth/signing_keys.c.
 */
#include "api/auth/signing_keys.h"

#include "api/http/call.h"
#include "api/resources/resources.h"
#include "api/resources/signing_keys.sql.h"

static const struct body_field rotate_body[] = {
    {.name = "remove_previous", .type = BODY_BOOLEAN},
    {0},
};

static void set_pair(struct call *call, const char *name)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 4096);
    signing_keys_write_pair(call_vault(call), &buf);
    call_set_param(call, name, hk_buf_str(&buf));
    explicit_bzero(buf.p, buf.n);
}

/* The second one counts only when there has been no key at all. */
static enum hk_code prepare_rotate(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    set_pair(call, "=pair");
    set_pair(call, "=spare");
    return HK_OK;
}

const struct route signing_keys_routes[] = {
    {
        .method = "GET",
        .path = "/v1/signing_keys",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_signing_key_list,
        .bind = {"tenant", "?limit", "?cursor"},
    },
    {
        .method = "POST",
        .path = "/v1/signing_keys",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .body = rotate_body,
        .body_is_optional = true,
        .stmt = &stmt_signing_key_rotate,
        .bind = {"tenant", "body", "=pair", "=spare"},
        .prepare = prepare_rotate,
    },
    {0},
};
