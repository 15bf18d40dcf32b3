/* SPDX-License-Identifier: Apache-2.0 */
/* vault.c - what is sealed carries the id of its key; the key's owner and its place are AAD. */
#include "hk/vault.h"

#include <assert.h>
#include <stdlib.h>

#include "hk/config.h"
#include "hk/encode.h"

#define VERSION "v1."

enum {
    MASTER_BYTES = 32,
    MIN_DISTINCT_BYTES = 16, /* 32 random ones have fewer once in 10^17 */
    KEY_ID_BYTES = 4,
    PREFIX_BYTES = 3 + HK_VAULT_KEY_ID_SIZE, /* "v1.", the key id, "." */
    MIN_SEALED_DIGITS = (HK_SEAL_OVERHEAD * 4 + 2) / 3,
    MAX_PLACE_BYTES = 1024,
};

static const char advice[] =
    "Make one: hookline keys master >FILE; then HOOKLINE_MASTER_KEY_FILE=FILE "
    "(docs/operations.md, Master key).\n";

void hk_vault_new_key(char ret[HK_VAULT_KEY_TEXT_SIZE])
{
    uint8_t bytes[MASTER_BYTES];

    hk_random(bytes, sizeof(bytes));
    (void)hk_b64_encode(bytes, sizeof(bytes), ret);
    explicit_bzero(bytes, sizeof(bytes));
}

/* ---- loading -------------------------------------------------------------------------------- */

static unsigned count_distinct(const uint8_t *bytes, size_t n)
{
    bool is_seen[256] = {false};
    unsigned count = 0;

    for (size_t i = 0; i < n; i++) {
        count += is_seen[bytes[i]] ? 0 : 1;
        is_seen[bytes[i]] = true;
    }
    return count;
}

/* The key that seals and its id are both derived, so that the id tells nothing. */
static void derive(const uint8_t master[MASTER_BYTES], struct hk_vault_key *ret)
{
    struct hk_str secret = {(const char *)master, MASTER_BYTES};
    uint8_t id[KEY_ID_BYTES];

    hk_derive_key(secret, HK_STR(""), HK_STR("hookline vault v1"), ret->bytes, sizeof(ret->bytes));
    hk_derive_key(secret, HK_STR(""), HK_STR("hookline vault key id"), id, sizeof(id));
    hk_hex_encode(id, sizeof(id), ret->id);
}

static bool read_key(const char *name, const char *text, struct hk_vault_key *ret, FILE *errors)
{
    uint8_t master[MASTER_BYTES];
    size_t n = 0;
    bool is_good = hk_b64_decode(hk_str(text), master, sizeof(master), &n) && n == sizeof(master) &&
                   count_distinct(master, n) >= MIN_DISTINCT_BYTES;

    if (is_good)
        derive(master, ret);
    else
        (void)fprintf(errors, "%s: this is not base64 of %d random bytes. %s", name, MASTER_BYTES,
                      advice);
    explicit_bzero(master, sizeof(master));
    return is_good;
}

/* A setting's text is the environment's, or of a file that was read: both may be written to. */
static void wipe_text(const char **text)
{
    if ((*text)[0] != '\0')
        explicit_bzero((char *)(uintptr_t)*text, strlen(*text));
    *text = "";
}

/* What is sealed opens where it belongs, and nowhere else. */
static bool works(const struct hk_vault *vault)
{
    struct hk_buf sealed HK_CLEANUP(hk_buf_done), opened HK_CLEANUP(hk_buf_done);
    struct hk_str text = HK_STR("canary");
    struct hk_vault_place here = {HK_STR("t"), HK_STR("table"), HK_STR("o"), HK_STR("1"),
                                  HK_STR("column")};
    struct hk_vault_place there = here;

    there.row_id = HK_STR("2");
    hk_buf_init(&sealed, 256);
    hk_buf_init(&opened, 256);
    hk_vault_seal(vault, &here, text, &sealed);
    return !hk_vault_open(vault, &there, hk_buf_str(&sealed), &opened) &&
           hk_vault_open(vault, &here, hk_buf_str(&sealed), &opened) &&
           hk_str_eq(hk_buf_str(&opened), text);
}

static bool read_keys(struct hk_vault *ret, const struct hk_config *config, FILE *errors)
{
    bool is_good = true;

    if (config->master_key[0] == '\0') {
        (void)fprintf(errors, "HOOKLINE_MASTER_KEY: there must be one. %s", advice);
        is_good = false;
    } else {
        is_good = read_key("HOOKLINE_MASTER_KEY", config->master_key, &ret->current, errors);
    }
    if (config->master_key_old[0] != '\0')
        is_good &= read_key("HOOKLINE_MASTER_KEY_OLD", config->master_key_old, &ret->old, errors);
    if (is_good && strcmp(ret->current.id, ret->old.id) == 0) {
        (void)fputs("HOOKLINE_MASTER_KEY_OLD: this is HOOKLINE_MASTER_KEY: unset it\n", errors);
        is_good = false;
    }
    return is_good;
}

