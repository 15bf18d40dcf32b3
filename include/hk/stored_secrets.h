/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/stored_secrets.h - the places of what is sealed in the database, and a subscription's secrets
 * opened for a request. Ids are text as PostgreSQL writes them.
 */
#ifndef HK_STORED_SECRETS_H
#define HK_STORED_SECRETS_H

#include "hk/id.h"
#include "hk/vault.h"

struct hk_vault_place hk_place_of_subscription_secret(struct hk_str tenant_id,
                                                      struct hk_str subscription_id,
                                                      struct hk_str secret_id);
struct hk_vault_place hk_place_of_tenant_secret(struct hk_str tenant_id, struct hk_str secret_id);
struct hk_vault_place hk_place_of_password(struct hk_str tenant_id, struct hk_str subscription_id);
/* In the column of passwords, but another place: who takes it for a password cannot open it. */
struct hk_vault_place hk_place_of_client_secret(struct hk_str tenant_id,
                                                struct hk_str subscription_id);
struct hk_vault_place hk_place_of_client_key(struct hk_str tenant_id,
                                             struct hk_str subscription_id);
struct hk_vault_place hk_place_of_signing_key(struct hk_str kid);
/* `name`: "credential", "step.<name of the step>", or "credential.old": sealed as "credential". */
struct hk_vault_place hk_place_of_flow_secret(struct hk_str tenant_id, struct hk_str flow_id,
                                              struct hk_str name);

/* `ret_column` holds the name that the place has: lower case, whatever case the field has. */
#define HK_HEADER_COLUMN_SIZE 256
struct hk_vault_place hk_place_of_header(struct hk_str tenant_id, struct hk_str subscription_id,
                                         struct hk_str name,
                                         char ret_column[HK_HEADER_COLUMN_SIZE]);

/*
 * Whether the value of a subscription's header field is sealed, by its name in any case: those that
 * header_is_sensitive() in SQL never shows.
 */
HK_NODISCARD bool hk_header_is_sealed(struct hk_str name);

/* Said of an attempt when one of the functions below says false. */
#define HK_STORED_SECRET_FAULT                                                                     \
    "a stored secret does not open: its master key is not there, or the row was changed"

/*
 * Appends the signing secrets, separated by blanks, of `stored`: "<id>:<stored> <id>:<stored>". Of
 * the tenant when `subscription_id` is .p == NULL. False when one of them does not open.
 */
HK_NODISCARD bool hk_stored_secrets_open(const struct hk_vault *vault, struct hk_str tenant_id,
                                         struct hk_str subscription_id, struct hk_str stored,
                                         struct hk_buf *buf);

/* The same for the header fields, "Name: value" with '\n' between. */
HK_NODISCARD bool hk_stored_headers_open(const struct hk_vault *vault, struct hk_str tenant_id,
                                         struct hk_str subscription_id, struct hk_str stored,
                                         struct hk_buf *buf);

/* And for the password or bearer token. */
HK_NODISCARD bool hk_stored_password_open(const struct hk_vault *vault, struct hk_str tenant_id,
                                          struct hk_str subscription_id, struct hk_str stored,
                                          struct hk_buf *buf);

/* For the secret of an OAuth 2.0 client. */
HK_NODISCARD bool hk_stored_client_secret_open(const struct hk_vault *vault,
                                               struct hk_str tenant_id,
                                               struct hk_str subscription_id, struct hk_str stored,
                                               struct hk_buf *buf);

/* And for the private key of the client certificate. */
HK_NODISCARD bool hk_stored_client_key_open(const struct hk_vault *vault, struct hk_str tenant_id,
                                            struct hk_str subscription_id, struct hk_str stored,
                                            struct hk_buf *buf);

/* And for a secret of a flow: what proves its requests, or what a step says to others. */
HK_NODISCARD bool hk_stored_flow_secret_open(const struct hk_vault *vault, struct hk_str tenant_id,
                                             struct hk_str flow_id, struct hk_str name,
                                             struct hk_str stored, struct hk_buf *buf);

#endif
