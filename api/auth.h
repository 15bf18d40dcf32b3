/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth.h - who calls: API keys, roles and what they grant.
 *
 * A key is "hk_<tenant: 22 base62>_<random: 30 base62><CRC-32 of all before: 6 base62>": it leads
 * to its tenant (and so to the tenant's cell) without a look-up, a typing error is found without
 * one, and only its SHA-256 is stored.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/route.h"
#include "hk/encode.h"

#define AUTH_KEY_TEXT_SIZE (3 + 22 + 1 + 30 + 6 + 1) /* with the NUL */

enum role {
    ROLE_NONE, /* not authenticated */
    ROLE_OPERATOR,
    ROLE_ADMIN,
    ROLE_PARTNER,
    ROLE_SUPPORT,
    ROLE_PRODUCER,
    ROLE_RECEIVER,
    ROLE_COUNT
};

/* The caller of a request. */
struct caller {
    enum role role;
    struct hk_id tenant_id;
    char key_id[HK_ID_TEXT_SIZE];
    char partner[129]; /* "": sees every app of its tenant */
};

/* A new key for the tenant. */
void auth_key_new(const struct hk_id *tenant_id, char ret[AUTH_KEY_TEXT_SIZE]);

/* Takes the tenant and the SHA-256 from a key's text. False when it cannot be a key. */
HK_NODISCARD bool auth_key_parse(struct hk_str key, struct hk_id *ret_tenant_id,
                                 uint8_t ret_sha256[HK_SHA256_SIZE]);

/* Whether the role's keys may call routes of that scope. */
bool auth_grants(enum role role, enum scope scope);

/* By the name in api_key.role; ROLE_NONE when there is none such. */
enum role auth_role_from_name(struct hk_str name);

#endif
