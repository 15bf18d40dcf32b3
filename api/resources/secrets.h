/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/secrets.h - secrets that a request makes, as parameters of its statement. They are
 * made here and not in SQL, and shown once, in the reply to that request. What can be read again
 * later is sealed for the row that it will be in: its id is made here, too (hk/vault.h).
 */
#ifndef API_RESOURCES_SECRETS_H
#define API_RESOURCES_SECRETS_H

#include "hk/err.h"
#include "hk/id.h"

struct call;

/*
 * "=secrets": the signing secrets of a new subscription, one of each kind, as JSON: {"id": its id,
 * "v1": {"id", "secret", "public_key"}, "v1a": {...}}. Which are needed, the statement knows. And
 * what the body has of its secrets is sealed; `path`: where in the body it is, see sealed_body.h.
 */
void secrets_set_subscription(struct call *call, const char *path);

/* The same without an "id" for one that is there; of that kind, or, .p NULL, one of each. */
void secrets_set_another(struct call *call, struct hk_str subscription_id, struct hk_str kind);

/* The same for the tenant that the call acts for. */
void secrets_set_tenant(struct call *call, struct hk_str kind);

/*
 * The same with one that the caller brought, at "secret" of the body, which hk_secret_is_valid()
 * has judged: {"imported": {...}}, with its padding. HK_INVALID_BODY when it is not of `kind` (.p
 * NULL: of any).
 */
enum hk_code secrets_set_imported(struct call *call, struct hk_str subscription_id,
                                  struct hk_str secret, struct hk_str kind,
                                  struct hk_error *reterr);

/* "=key" and "=key_sha256" (hex): an API key of that tenant. */
void secrets_set_key(struct call *call, const struct hk_id *tenant_id);
/* "=token" and "=token_sha256" (hex): a one-time token to set a password with. */
void secrets_set_token(struct call *call);

#endif
