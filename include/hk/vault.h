/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/vault.h - secrets at rest: texts that can be read with the installation's master key only, and
 * only in the place that they were sealed for.
 *
 * A sealed text is "v1.<key id>.<base64url of nonce, ciphertext and tag>" (AES-256-GCM), so that a
 * column of texts can hold it. A text of another form was stored before there were master keys: it
 * is its own clear text until the worker has sealed it. Two keys live at a time, so that one can
 * take the place of the other: docs/operations.md.
 */
#ifndef HK_VAULT_H
#define HK_VAULT_H

#include <stdio.h>

#include "hk/buf.h"
#include "hk/seal.h"

#define HK_VAULT_KEY_TEXT_SIZE 45    /* a master key: base64 of 32 bytes, NUL */
#define HK_VAULT_KEY_ID_SIZE   9     /* 8 hexadecimal digits, NUL; they tell nothing of the key */
#define HK_VAULT_MAX_BYTES     16384 /* of a clear text */

/* Room for a sealed text of n bytes, with a NUL. */
#define HK_VAULT_SEALED_SIZE(n)                                                                    \
    (3 + HK_VAULT_KEY_ID_SIZE + ((n) + HK_SEAL_OVERHEAD + 2) / 3 * 4 + 1)

struct hk_config;

struct hk_vault_key {
    char id[HK_VAULT_KEY_ID_SIZE]; /* "": there is none */
    uint8_t bytes[HK_SEAL_KEY_SIZE];
};

/* The master keys of the process. Immutable after hk_vault_load(): threads share it. */
struct hk_vault {
    struct hk_vault_key current; /* seals */
    struct hk_vault_key old;     /* opens only; may be none */
};

/*
 * Where a sealed text belongs; anywhere else it does not open. Ids as PostgreSQL writes them (lower
 * case). `owner_id` is whose the row is when its key says so (the subscription of a secret), or
 * nothing; `column` says which member it is, too, when it holds several ("headers.x-key").
 * hk/stored_secrets.h has those of the schema.
 */
struct hk_vault_place {
    struct hk_str tenant_id, table, owner_id, row_id, column;
};

/* A new master key, as HOOKLINE_MASTER_KEY takes it. Wipe it when it has been used. */
void hk_vault_new_key(char ret[HK_VAULT_KEY_TEXT_SIZE]);

/*
 * The keys of HOOKLINE_MASTER_KEY and HOOKLINE_MASTER_KEY_OLD, whose texts are wiped from `config`
 * and the environment. Prints on `errors` what is wrong with them, and how to make one; false when
 * there was something, or when what is sealed does not open.
 */
HK_NODISCARD bool hk_vault_load(struct hk_vault *ret, struct hk_config *config, FILE *errors);

/* Wipes the keys. */
void hk_vault_done(struct hk_vault *vault);

/* Appends `text`, at most HK_VAULT_MAX_BYTES, sealed with the current key. */
void hk_vault_seal(const struct hk_vault *vault, const struct hk_vault_place *place,
                   struct hk_str text, struct hk_buf *buf);

/*
 * Appends the clear text of what stands in `place`. False, and nothing is appended, when the key is
 * not there, or it was sealed for another place, or changed since.
 */
HK_NODISCARD bool hk_vault_open(const struct hk_vault *vault, const struct hk_vault_place *place,
                                struct hk_str stored, struct hk_buf *buf);

/* Whether a stored text is a sealed one, and whether it is one of the current key. */
HK_NODISCARD bool hk_vault_is_sealed(struct hk_str stored);
HK_NODISCARD bool hk_vault_is_current(const struct hk_vault *vault, struct hk_str stored);

#endif
