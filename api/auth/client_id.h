/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/client_id.h - what an OAuth client proves itself with. The client_id is
 * "hkc_<tenant: 22 base62>_<client: 22 base62>": it leads to its tenant (and so to the tenant's
 * cell) without a look-up. The secret is "hks_<43 base62>", 256 random bits: its SHA-256 is stored.
 */
#ifndef API_CLIENT_ID_H
#define API_CLIENT_ID_H

#include "hk/id.h"

#define CLIENT_ID_TEXT_SIZE     (4 + 22 + 1 + 22 + 1) /* with the NUL */
#define CLIENT_SECRET_TEXT_SIZE (4 + 43 + 1)

void client_id_format(const struct hk_id *tenant_id, const struct hk_id *client_id,
                      char ret[CLIENT_ID_TEXT_SIZE]);

/* False when it cannot be one. */
HK_NODISCARD bool client_id_parse(struct hk_str text, struct hk_id *ret_tenant_id,
                                  struct hk_id *ret_client_id);

void client_secret_new(char ret[CLIENT_SECRET_TEXT_SIZE]);

#endif
