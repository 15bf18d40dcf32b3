/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/flow_key.h - the part of a flow's URL, /in/<key>, that nobody guesses and that says whose it
 * is: base64url of the tenant's id, the flow's id and its token. SQL writes the same: flow_key().
 * Pure.
 */
#ifndef HK_FLOW_KEY_H
#define HK_FLOW_KEY_H

#include "hk/id.h"

#define HK_FLOW_TOKEN_SIZE 16 /* bytes */
#define HK_FLOW_TOKEN_CAPACITY                                                                     \
    23                        /* of its base64url, as the column flow.token has it; with a NUL */
#define HK_FLOW_KEY_LENGTH 64 /* characters: 48 bytes, no padding, no spare bits */

struct hk_flow_key {
    struct hk_id tenant_id;
    struct hk_id flow_id;
    uint8_t token[HK_FLOW_TOKEN_SIZE]; /* to be compared with hk_equal_secretly() */
};

void hk_flow_key_write(const struct hk_flow_key *key, char ret[HK_FLOW_KEY_LENGTH + 1]);

/* False when `text` is no key; whether there is such a flow is another question. */
HK_NODISCARD bool hk_flow_key_parse(struct hk_str text, struct hk_flow_key *ret);

/* A new token of random bytes, as the column flow.token has it. */
void hk_flow_token_new(char ret[HK_FLOW_TOKEN_CAPACITY]);

#endif
