/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/auth.h - who calls: API keys, roles and the scopes that they grant (scopes.def).
 *
 * A key is "hk_<tenant: 22 base62>_<random: 30 base62><CRC-32 of all before: 6 base62>": it leads
 * to its tenant (and so to the tenant's cell) without a look-up, a typing error is found without
 * one, and only its SHA-256 is stored.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/http/route.h"
#include "api/limits/bucket.h"
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

/* A set of scopes has this bit for each. */
#define AUTH_SCOPE_BIT(scope) (UINT64_C(1) << (scope))

/* The caller of a request, whatever it proved itself with. */
struct caller {
    enum role role;
    uint64_t scopes; /* at most those of its role */
    struct hk_id tenant_id;
    char actor[192];   /* for the audit log: "key:<id>", "client:<id>", "user:<id>", ... */
    char partner[129]; /* "": sees every app of its tenant */
    int64_t expires_s; /* of its token, seconds since the epoch; 0: the database says it */
    struct bucket_limit own_limit, tenant_limit; /* set by limit_set_caller() */
    int64_t events_per_day;                      /* of the tenant; -1: any number */
};

/* A new key for the tenant. */
void auth_key_new(const struct hk_id *tenant_id, char ret[AUTH_KEY_TEXT_SIZE]);

/* Takes the tenant and the SHA-256 from a key's text. False when it cannot be a key. */
HK_NODISCARD bool auth_key_parse(struct hk_str key, struct hk_id *ret_tenant_id,
                                 uint8_t ret_sha256[HK_SHA256_SIZE]);

/* A key with what was taken from it. All zero: none. */
struct auth_key {
    char text[AUTH_KEY_TEXT_SIZE];
    struct hk_id tenant_id;
    uint8_t sha256[HK_SHA256_SIZE];
};

/*
 * The same, where most often `key` is the one of the time before, which `last` has: that is neither
 * checked nor hashed again. False: it cannot be a key, and `last` has none.
 */
HK_NODISCARD bool auth_key_parse_again(struct hk_str key, struct auth_key *last);

/* "apps:read": the name of a scope in OAuth and in docs/openapi.yaml. */
const char *auth_scope_name(enum scope scope);

/* Room for the names of all scopes, with blanks between and a NUL. */
#define AUTH_SCOPE_NAMES_SIZE 2048

/* "apps:read apps:write": the names of a set, in the order of scopes.def. */
void auth_scope_names(uint64_t scopes, char ret[AUTH_SCOPE_NAMES_SIZE]);

/* All that the role grants. */
uint64_t auth_role_scopes(enum role role);

/* Those of "apps:read apps:write", whoever may have them; unknown names are none. */
uint64_t auth_scopes_of_names(struct hk_str names);

/*
 * Whether the caller may give these scopes to a key, a client or a user. Who has all that its role
 * grants may give what it likes within its tenant; who has less, no more than that.
 */
bool auth_may_give(const struct caller *caller, uint64_t scopes);

/*
 * The roles, separated by commas, that have all of `scopes`; with 0, those all of whose scopes the
 * caller may give.
 */
#define AUTH_ROLES_SIZE 64
void auth_list_roles(const struct caller *caller, uint64_t scopes, char ret[AUTH_ROLES_SIZE]);

/* Those of "apps:read apps:write" that the role grants; unknown names grant nothing. */
uint64_t auth_scopes_from_names(struct hk_str names, enum role role);

/* Whether the caller may call routes of that scope. */
bool auth_may(const struct caller *caller, enum scope scope);

/* Whether the role is shown what is sensitive; any other sees masks (docs/adr/0035-masking.md). */
bool auth_sees_all(enum role role);

/* By the name in api_key.role; ROLE_NONE when there is none such. */
enum role auth_role_from_name(struct hk_str name);

/* The name in api_key.role; NULL for ROLE_NONE. */
const char *auth_role_name(enum role role);

#endif
