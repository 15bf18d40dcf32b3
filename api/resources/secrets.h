/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/secrets.h - secrets that a request makes, as parameters of its statement. They are
 * made here and not in SQL, and shown once, in the reply to that request.
 */
#ifndef API_RESOURCES_SECRETS_H
#define API_RESOURCES_SECRETS_H

#include "hk/err.h"
#include "hk/id.h"

struct call;

/* "=secret": a subscription's signing secret. */
void secrets_set_signing(struct call *call);

/* The same with one that the caller brought, which hk_secret_is_valid() has judged; with padding.
 */
void secrets_set_imported(struct call *call, struct hk_str secret);

/* "=key" and "=key_sha256" (hex): an API key of that tenant. */
void secrets_set_key(struct call *call, const struct hk_id *tenant_id);
/* "=token" and "=token_sha256" (hex): a one-time token to set a password with. */
void secrets_set_token(struct call *call);

#endif
