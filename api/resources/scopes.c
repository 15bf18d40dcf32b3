/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/scopes.h"

#include "api/http/call.h"
#include "hk/buf.h"

enum { MAX_JSON = 16384 };

enum hk_code role_check_partner(enum role role, struct hk_str partner, struct hk_error *reterr)
{
    bool needs_partner = role == ROLE_PARTNER || role == ROLE_RECEIVER;

    if (needs_partner && partner.p == NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "This role needs a partner.");
    if (!needs_partner && partner.p != NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "This role has no partner.");
    if (partner.n >= sizeof(((struct caller *)NULL)->partner))
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "must not be longer than %zu bytes",
                       sizeof(((struct caller *)NULL)->partner) - 1);
    return HK_OK;
}

static void add_scopes_of(struct hk_buf *buf, enum role role)
{
    uint64_t scopes = auth_role_scopes(role);
    bool is_first = true;

    hk_buf_printf(buf, "%s\"%s\":[", role == ROLE_OPERATOR ? "" : ",", auth_role_name(role));
    for (unsigned scope = SCOPE_PUBLIC + 1; scope < SCOPE_COUNT; scope++) {
        if ((scopes & AUTH_SCOPE_BIT(scope)) == 0)
            continue;
        hk_buf_printf(buf, "%s\"%s\"", is_first ? "" : ",", auth_scope_name((enum scope)scope));
        is_first = false;
    }
    hk_buf_add_text(buf, "]");
}

void scopes_set(struct call *call)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    char own[AUTH_SCOPE_NAMES_SIZE];

    hk_buf_init(&buf, MAX_JSON);
    hk_buf_add_text(&buf, "{");
    for (enum role role = ROLE_OPERATOR; role < ROLE_COUNT; role++)
        add_scopes_of(&buf, role);
    hk_buf_add_text(&buf, "}");
    call_set_param(call, "=scopes_of_roles", hk_buf_str(&buf));

    if (auth_may_give(&call->caller, UINT64_MAX))
        return;
    auth_scope_names(call->caller.scopes, own);
    call_set_param(call, "=scopes_to_give", hk_str(own));
}

void scopes_set_roles(struct call *call)
{
    char roles[AUTH_ROLES_SIZE];

    auth_list_roles(&call->caller, 0, roles);
    call_set_param(call, "=roles_to_give", hk_str(roles));
}
