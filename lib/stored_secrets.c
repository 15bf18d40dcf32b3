/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/stored_secrets.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

struct hk_vault_place hk_place_of_subscription_secret(struct hk_str tenant_id,
                                                      struct hk_str subscription_id,
                                                      struct hk_str secret_id)
{
    return (struct hk_vault_place){.tenant_id = tenant_id,
                                   .table = HK_STR("subscription_secret"),
                                   .owner_id = subscription_id,
                                   .row_id = secret_id,
                                   .column = HK_STR("secret")};
}

struct hk_vault_place hk_place_of_tenant_secret(struct hk_str tenant_id, struct hk_str secret_id)
{
    return (struct hk_vault_place){.tenant_id = tenant_id,
                                   .table = HK_STR("tenant_secret"),
                                   .row_id = secret_id,
                                   .column = HK_STR("secret")};
}

struct hk_vault_place hk_place_of_password(struct hk_str tenant_id, struct hk_str subscription_id)
{
    return (struct hk_vault_place){.tenant_id = tenant_id,
                                   .table = HK_STR("subscription_credentials"),
                                   .row_id = subscription_id,
                                   .column = HK_STR("password")};
}

struct hk_vault_place hk_place_of_client_secret(struct hk_str tenant_id,
                                                struct hk_str subscription_id)
{
    return (struct hk_vault_place){.tenant_id = tenant_id,
                                   .table = HK_STR("subscription_credentials"),
                                   .row_id = subscription_id,
                                   .column = HK_STR("client_secret")};
}

struct hk_vault_place hk_place_of_client_key(struct hk_str tenant_id, struct hk_str subscription_id)
{
    return (struct hk_vault_place){.tenant_id = tenant_id,
                                   .table = HK_STR("subscription"),
                                   .row_id = subscription_id,
                                   .column = HK_STR("client_key")};
}

struct hk_vault_place hk_place_of_signing_key(struct hk_str kid)
{
    return (struct hk_vault_place){.tenant_id = HK_STR("00000000-0000-0000-0000-000000000000"),
                                   .table = HK_STR("signing_key"),
                                   .row_id = kid,
                                   .column = HK_STR("private_key")};
}

struct hk_vault_place hk_place_of_flow_secret(struct hk_str tenant_id, struct hk_str flow_id,
                                              struct hk_str name)
{
    return (struct hk_vault_place){
        .tenant_id = tenant_id,
        .table = HK_STR("flow_secret"),
        .owner_id = flow_id,
        .row_id = hk_str_eq(name, HK_STR("credential.old")) ? HK_STR("credential") : name,
        .column = HK_STR("secret")};
}

struct hk_vault_place hk_place_of_header(struct hk_str tenant_id, struct hk_str subscription_id,
                                         struct hk_str name, char ret_column[HK_HEADER_COLUMN_SIZE])
{
    size_t n;

    (void)snprintf(ret_column, HK_HEADER_COLUMN_SIZE, "headers.%.*s", (int)name.n, name.p);
    n = strlen(ret_column);
    for (size_t i = 0; i < n; i++)
        ret_column[i] = (char)tolower((unsigned char)ret_column[i]);
    return (struct hk_vault_place){.tenant_id = tenant_id,
                                   .table = HK_STR("subscription"),
                                   .row_id = subscription_id,
                                   .column = {ret_column, n}};
}

/* Asked of each header field of each attempt: its letters tell nearly all positions from a word. */
bool hk_header_is_sealed(struct hk_str name)
{
    static const struct hk_str words[] = {{"auth", 4},       {"key", 3},      {"token", 5},
                                          {"secret", 6},     {"password", 8}, {"signature", 9},
                                          {"credential", 10}};
    static const uint32_t initials = 1u << ('a' - 'a') | 1u << ('k' - 'a') | 1u << ('t' - 'a') |
                                     1u << ('s' - 'a') | 1u << ('p' - 'a') | 1u << ('c' - 'a');

    for (size_t at = 0; at + 2 < name.n; at++) {
        unsigned letter = ((unsigned char)name.p[at] | 0x20u) - 'a';
        char second = (char)(name.p[at + 1] | 0x20);

        if (letter >= 26 || (initials >> letter & 1) == 0)
            continue;
        for (size_t i = 0; i < HK_COUNTOF(words); i++) {
            if (second == words[i].p[1] && words[i].n <= name.n - at &&
                strncasecmp(name.p + at, words[i].p, words[i].n) == 0)
                return true;
        }
    }
    return false;
}

