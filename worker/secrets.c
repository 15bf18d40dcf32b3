/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/secrets.h"

#include "hk/describe.h"
#include "hk/stored_secrets.h"
#include "worker/attempt.h"
#include "worker/terms.h"

typedef bool open_fn(const struct hk_vault *vault, struct hk_str tenant_id,
                     struct hk_str subscription_id, struct hk_str stored, struct hk_buf *buf);

/* What has been opened into `scratch`. */
static struct hk_str keep(struct terms *terms, struct hk_buf *scratch, bool is_open)
{
    struct hk_str kept = HK_STR_NULL;

    if (is_open && !scratch->is_full)
        kept = terms_keep(terms, hk_buf_str(scratch));
    else
        terms->fault = HK_STORED_SECRET_FAULT;
    if (scratch->p != NULL)
        explicit_bzero(scratch->p, scratch->n);
    hk_buf_clear(scratch);
    return kept;
}

void secrets_open(struct terms *terms, const struct hk_vault *vault, struct hk_buf *scratch,
                  const struct stored_secrets *stored)
{
    char tenant_text[HK_ID_TEXT_SIZE], subscription_text[HK_ID_TEXT_SIZE];
    struct hk_str tenant = {tenant_text, HK_ID_TEXT_SIZE - 1};
    struct hk_str subscription = {subscription_text, HK_ID_TEXT_SIZE - 1};
    open_fn *open_password =
        stored->is_client_secret ? hk_stored_client_secret_open : hk_stored_password_open;
    struct hk_str owner = stored->are_tenants ? HK_STR_NULL : subscription;

    hk_id_format(&stored->tenant_id, tenant_text);
    hk_id_format(&stored->subscription_id, subscription_text);
    if (stored->secrets.p != NULL)
        terms->secrets = keep(
            terms, scratch, hk_stored_secrets_open(vault, tenant, owner, stored->secrets, scratch));
    if (stored->headers.p != NULL)
        terms->headers =
            keep(terms, scratch,
                 hk_stored_headers_open(vault, tenant, subscription, stored->headers, scratch));
    if (stored->password.p != NULL)
        terms->password = keep(
            terms, scratch, open_password(vault, tenant, subscription, stored->password, scratch));
    if (stored->client_key.p != NULL)
        terms->egress.private_key = keep(
            terms, scratch,
            hk_stored_client_key_open(vault, tenant, subscription, stored->client_key, scratch));
}

void secrets_mask(struct attempt *attempt)
{
    size_t n = attempt->outcome.response_headers.n + attempt->outcome.response_body.n;

    if (attempt->request != NULL)
        hk_describe_mask(attempt->request, attempt->response, n);
}
