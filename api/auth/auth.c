/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth/auth.h"

#include <stdio.h>
#include <stdlib.h>

static const char key_prefix[] = "hk_";
enum { PREFIX_N = 3, TENANT_N = 22, RANDOM_N = 30, CRC_N = 6 };

static const char base62_digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin",       [ROLE_PARTNER] = "partner",
    [ROLE_SUPPORT] = "support",   [ROLE_PRODUCER] = "producer", [ROLE_RECEIVER] = "receiver",
};

/* The roles that have a scope, one bit each. */
#define OPERATOR (1u << ROLE_OPERATOR)
#define ADMIN    (1u << ROLE_ADMIN)
#define PARTNER  (1u << ROLE_PARTNER)
#define SUPPORT  (1u << ROLE_SUPPORT)
#define PRODUCER (1u << ROLE_PRODUCER)
#define RECEIVER (1u << ROLE_RECEIVER)
static const unsigned scope_roles[SCOPE_COUNT] = {
#define SCOPE(code, name, roles) [code] = (roles),
#include "api/auth/scopes.def"
#undef SCOPE
};

const char *auth_scope_name(enum scope scope)
{
    static const char *const names[SCOPE_COUNT] = {
        [SCOPE_PUBLIC] = "public",
#define SCOPE(code, name, roles) [code] = (name),
#include "api/auth/scopes.def"
#undef SCOPE
    };

    return names[scope];
}

void auth_scope_names(uint64_t scopes, char ret[AUTH_SCOPE_NAMES_SIZE])
{
    size_t n = 0;

    ret[0] = '\0';
    for (unsigned scope = SCOPE_PUBLIC + 1; scope < SCOPE_COUNT; scope++) {
        if ((scopes & AUTH_SCOPE_BIT(scope)) != 0 && n < AUTH_SCOPE_NAMES_SIZE)
            n += (size_t)snprintf(ret + n, AUTH_SCOPE_NAMES_SIZE - n, "%s%s", n == 0 ? "" : " ",
                                  auth_scope_name((enum scope)scope));
    }
}

uint64_t auth_role_scopes(enum role role)
{
    uint64_t scopes = 0;

    for (unsigned scope = SCOPE_PUBLIC + 1; scope < SCOPE_COUNT; scope++) {
        if ((scope_roles[scope] & 1u << role) != 0)
            scopes |= AUTH_SCOPE_BIT(scope);
    }
    return scopes;
}

uint64_t auth_scopes_of_names(struct hk_str names)
{
    uint64_t scopes = 0;

    while (names.n > 0) {
        const char *blank = memchr(names.p, ' ', names.n);
        struct hk_str name = {names.p, blank == NULL ? names.n : (size_t)(blank - names.p)};

        for (unsigned scope = SCOPE_PUBLIC + 1; scope < SCOPE_COUNT; scope++) {
            if (hk_str_eq(name, hk_str(auth_scope_name((enum scope)scope))))
                scopes |= AUTH_SCOPE_BIT(scope);
        }
        names.p += name.n + (blank != NULL);
        names.n -= name.n + (blank != NULL);
    }
    return scopes;
}

uint64_t auth_scopes_from_names(struct hk_str names, enum role role)
{
    return auth_scopes_of_names(names) & auth_role_scopes(role);
}

bool auth_may_give(const struct caller *caller, uint64_t scopes)
{
    return caller->scopes == auth_role_scopes(caller->role) || (scopes & ~caller->scopes) == 0;
}

void auth_list_roles(const struct caller *caller, uint64_t scopes, char ret[AUTH_ROLES_SIZE])
{
    size_t n = 0;

    ret[0] = '\0';
    for (enum role role = ROLE_OPERATOR; role < ROLE_COUNT; role++) {
        uint64_t of_role = auth_role_scopes(role);
        bool fits = scopes == 0 ? auth_may_give(caller, of_role) : (scopes & ~of_role) == 0;

        if (fits)
            n += (size_t)snprintf(ret + n, AUTH_ROLES_SIZE - n, "%s%s", n == 0 ? "" : ",",
                                  role_names[role]);
    }
}

bool auth_may(const struct caller *caller, enum scope scope)
{
    return scope == SCOPE_PUBLIC || (caller->scopes & AUTH_SCOPE_BIT(scope)) != 0;
}

bool auth_sees_all(enum role role)
{
    static const bool sees_all[ROLE_COUNT] = {
        [ROLE_OPERATOR] = true, [ROLE_ADMIN] = true,    [ROLE_PARTNER] = true,
        [ROLE_PRODUCER] = true, [ROLE_RECEIVER] = true,
    };

    return (unsigned)role < ROLE_COUNT && sees_all[role];
}

enum role auth_role_from_name(struct hk_str name)
{
    for (enum role role = ROLE_OPERATOR; role < ROLE_COUNT; role++) {
        if (hk_str_eq(name, hk_str(role_names[role])))
            return role;
    }
    return ROLE_NONE;
}

const char *auth_role_name(enum role role)
{
    return role_names[role];
}

static void write_crc(const char *key, char ret[CRC_N])
{
    uint32_t crc = hk_crc32(key, PREFIX_N + TENANT_N + 1 + RANDOM_N);

    for (int i = CRC_N - 1; i >= 0; i--) {
        ret[i] = base62_digits[crc % 62];
        crc /= 62;
    }
}

void auth_key_new(const struct hk_id *tenant_id, char ret[AUTH_KEY_TEXT_SIZE])
{
    memcpy(ret, key_prefix, PREFIX_N);
    hk_base62_encode16(tenant_id->bytes, ret + PREFIX_N);
    ret[PREFIX_N + TENANT_N] = '_';
    hk_base62_random(ret + PREFIX_N + TENANT_N + 1, RANDOM_N);
    write_crc(ret, ret + PREFIX_N + TENANT_N + 1 + RANDOM_N);
    ret[AUTH_KEY_TEXT_SIZE - 1] = '\0';
}

bool auth_key_parse(struct hk_str key, struct hk_id *ret_tenant_id,
                    uint8_t ret_sha256[HK_SHA256_SIZE])
{
    char crc[CRC_N];

    if (key.n != AUTH_KEY_TEXT_SIZE - 1 || memcmp(key.p, key_prefix, PREFIX_N) != 0 ||
        key.p[PREFIX_N + TENANT_N] != '_' ||
        !hk_base62_decode16(key.p + PREFIX_N, ret_tenant_id->bytes))
        return false;
    write_crc(key.p, crc);
    if (memcmp(key.p + key.n - CRC_N, crc, CRC_N) != 0)
        return false;
    hk_sha256(key.p, key.n, ret_sha256);
    return true;
}

bool auth_key_parse_again(struct hk_str key, struct auth_key *last)
{
    if (last->text[0] != '\0' && key.n == AUTH_KEY_TEXT_SIZE - 1 &&
        hk_equal_secretly(last->text, key.p, key.n))
        return true;
    explicit_bzero(last, sizeof(*last));
    if (!auth_key_parse(key, &last->tenant_id, last->sha256))
        return false;
    memcpy(last->text, key.p, key.n);
    return true;
}
