/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/sealed_body.h - the secrets in a request's body, sealed before the body becomes a
 * parameter: PostgreSQL gets {"credentials": {"password": "v1...."}}. For prepare().
 */
#ifndef API_RESOURCES_SEALED_BODY_H
#define API_RESOURCES_SEALED_BODY_H

#include "hk/id.h"

struct call;

/*
 * Of the subscription that is the body itself (`path` is "") or its member `path`: the password,
 * token or client's secret of its credentials, the key of its client certificate, and the values of
 * its header fields whose names say that they are secrets. Beside them it puts what only a program
 * can find out: "token_url_fault" among the credentials, "sha256" and "expires_s" of a certificate
 * whose key is its own. Anything else keeps its bytes. `subscription_id` is a UUID in any case;
 * with another text nothing is done, as it can be none of a row.
 */
void sealed_body_subscription(struct call *call, const char *path, struct hk_str subscription_id);

/* Makes the string that the body has as its member `name` empty. */
void sealed_body_forget(struct call *call, const char *name);

/* A UUID as PostgreSQL writes it. False when the text is none. */
HK_NODISCARD bool sealed_id(struct hk_str text, char ret[HK_ID_TEXT_SIZE]);

#endif
