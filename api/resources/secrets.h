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

/*
 * "=secrets": new signing secrets as JSON, {"v1": {"secret", "public_key"}, "v1a": {...}}. One of
 * that kind, or, when `kind`.p is NULL, one of each: which are needed, the statement knows.
 */
void secrets_set_signing(struct call *call, struct hk_str kind);

/*
 * The same with one that the caller brought, which hk_secret_is_valid() has judged: {"imported":
 * {...}}, with its padding. HK_INVALID_BODY when it is not of `kind` (.p NULL: of any).
 */
enum hk_code secrets_set_imported(struct call *call, struct hk_str secret, struct hk_str kind,
                                  struct hk_error *reterr);

/* "=key" and "=key_sha256" (hex): an API key of that tenant. */
void secrets_set_key(struct call *call, const struct hk_id *tenant_id);
/* "=token" and "=token_sha256" (hex): a one-time token to set a password with. */
void secrets_set_token(struct call *call);

#endif