bool hk_vault_load(struct hk_vault *ret, struct hk_config *config, FILE *errors)
{
    bool is_good;

    *ret = (struct hk_vault){0};
    is_good = read_keys(ret, config, errors);
    wipe_text(&config->master_key);
    wipe_text(&config->master_key_old);
    if (is_good && !works(ret)) {
        (void)fputs("HOOKLINE_MASTER_KEY: what it seals does not open\n", errors);
        is_good = false;
    }
    if (!is_good)
        hk_vault_done(ret);
    return is_good;
}

void hk_vault_done(struct hk_vault *vault)
{
    explicit_bzero(vault, sizeof(*vault));
}

/* ---- sealing and opening -------------------------------------------------------------------- */

static bool is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
            return false;
    }
    return true;
}

static bool is_b64url(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool is_digit = (p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'Z') ||
                        (p[i] >= 'a' && p[i] <= 'z') || p[i] == '-' || p[i] == '_';

        if (!is_digit)
            return false;
    }
    return true;
}

bool hk_vault_is_sealed(struct hk_str stored)
{
    return stored.n >= PREFIX_BYTES + MIN_SEALED_DIGITS &&
           memcmp(stored.p, VERSION, strlen(VERSION)) == 0 &&
           is_hex(stored.p + strlen(VERSION), HK_VAULT_KEY_ID_SIZE - 1) &&
           stored.p[PREFIX_BYTES - 1] == '.' &&
           is_b64url(stored.p + PREFIX_BYTES, stored.n - PREFIX_BYTES);
}

static bool is_of_key(struct hk_str stored, const struct hk_vault_key *key)
{
    return key->id[0] != '\0' &&
           memcmp(stored.p + strlen(VERSION), key->id, HK_VAULT_KEY_ID_SIZE - 1) == 0;
}

bool hk_vault_is_current(const struct hk_vault *vault, struct hk_str stored)
{
    return hk_vault_is_sealed(stored) && is_of_key(stored, &vault->current);
}

/* "v1.<key id>|tenant|table|owner|row|column": the column is last, anything may be in it. */
static struct hk_str write_about(const struct hk_vault_key *key, const struct hk_vault_place *place,
                                 char buf[MAX_PLACE_BYTES])
{
    const struct hk_str bar = HK_STR("|");
    const struct hk_str parts[] = {HK_STR(VERSION),
                                   hk_str(key->id),
                                   bar,
                                   place->tenant_id,
                                   bar,
                                   place->table,
                                   bar,
                                   place->owner_id,
                                   bar,
                                   place->row_id,
                                   bar,
                                   place->column};
    size_t n = 0;

    for (size_t i = 0; i < HK_COUNTOF(parts); i++) {
        assert(parts[i].n <= MAX_PLACE_BYTES - n);
        if (parts[i].n > 0)
            memcpy(buf + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return (struct hk_str){buf, n};
}

void hk_vault_seal(const struct hk_vault *vault, const struct hk_vault_place *place,
                   struct hk_str text, struct hk_buf *buf)
{
    uint8_t sealed[HK_VAULT_MAX_BYTES + HK_SEAL_OVERHEAD];
    char digits[HK_VAULT_SEALED_SIZE(HK_VAULT_MAX_BYTES)], about[MAX_PLACE_BYTES];
    const struct hk_vault_key *key = &vault->current;
    size_t n;

    assert(key->id[0] != '\0' && text.n <= HK_VAULT_MAX_BYTES);
    hk_seal(key->bytes, write_about(key, place, about), text, sealed);
    n = hk_b64url_encode(sealed, text.n + HK_SEAL_OVERHEAD, digits);
    hk_buf_add_text(buf, VERSION);
    hk_buf_add_text(buf, key->id);
    hk_buf_add_text(buf, ".");
    hk_buf_add(buf, digits, n);
}

/* Bits that stand for nothing are zero: there is one text for what is sealed. */
static bool decode(struct hk_str digits, uint8_t *ret, size_t capacity, size_t *ret_n)
{
    char tail[HK_B64_SIZE(2)];
    size_t n_tail;

    if (!hk_b64url_decode(digits, ret, capacity, ret_n))
        return false;
    n_tail = hk_b64url_encode(ret + *ret_n / 3 * 3, *ret_n % 3, tail);
    return memcmp(digits.p + digits.n - n_tail, tail, n_tail) == 0;
}

bool hk_vault_open(const struct hk_vault *vault, const struct hk_vault_place *place,
                   struct hk_str stored, struct hk_buf *buf)
{
    uint8_t sealed[HK_VAULT_MAX_BYTES + HK_SEAL_OVERHEAD], text[HK_VAULT_MAX_BYTES];
    char about[MAX_PLACE_BYTES];
    const struct hk_vault_key *key;
    size_t n;

    if (!hk_vault_is_sealed(stored)) {
        hk_buf_add_str(buf, stored);
        return true;
    }
    key = is_of_key(stored, &vault->current) ? &vault->current : &vault->old;
    if (!is_of_key(stored, key) ||
        !decode((struct hk_str){stored.p + PREFIX_BYTES, stored.n - PREFIX_BYTES}, sealed,
                sizeof(sealed), &n) ||
        !hk_unseal(key->bytes, write_about(key, place, about),
                   (struct hk_str){(const char *)sealed, n}, text))
        return false;
    hk_buf_add(buf, text, n - HK_SEAL_OVERHEAD);
    explicit_bzero(text, n - HK_SEAL_OVERHEAD);
    return true;
}
