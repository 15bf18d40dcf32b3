/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth.h"

#include <stdlib.h>

static const char key_prefix[] = "hk_";
enum { PREFIX_N = 3, TENANT_N = 22, RANDOM_N = 30, CRC_N = 6 };

static const char base62_digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#define BIT(scope) (1u << (scope))

/* What a role's keys may do; docs/openapi.yaml names the scope of each route. */
static const struct {
    const char *name;
    uint32_t scopes;
} roles[ROLE_COUNT] = {
    [ROLE_NONE] = {"", 0},
    [ROLE_OPERATOR] = {"operator", BIT(SCOPE_TENANTS_MANAGE)},
    [ROLE_ADMIN] = {"admin", BIT(SCOPE_KEYS_MANAGE) | BIT(SCOPE_APPS_READ) | BIT(SCOPE_APPS_WRITE) |
                                 BIT(SCOPE_COMPANIES_READ) | BIT(SCOPE_COMPANIES_WRITE) |
                                 BIT(SCOPE_CONNECTIONS_READ) | BIT(SCOPE_CONNECTIONS_WRITE) |
                                 BIT(SCOPE_EVENT_TYPES_READ) | BIT(SCOPE_EVENT_TYPES_WRITE) |
                                 BIT(SCOPE_SUBSCRIPTIONS_READ) | BIT(SCOPE_SUBSCRIPTIONS_WRITE) |
                                 BIT(SCOPE_EVENTS_READ) | BIT(SCOPE_MESSAGES_READ) |
                                 BIT(SCOPE_MESSAGES_RESEND)},
    [ROLE_PARTNER] = {"partner", BIT(SCOPE_APPS_READ) | BIT(SCOPE_APPS_WRITE) |
                                     BIT(SCOPE_CONNECTIONS_READ) | BIT(SCOPE_EVENT_TYPES_READ) |
                                     BIT(SCOPE_SUBSCRIPTIONS_READ) |
                                     BIT(SCOPE_SUBSCRIPTIONS_WRITE) | BIT(SCOPE_EVENTS_READ) |
                                     BIT(SCOPE_MESSAGES_READ)},
    [ROLE_SUPPORT] = {"support", BIT(SCOPE_APPS_READ) | BIT(SCOPE_COMPANIES_READ) |
                                     BIT(SCOPE_CONNECTIONS_READ) | BIT(SCOPE_EVENT_TYPES_READ) |
                                     BIT(SCOPE_SUBSCRIPTIONS_READ) | BIT(SCOPE_EVENTS_READ) |
                                     BIT(SCOPE_MESSAGES_READ) | BIT(SCOPE_MESSAGES_RESEND)},
    [ROLE_PRODUCER] = {"producer", BIT(SCOPE_EVENTS_PUBLISH) | BIT(SCOPE_EVENT_TYPES_READ)},
    [ROLE_RECEIVER] = {"receiver", BIT(SCOPE_EVENTS_READ) | BIT(SCOPE_MESSAGES_READ) |
                                       BIT(SCOPE_EVENT_TYPES_READ)},
};

bool auth_grants(enum role role, enum scope scope)
{
    return scope == SCOPE_PUBLIC || (roles[role].scopes & BIT(scope)) != 0;
}

enum role auth_role_from_name(struct hk_str name)
{
    for (enum role role = ROLE_OPERATOR; role < ROLE_COUNT; role++) {
        if (hk_str_eq(name, hk_str(roles[role].name)))
            return role;
    }
    return ROLE_NONE;
}

static void write_crc(const char *key, char ret[CRC_N])
{
    uint32_t crc = hk_crc32(key, PREFIX_N + TENANT_N + 1 + RANDOM_N);

    for (int i = CRC_N - 1; i >= 0; i--) {
        ret[i] = base62_digits[crc % 62];
        crc /= 62;
    }
}

/* Digits without bias: a byte that does not fit is drawn again. */
static void write_random(char ret[RANDOM_N])
{
    size_t n = 0;

    while (n < RANDOM_N) {
        uint8_t bytes[64];

        hk_random(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && n < RANDOM_N; i++) {
            if (bytes[i] < 248) /* 4 * 62 */
                ret[n++] = base62_digits[bytes[i] % 62];
        }
    }
}

void auth_key_new(const struct hk_id *tenant_id, char ret[AUTH_KEY_TEXT_SIZE])
{
    memcpy(ret, key_prefix, PREFIX_N);
    hk_base62_encode16(tenant_id->bytes, ret + PREFIX_N);
    ret[PREFIX_N + TENANT_N] = '_';
    write_random(ret + PREFIX_N + TENANT_N + 1);
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
