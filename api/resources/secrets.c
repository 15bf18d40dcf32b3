/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/secrets.h"

#include <assert.h>

#include "api/call.h"
#include "hk/buf.h"
#include "hk/encode.h"
#include "hk/sign.h"

enum { MAX_SECRETS_TEXT = 1024 };

static const char *const kind_names[] = {[HK_SECRET_V1] = "v1", [HK_SECRET_V1A] = "v1a"};

/* Adds "name":{"secret":...,"public_key":...}; the latter null when the secret has none. */
static void add_secret(struct hk_buf *buf, const char *name, struct hk_str secret)
{
    char public_key[HK_PUBLIC_KEY_TEXT_SIZE];
    bool has_public_key = hk_secret_public_key(secret, public_key);

    hk_buf_printf(buf, "%s\"%s\":{", buf->n > 1 ? "," : "", name);
    hk_buf_add_json_member(buf, "secret", secret);
    hk_buf_add_text(buf, ",");
    hk_buf_add_json_member(buf, "public_key", has_public_key ? hk_str(public_key) : HK_STR_NULL);
    hk_buf_add_text(buf, "}");
}

static void set_secrets(struct call *call, struct hk_buf *buf)
{
    hk_buf_add_text(buf, "}");
    assert(!buf->is_full);
    call_set_param(call, "=secrets", hk_buf_str(buf));
    explicit_bzero(buf->p, buf->n);
}

void secrets_set_signing(struct call *call, struct hk_str kind)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    char secret[HK_SECRET_TEXT_SIZE];

    hk_buf_init(&buf, MAX_SECRETS_TEXT);
    hk_buf_add_text(&buf, "{");
    for (size_t i = 0; i < HK_COUNTOF(kind_names); i++) {
        if (kind.p != NULL && !hk_str_eq(kind, hk_str(kind_names[i])))
            continue;
        hk_secret_new((enum hk_secret_kind)i, secret);
        add_secret(&buf, kind_names[i], hk_str(secret));
    }
    explicit_bzero(secret, sizeof(secret));
    set_secrets(call, &buf);
}

/* Base64 may lack its padding where it comes from; kept, it has it. */
static struct hk_str pad(struct call *call, struct hk_str secret)
{
    const char *underscore = memchr(secret.p, '_', secret.n);
    size_t n_prefix = (size_t)(underscore - secret.p) + 1;
    size_t n_padding = (4 - (secret.n - n_prefix) % 4) % 4;
    char *padded = call_alloc(call, secret.n + n_padding);

    memcpy(padded, secret.p, secret.n);
    memset(padded + secret.n, '=', n_padding);
    return (struct hk_str){padded, secret.n + n_padding};
}

enum hk_code secrets_set_imported(struct call *call, struct hk_str secret, struct hk_str kind,
                                  struct hk_error *reterr)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    enum hk_secret_kind own_kind = HK_SECRET_V1;

    if (!hk_secret_check(secret, &own_kind) ||
        (kind.p != NULL && !hk_str_eq(kind, hk_str(kind_names[own_kind]))))
        return hk_fail(reterr, HK_INVALID_BODY, "/kind", "is not the kind of the secret");
    hk_buf_init(&buf, MAX_SECRETS_TEXT);
    hk_buf_add_text(&buf, "{");
    add_secret(&buf, "imported", pad(call, secret));
    set_secrets(call, &buf);
    return HK_OK;
}

void secrets_set_key(struct call *call, const struct hk_id *tenant_id)
{
    char key[AUTH_KEY_TEXT_SIZE];
    uint8_t hash[HK_SHA256_SIZE];
    char hex[2 * HK_SHA256_SIZE + 1];

    auth_key_new(tenant_id, key);
    hk_sha256(key, strlen(key), hash);
    hk_hex_encode(hash, sizeof(hash), hex);
    call_set_param(call, "=key", hk_str(key));
    call_set_param(call, "=key_sha256", hk_str(hex));
    explicit_bzero(key, sizeof(key));
}

void secrets_set_token(struct call *call)
{
    uint8_t random[32], hash[HK_SHA256_SIZE];
    char token[HK_B64_SIZE(sizeof(random))], hex[2 * HK_SHA256_SIZE + 1];

    hk_random(random, sizeof(random));
    hk_sha256(token, hk_b64url_encode(random, sizeof(random), token), hash);
    hk_hex_encode(hash, sizeof(hash), hex);
    call_set_param(call, "=token", hk_str(token));
    call_set_param(call, "=token_sha256", hk_str(hex));
    explicit_bzero(token, sizeof(token));
    explicit_bzero(random, sizeof(random));
}
