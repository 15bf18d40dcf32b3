/* SPDX-License-Identifier: Apache-2.0 */
/* sealed_body.c - the body is copied piece by piece, its secrets replaced on the way. */
#include "api/resources/sealed_body.h"

#include <stdlib.h>

#include "api/http/call.h"
#include "hk/certificate.h"
#include "hk/json_scan.h"
#include "hk/stored_secrets.h"
#include "hk/url.h"

enum { MAX_BYTES = 64 << 20 }; /* the largest body has 8 MiB, and at most 34 secrets */

/* What is copied: `done` is how far. */
struct rewrite {
    struct call *call;
    struct hk_str tenant_id, subscription_id;
    struct hk_buf out;
    const char *done;
};

bool sealed_id(struct hk_str text, char ret[HK_ID_TEXT_SIZE])
{
    struct hk_id id;

    if (text.p == NULL || !hk_id_parse(text, &id))
        return false;
    hk_id_format(&id, ret);
    return true;
}

static void begin(struct rewrite *rewrite, struct call *call)
{
    *rewrite =
        (struct rewrite){.call = call, .tenant_id = hk_str(call->tenant_id), .done = call->body.p};
    hk_buf_init(&rewrite->out, MAX_BYTES);
}

static void copy_until(struct rewrite *rewrite, const char *p)
{
    hk_buf_add(&rewrite->out, rewrite->done, (size_t)(p - rewrite->done));
    rewrite->done = p;
}

static void end(struct rewrite *rewrite)
{
    struct call *call = rewrite->call;
    char *copy;

    copy_until(rewrite, call->body.p + call->body.n);
    copy = call_alloc(call, rewrite->out.n + 1);
    memcpy(copy, hk_buf_str(&rewrite->out).p, rewrite->out.n);
    copy[rewrite->out.n] = '\0';
    call->body = (struct hk_str){copy, rewrite->out.n};
    hk_buf_done(&rewrite->out);
}

/* The value's bytes, with their quotes, are replaced. Too long to be stored: left, to be refused.
 */
static void seal_string(struct rewrite *rewrite, const struct hk_json_span *value,
                        const struct hk_vault_place *place)
{
    char *text = call_alloc(rewrite->call, value->bytes.n + 1);
    size_t n = hk_json_string_decode(value->bytes, text);

    if (n > HK_VAULT_MAX_BYTES)
        return; /* SIZE_MAX: not even a text */
    copy_until(rewrite, value->bytes.p);
    hk_buf_add_text(&rewrite->out, "\"");
    hk_vault_seal(call_vault(rewrite->call), place, (struct hk_str){text, n}, &rewrite->out);
    hk_buf_add_text(&rewrite->out, "\"");
    rewrite->done = value->bytes.p + value->bytes.n;
    explicit_bzero(text, n);
}

/* A string's text, in the request's pool. .p is NULL when it is none. */
static struct hk_str text_of(struct call *call, const struct hk_json_span *value)
{
    char *text = value->kind == HK_JSON_STRING ? call_alloc(call, value->bytes.n + 1) : NULL;
    size_t n = text == NULL ? SIZE_MAX : hk_json_string_decode(value->bytes, text);

    return n == SIZE_MAX ? HK_STR_NULL : (struct hk_str){text, n};
}

/* What is wrong with a token endpoint's URL if its tenant may call https and public hosts only. */
static void add_url_fault(struct rewrite *rewrite, const struct hk_json_span *value)
{
    struct hk_str url = text_of(rewrite->call, value);
    struct hk_error error = {.code = HK_OK};

    if (url.p == NULL || hk_url_check(url, false, &error) == HK_OK)
        return;
    copy_until(rewrite, value->bytes.p + value->bytes.n);
    hk_buf_add_text(&rewrite->out, ",\"token_url_fault\":");
    hk_buf_add_json_string(&rewrite->out, hk_str(error.detail));
}

static void seal_credentials(struct rewrite *rewrite, const struct hk_json_span *credentials)
{
    struct hk_vault_place place =
        hk_place_of_password(rewrite->tenant_id, rewrite->subscription_id);
    struct hk_vault_place client_place =
        hk_place_of_client_secret(rewrite->tenant_id, rewrite->subscription_id);
    struct hk_json_cursor cursor = {.bytes = credentials->bytes};
    struct hk_json_span value;
    struct hk_str name;

    while (credentials->kind == HK_JSON_OBJECT && hk_json_next(&cursor, &name, &value)) {
        if (hk_json_string_eq(name, "token_url"))
            add_url_fault(rewrite, &value);
        else if (value.kind == HK_JSON_STRING &&
                 (hk_json_string_eq(name, "password") || hk_json_string_eq(name, "token")))
            seal_string(rewrite, &value, &place);
        else if (value.kind == HK_JSON_STRING && hk_json_string_eq(name, "client_secret"))
            seal_string(rewrite, &value, &client_place);
    }
}

