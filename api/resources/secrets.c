/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/secrets.h"

#include <assert.h>

#include "api/http/call.h"
#include "api/resources/sealed_body.h"
#include "hk/buf.h"
#include "hk/encode.h"
#include "hk/sign.h"
#include "hk/stored_secrets.h"

enum { MAX_SECRETS_TEXT = 2048 };

static const char *const kind_names[] = {[HK_SECRET_V1] = "v1", [HK_SECRET_V1A] = "v1a"};

/* The parameter under way, and whose the secrets in it are: .p == NULL: the tenant's. */
struct parameter {
    struct call *call;
    struct hk_str subscription_id;
    struct hk_buf text;
};

static void begin(struct parameter *ret, struct call *call, struct hk_str subscription_id)
{
    *ret = (struct parameter){.call = call, .subscription_id = subscription_id};
    hk_buf_init(&ret->text, MAX_SECRETS_TEXT);
    hk_buf_add_text(&ret->text, "{");
}

/* Adds "name":{"id":...,"secret":...,"public_key":...}; the last null when the secret has none. */
static void add_secret(struct parameter *parameter, const char *name, struct hk_str secret)
{
    struct call *call = parameter->call;
    struct hk_str tenant_id = hk_str(call->tenant_id);
    struct hk_buf *text = &parameter->text, stored HK_CLEANUP(hk_buf_done);
    char public_key[HK_PUBLIC_KEY_TEXT_SIZE], id[HK_ID_TEXT_SIZE];
    bool has_public_key = hk_secret_public_key(secret, public_key);
    struct hk_vault_place place;

    hk_buf_init(&stored, HK_VAULT_SEALED_SIZE(HK_SECRET_TEXT_SIZE));
    call_new_id(call, id);
    place =
        parameter->subscription_id.p == NULL
            ? hk_place_of_tenant_secret(tenant_id, hk_str(id))
            : hk_place_of_subscription_secret(tenant_id, parameter->subscription_id, hk_str(id));
    hk_vault_seal(call_vault(call), &place, secret, &stored);
    assert(!stored.is_full);
    call_show_secret(call, hk_buf_str(&stored), secret);
    hk_buf_printf(text, "%s\"%s\":{\"id\":\"%s\",", text->n > 1 ? "," : "", name, id);
    hk_buf_add_json_member(text, "secret", hk_buf_str(&stored));
    hk_buf_add_text(text, ",");
    hk_buf_add_json_member(text, "public_key", has_public_key ? hk_str(public_key) : HK_STR_NULL);
    hk_buf_add_text(text, "}");
}

static void end(struct parameter *parameter)
{
    hk_buf_add_text(&parameter->text, "}");
    assert(!parameter->text.is_full);
    call_set_param(parameter->call, "=secrets", hk_buf_str(&parameter->text));
    hk_buf_done(&parameter->text);
}

/* One of that kind, or one of each. */
static void add_new_secrets(struct parameter *parameter, struct hk_str kind)
{
    char secret[HK_SECRET_TEXT_SIZE];

    for (size_t i = 0; i < HK_COUNTOF(kind_names); i++) {
        if (kind.p != NULL && !hk_str_eq(kind, hk_str(kind_names[i])))
            continue;
        hk_secret_new((enum hk_secret_kind)i, secret);
        add_secret(parameter, kind_names[i], hk_str(secret));
    }
    explicit_bzero(secret, sizeof(secret));
}

void secrets_set_subscription(struct call *call, const char *path)
{
    struct parameter parameter;
    char id[HK_ID_TEXT_SIZE];

    call_new_id(call, id);
    begin(&parameter, call, hk_str(id));
    hk_buf_printf(&parameter.text, "\"id\":\"%s\"", id);
    add_new_secrets(&parameter, HK_STR_NULL);
    end(&parameter);
    sealed_body_subscription(call, path, hk_str(id));
}

void secrets_set_another(struct call *call, struct hk_str subscription_id, struct hk_str kind)
{
    struct parameter parameter;
    char id[HK_ID_TEXT_SIZE];

    if (!sealed_id(subscription_id, id))
        return; /* of no row: it will be answered 404 */
    begin(&parameter, call, hk_str(id));
    add_new_secrets(&parameter, kind);
    end(&parameter);
}

void secrets_set_tenant(struct call *call, struct hk_str kind)
{
    struct parameter parameter;

    begin(&parameter, call, HK_STR_NULL);
    add_new_secrets(&parameter, kind);
    end(&parameter);
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

enum hk_code secrets_set_imported(struct call *call, struct hk_str subscription_id,
                                  struct hk_str secret, struct hk_str kind, struct hk_error *reterr)
{
    enum hk_secret_kind own_kind = HK_SECRET_V1;
    struct parameter parameter;
    char id[HK_ID_TEXT_SIZE];

    if (!hk_secret_check(secret, &own_kind) ||
        (kind.p != NULL && !hk_str_eq(kind, hk_str(kind_names[own_kind]))))
        return hk_fail(reterr, HK_INVALID_BODY, "/kind", "is not the kind of the secret");
    if (!sealed_id(subscription_id, id))
        return HK_OK; /* of no row: it will be answered 404 */
    begin(&parameter, call, hk_str(id));
    add_secret(&parameter, "imported", pad(call, secret));
    end(&parameter);
    sealed_body_forget(call, "secret");
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
