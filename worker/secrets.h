/* SPDX-License-Identifier: Apache-2.0 */
/* worker/secrets.h - the secrets that an attempt needs, opened, and kept out of its record. */
#ifndef WORKER_SECRETS_H
#define WORKER_SECRETS_H

#include "hk/id.h"
#include "hk/vault.h"

struct attempt;
struct terms;

/* As message_load returns them; see hk/stored_secrets.h. */
struct stored_secrets {
    struct hk_id tenant_id, subscription_id;
    struct hk_str secrets, headers, password, client_key;
    bool are_tenants;      /* `secrets` */
    bool is_client_secret; /* `password` */
};

/*
 * Keeps them in the terms, which have room for what is stored and need less. What does not open
 * fails the attempts, not the subscription: its key may come back. `scratch` is empty,
 * and wiped before the function returns.
 */
void secrets_open(struct terms *terms, const struct hk_vault *vault, struct hk_buf *scratch,
                  const struct stored_secrets *stored);

/*
 * Receivers that answer with what they got: in the response that the attempt keeps, stars take the
 * place of its password or token and of sealed header fields. While the request is there.
 */
void secrets_mask(struct attempt *attempt);

#endif
