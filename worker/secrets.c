/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/secrets.h"

#include "hk/encode.h"
#include "hk/stored_secrets.h"

enum { MIN_MASKED_BYTES = 4, MAX_PAIR_BYTES = 2048 }; /* shorter ones are in everything */

typedef bool open_fn(const struct hk_vault *vault, struct hk_str tenant_id,
                     struct hk_str subscription_id, struct hk_str stored, struct hk_buf *buf);

/* What has been opened into `scratch`. */
static struct hk_str keep(struct attempt *attempt, struct hk_buf *scratch, bool is_open)
{
    struct hk_str kept = HK_STR_NULL;

    if (is_open && !scratch->is_full)
        kept = attempt_keep(attempt, hk_buf_str(scratch));
    else
        attempt->fault = HK_STORED_SECRET_FAULT;
    if (scratch->p != NULL)
        explicit_bzero(scratch->p, scratch->n);
    hk_buf_clear(scratch);
    return kept;
}

void secrets_open(struct attempt *attempt, const struct hk_vault *vault, struct hk_buf *scratch,
                  const struct stored_secrets *stored)
{
    char tenant_text[HK_ID_TEXT_SIZE], subscription_text[HK_ID_TEXT_SIZE];
    struct hk_str tenant = {tenant_text, HK_ID_TEXT_SIZE - 1};
    struct hk_str subscription = {subscription_text, HK_ID_TEXT_SIZE - 1};
    open_fn *open_password =
        stored->is_client_secret ? hk_stored_client_secret_open : hk_stored_password_open;
    struct hk_str owner = stored->are_tenants ? HK_STR_NULL : subscription;

    hk_id_format(&attempt->tenant_id, tenant_text);
    hk_id_format(&attempt->subscription_id, subscription_text);
    if (stored->secrets.p != NULL)
        attempt->secrets =
            keep(attempt, scratch,
                 hk_stored_secrets_open(vault, tenant, owner, stored->secrets, scratch));
    if (stored->headers.p != NULL)
        attempt->headers =
            keep(attempt, scratch,
                 hk_stored_headers_open(vault, tenant, subscription, stored->headers, scratch));
    if (stored->password.p != NULL)
        attempt->password =
            keep(attempt, scratch,
                 open_password(vault, tenant, subscription, stored->password, scratch));
    if (stored->client_key.p != NULL)
        attempt->egress.private_key = keep(
            attempt, scratch,
            hk_stored_client_key_open(vault, tenant, subscription, stored->client_key, scratch));
}

static void mask_text(char *text, size_t n, struct hk_str secret)
{
    char *found = text;

    if (secret.p == NULL || secret.n < MIN_MASKED_BYTES)
        return;
    while ((found = memmem(found, n - (size_t)(found - text), secret.p, secret.n)) != NULL) {
        memset(found, '*', secret.n);
        found += secret.n;
    }
}

static void mask_basic(char *text, size_t n, struct hk_str username, struct hk_str password)
{
    char pair[MAX_PAIR_BYTES], encoded[HK_B64_SIZE(MAX_PAIR_BYTES)];
    size_t pair_n = username.n + 1 + password.n;

    if (username.p == NULL || pair_n > sizeof(pair))
        return;
    memcpy(pair, username.p, username.n);
    pair[username.n] = ':';
    memcpy(pair + username.n + 1, password.p, password.n);
    mask_text(text, n, (struct hk_str){encoded, hk_b64_encode(pair, pair_n, encoded)});
    explicit_bzero(pair, sizeof(pair));
    explicit_bzero(encoded, sizeof(encoded));
}

/* The values of "Name: value" lines whose names say that they are sealed. */
static void mask_headers(char *text, size_t n, struct hk_str lines)
{
    while (lines.n > 0) {
        const char *end = memchr(lines.p, '\n', lines.n);
        size_t line_n = end == NULL ? lines.n : (size_t)(end - lines.p);
        const char *colon = memchr(lines.p, ':', line_n);
        size_t name_n = colon == NULL ? line_n : (size_t)(colon - lines.p);

        if (name_n + 2 < line_n && hk_header_is_sealed((struct hk_str){lines.p, name_n}))
            mask_text(text, n, (struct hk_str){colon + 2, line_n - name_n - 2});
        lines.p += end == NULL ? line_n : line_n + 1;
        lines.n -= end == NULL ? line_n : line_n + 1;
    }
}

void secrets_mask(struct attempt *attempt)
{
    size_t n = attempt->outcome.response_headers.n + attempt->outcome.response_body.n;

    if (n == 0)
        return;
    if (attempt->password.n > 0) {
        mask_text(attempt->response, n, attempt->password);
        mask_basic(attempt->response, n, attempt->username, attempt->password);
    }
    mask_headers(attempt->response, n, attempt->headers);
}