/* Takes the part before the next `separator` off the front of `list`. */
static struct hk_str next_part(struct hk_str *list, char separator)
{
    const char *end = memchr(list->p, separator, list->n);
    struct hk_str part = {list->p, end == NULL ? list->n : (size_t)(end - list->p)};
    size_t n_gone = end == NULL ? part.n : part.n + 1;

    list->p += n_gone;
    list->n -= n_gone;
    return part;
}

bool hk_stored_secrets_open(const struct hk_vault *vault, struct hk_str tenant_id,
                            struct hk_str subscription_id, struct hk_str stored, struct hk_buf *buf)
{
    size_t n_before = buf->n;

    while (stored.n > 0) {
        struct hk_str word = next_part(&stored, ' ');
        struct hk_str id = next_part(&word, ':');
        struct hk_vault_place place =
            subscription_id.p == NULL
                ? hk_place_of_tenant_secret(tenant_id, id)
                : hk_place_of_subscription_secret(tenant_id, subscription_id, id);

        if (buf->n > n_before)
            hk_buf_add_text(buf, " ");
        if (!hk_vault_open(vault, &place, word, buf))
            return false;
    }
    return true;
}

bool hk_stored_headers_open(const struct hk_vault *vault, struct hk_str tenant_id,
                            struct hk_str subscription_id, struct hk_str stored, struct hk_buf *buf)
{
    size_t n_before = buf->n;

    while (stored.n > 0) {
        struct hk_str value = next_part(&stored, '\n');
        struct hk_str name = next_part(&value, ':');
        char column[HK_HEADER_COLUMN_SIZE];

        if (buf->n > n_before)
            hk_buf_add_text(buf, "\n");
        hk_buf_add_str(buf, name);
        hk_buf_add_text(buf, ": ");
        if (value.n > 0) { /* the blank behind the colon */
            value.p++;
            value.n--;
        }
        if (!hk_header_is_sealed(name)) {
            hk_buf_add_str(buf, value);
        } else {
            struct hk_vault_place place =
                hk_place_of_header(tenant_id, subscription_id, name, column);

            if (!hk_vault_open(vault, &place, value, buf))
                return false;
        }
    }
    return true;
}

bool hk_stored_password_open(const struct hk_vault *vault, struct hk_str tenant_id,
                             struct hk_str subscription_id, struct hk_str stored,
                             struct hk_buf *buf)
{
    struct hk_vault_place place = hk_place_of_password(tenant_id, subscription_id);

    return stored.n == 0 || hk_vault_open(vault, &place, stored, buf);
}

bool hk_stored_client_secret_open(const struct hk_vault *vault, struct hk_str tenant_id,
                                  struct hk_str subscription_id, struct hk_str stored,
                                  struct hk_buf *buf)
{
    struct hk_vault_place place = hk_place_of_client_secret(tenant_id, subscription_id);

    return hk_vault_open(vault, &place, stored, buf);
}

bool hk_stored_client_key_open(const struct hk_vault *vault, struct hk_str tenant_id,
                               struct hk_str subscription_id, struct hk_str stored,
                               struct hk_buf *buf)
{
    struct hk_vault_place place = hk_place_of_client_key(tenant_id, subscription_id);

    return hk_vault_open(vault, &place, stored, buf);
}

bool hk_stored_flow_secret_open(const struct hk_vault *vault, struct hk_str tenant_id,
                                struct hk_str flow_id, struct hk_str name, struct hk_str stored,
                                struct hk_buf *buf)
{
    struct hk_vault_place place = hk_place_of_flow_secret(tenant_id, flow_id, name);

    return hk_vault_open(vault, &place, stored, buf);
}
