/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/idempotency_key.h - the Idempotency-Key header, and what is derived from it: where its
 * reply is found, which request it was for, and the key that the reply is sealed with. Pure.
 *
 * All three come from one HKDF over the header's value and the caller's credential, so that the
 * database, which sees neither, can tell nothing from what it keeps: see docs/adr/0010.
 */
#ifndef API_IDEMPOTENCY_KEY_H
#define API_IDEMPOTENCY_KEY_H

#include "hk/encode.h"
#include "hk/seal.h"

#define IDEMPOTENCY_KEY_MAX_BYTES 255

/* What a key belongs to. Whatever differs here makes another key of the same text. */
struct idempotency_scope {
    struct hk_str actor;   /* the caller: "key:<id>", ... */
    struct hk_str partner; /* for whom it acts: an issuer's tokens may say so anew each time */
    struct hk_str method;  /* "POST" */
    struct hk_str path;    /* without the query */
    struct hk_str proof;   /* the caller's long-lived credential, or "" */
};

struct idempotency_key {
    uint8_t id[HK_SHA256_SIZE];
    uint8_t fingerprint[HK_SHA256_SIZE];
    uint8_t seal_key[HK_SEAL_KEY_SIZE];
};

/*
 * Reads the header: 1 to 255 visible ASCII characters, or those in double quotes (a string of
 * RFC 9651, which may have blanks, \" and \\ in it): the same key. Writes a NUL.
 */
HK_NODISCARD bool idempotency_key_read(struct hk_str header,
                                       char ret[IDEMPOTENCY_KEY_MAX_BYTES + 1]);

/* `query` (without "?") and `body` are those of the request. */
void idempotency_key_derive(struct hk_str text, const struct idempotency_scope *scope,
                            struct hk_str query, struct hk_str body, struct idempotency_key *ret);

#endif
