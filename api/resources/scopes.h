/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/scopes.h - roles, partners and scopes of whatever a tenant gives out: keys,
 * clients, issuers.
 */
#ifndef API_RESOURCES_SCOPES_H
#define API_RESOURCES_SCOPES_H

#include "api/auth/auth.h"

enum { MAX_SCOPES = 64 }; /* in a body's list */

/*
 * Whoever has no partner sees every app: that must not come about by forgetting one. HK_OK, or
 * HK_INVALID_BODY at "/partner": the role needs one and has none, or the other way round.
 */
enum hk_code role_check_partner(enum role role, struct hk_str partner, struct hk_error *reterr);

/*
 * Sets "=scopes_of_roles", {"admin": ["tenant:read", ...], ...}, and "=scopes_to_give", those that
 * the caller may give, with blanks between, or NULL: any. See scope_faults.sql.
 */
void scopes_set(struct call *call);

/* Sets "=roles_to_give": those all of whose scopes the caller may give, with commas between. */
void scopes_set_roles(struct call *call);

#endif