static void seal_headers(struct rewrite *rewrite, const struct hk_json_span *headers)
{
    struct hk_json_cursor cursor = {.bytes = headers->bytes};
    struct hk_json_span value;
    struct hk_str quoted;

    while (headers->kind == HK_JSON_OBJECT && hk_json_next(&cursor, &quoted, &value)) {
        char column[HK_HEADER_COLUMN_SIZE];
        char *text = call_alloc(rewrite->call, quoted.n + 1);
        struct hk_str name = {text, hk_json_string_decode(quoted, text)};
        struct hk_vault_place place;

        if (name.n == SIZE_MAX || value.kind != HK_JSON_STRING || !hk_header_is_sealed(name))
            continue;
        place = hk_place_of_header(rewrite->tenant_id, rewrite->subscription_id, name, column);
        seal_string(rewrite, &value, &place);
    }
}

/* Seals the key, and says of a pair that belongs together what it is. */
static void seal_client_certificate(struct rewrite *rewrite, const struct hk_json_span *object)
{
    struct hk_vault_place place =
        hk_place_of_client_key(rewrite->tenant_id, rewrite->subscription_id);
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct hk_str name, certificate = HK_STR_NULL, key = HK_STR_NULL;
    struct hk_certificate read;
    struct hk_json_span value;

    while (object->kind == HK_JSON_OBJECT && hk_json_next(&cursor, &name, &value)) {
        if (hk_json_string_eq(name, "certificate")) {
            certificate = text_of(rewrite->call, &value);
        } else if (hk_json_string_eq(name, "private_key")) {
            key = text_of(rewrite->call, &value);
            if (key.p != NULL)
                seal_string(rewrite, &value, &place);
        }
    }
    if (certificate.p != NULL && key.p != NULL && hk_certificate_read(certificate, key, &read)) {
        copy_until(rewrite, object->bytes.p + object->bytes.n - 1); /* the brace at its end */
        hk_buf_printf(&rewrite->out, ",\"sha256\":\"%s\",\"expires_s\":%lld", read.sha256,
                      (long long)read.expires_s);
    }
    if (key.n > 0)
        explicit_bzero((char *)(uintptr_t)key.p, key.n);
}

/* The member `name` of an object; false when there is none, or it is no object. */
static bool find_member(struct hk_str object, const char *name, struct hk_json_span *ret)
{
    struct hk_json_cursor cursor = {.bytes = object};
    struct hk_str found;

    while (hk_json_next(&cursor, &found, ret)) {
        if (hk_json_string_eq(found, name))
            return true;
    }
    return false;
}

/* The body, or the object that is its member `path`. */
static bool find_object(struct hk_str body, const char *path, struct hk_json_span *ret)
{
    size_t at;

    if (body.p == NULL || !hk_json_scan(body, ret, &at) || ret->kind != HK_JSON_OBJECT)
        return false;
    return path[0] == '\0' || (find_member(ret->bytes, path, ret) && ret->kind == HK_JSON_OBJECT);
}

void sealed_body_subscription(struct call *call, const char *path, struct hk_str subscription_id)
{
    char id[HK_ID_TEXT_SIZE];
    struct hk_json_span object, value;
    struct hk_json_cursor cursor;
    struct rewrite rewrite;
    struct hk_str name;

    if (!sealed_id(subscription_id, id) || !find_object(call->body, path, &object))
        return;
    begin(&rewrite, call);
    rewrite.subscription_id = hk_str(id);
    cursor = (struct hk_json_cursor){.bytes = object.bytes};
    while (hk_json_next(&cursor, &name, &value)) {
        if (hk_json_string_eq(name, "credentials"))
            seal_credentials(&rewrite, &value);
        else if (hk_json_string_eq(name, "headers"))
            seal_headers(&rewrite, &value);
        else if (hk_json_string_eq(name, "client_certificate"))
            seal_client_certificate(&rewrite, &value);
    }
    end(&rewrite);
}

void sealed_body_forget(struct call *call, const char *name)
{
    struct hk_json_span object, value;
    struct rewrite rewrite;

    if (!find_object(call->body, "", &object) || !find_member(object.bytes, name, &value) ||
        value.kind != HK_JSON_STRING)
        return;
    begin(&rewrite, call);
    copy_until(&rewrite, value.bytes.p);
    hk_buf_add_text(&rewrite.out, "\"\"");
    rewrite.done = value.bytes.p + value.bytes.n;
    end(&rewrite);
}
