/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_keys.c - in the order in which it runs:
 *
 *     signing_keys_ask -> on_keys_read [-> make_first -> on_first_made -> on_keys_read] -> ready
 */
#include "api/auth/signing_keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/auth/oauth.sql.h"
#include "api/http/call.h"
#include "api/http/server.h"
#include "hk/clock.h"
#include "hk/log.h"
#include "hk/stored_secrets.h"

enum { MAX_KEYS = 16, FRESH_MS = 1000 };

struct signing_keys {
    struct own_key list[MAX_KEYS];
    unsigned n, current; /* current == n: none signs */
    int64_t read_at_ms;  /* INT64_MIN: never */
    int64_t asked_at_ms;
};

/* What reading keeps while it waits; lives in the request's pool. */
struct signing_keys_reading {
    signing_keys_ready_fn *ready;
    struct hk_db_context context;
    bool has_made_first;
};

static hk_db_done_fn on_keys_read;
static hk_db_done_fn on_first_made;

struct signing_keys *signing_keys_new(void)
{
    struct signing_keys *keys = calloc(1, sizeof(*keys));

    if (keys == NULL)
        abort();
    keys->read_at_ms = keys->asked_at_ms = INT64_MIN / 2;
    return keys;
}

void signing_keys_free(struct signing_keys *keys)
{
    if (keys == NULL)
        return;
    explicit_bzero(keys, sizeof(*keys));
    free(keys);
}

bool signing_keys_are_fresh(const struct signing_keys *keys, int64_t now_ms)
{
    return now_ms - keys->read_at_ms < FRESH_MS;
}

bool signing_keys_are_usable(const struct call *call)
{
    const struct api_thread *thread = call->thread;

    return signing_keys_are_fresh(thread->signing_keys, hk_mono_ms()) ||
           (thread->n_cells > 1 && thread->signing_keys->n > 0 && !hk_db_is_up(thread->home->db));
}

int64_t signing_keys_read_at_ms(const struct signing_keys *keys)
{
    return keys->read_at_ms;
}

bool signing_keys_may_ask_again(const struct signing_keys *keys, int64_t now_ms)
{
    return now_ms - keys->asked_at_ms >= SIGNING_KEYS_RETRY_MS;
}

const struct own_key *signing_keys_find(const struct signing_keys *keys, const char *kid)
{
    for (unsigned i = 0; i < keys->n; i++) {
        if (strcmp(keys->list[i].kid, kid) == 0)
            return &keys->list[i];
    }
    return NULL;
}

const struct own_key *signing_keys_current(const struct signing_keys *keys)
{
    return keys->current < keys->n ? &keys->list[keys->current] : NULL;
}

void signing_keys_write_set(const struct signing_keys *keys, struct hk_buf *buf)
{
    hk_buf_add_text(buf, "{\"keys\":[");
    for (unsigned i = 0; i < keys->n; i++) {
        const struct own_key *key = &keys->list[i];

        hk_buf_printf(buf,
                      "%s{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
                      "\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}",
                      i == 0 ? "" : ",", key->kid, key->x, key->y);
    }
    hk_buf_add_text(buf, "]}");
}

void signing_keys_write_pair(const struct hk_vault *vault, struct hk_buf *buf)
{
    struct own_key key;
    struct hk_vault_place place;

    own_key_new(&key);
    hk_buf_printf(buf, "{\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\",\"public_key\":", key.kid, key.x,
                  key.y);
    hk_buf_add_json_string(buf, hk_str(key.public_pem));
    hk_buf_add_text(buf, ",\"private_key\":\"");
    place = hk_place_of_signing_key(hk_str(key.kid));
    hk_vault_seal(vault, &place, hk_str(key.private_pem), buf);
    hk_buf_add_text(buf, "\"}");
    explicit_bzero(&key, sizeof(key));
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum hk_code submit(struct call *call, const struct hk_stmt *stmt, hk_db_done_fn *done)
{
    struct signing_keys_reading *reading = call->reading;

    call->query.stmt = stmt;
    call->query.context = &reading->context;
    call->query.done = done;
    call->query.timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms;
    call->query.params[0] = reading->context.tenant_id;
    return hk_db_submit(call->thread->home->db, &call->query);
}

enum hk_code signing_keys_ask(struct call *call, signing_keys_ready_fn *ready)
{
    struct signing_keys_reading *reading = call_alloc(call, sizeof(*reading));

    *reading = (struct signing_keys_reading){
        .ready = ready,
        .context = {.tenant_id = HK_STR("00000000-0000-0000-0000-000000000000"),
                    .actor = HK_STR("hookline-api"),
                    .request_id = hk_str(call->request_id)},
    };
    call->reading = reading;
    call->thread->signing_keys->asked_at_ms = hk_mono_ms();
    call->query = (struct hk_db_query){0};
    return submit(call, &stmt_signing_keys_read, on_keys_read);
}

static void copy_text(char *ret, size_t size, struct hk_str value)
{
    (void)snprintf(ret, size, "%s", value.p == NULL ? "" : value.p);
}

/* Of the one that signs; none when it does not open: then nothing is signed. */
static void open_private_key(const struct hk_vault *vault, struct hk_str stored,
                             struct own_key *ret)
{
    struct hk_vault_place place = hk_place_of_signing_key(hk_str(ret->kid));
    struct hk_buf pem HK_CLEANUP(hk_buf_done);

    hk_buf_init(&pem, sizeof(ret->private_pem) - 1);
    ret->private_pem[0] = '\0';
    if (stored.p == NULL)
        return;
    if (hk_vault_open(vault, &place, stored, &pem))
        copy_text(ret->private_pem, sizeof(ret->private_pem), hk_buf_str(&pem));
    else
        hk_log(HK_LOG_ERROR, "signing_key.unreadable", HK_CTEXT("kid", ret->kid));
    if (pem.n > 0)
        explicit_bzero(pem.p, pem.n);
}

static void take_keys(struct signing_keys *keys, const struct hk_vault *vault,
                      const struct hk_db_result *result)
{
    keys->n = keys->current = result->n_rows < MAX_KEYS ? result->n_rows : MAX_KEYS;
    for (unsigned i = 0; i < keys->n; i++) {
        struct own_key *key = &keys->list[i];

        copy_text(key->kid, sizeof(key->kid), hk_db_value(result, i, 0));
        copy_text(key->x, sizeof(key->x), hk_db_value(result, i, 1));
        copy_text(key->y, sizeof(key->y), hk_db_value(result, i, 2));
        copy_text(key->public_pem, sizeof(key->public_pem), hk_db_value(result, i, 3));
        open_private_key(vault, hk_db_value(result, i, 4), key);
        if (key->private_pem[0] != '\0')
            keys->current = i;
    }
    keys->read_at_ms = hk_mono_ms();
}

/* A pair as a parameter of the statement; in the request's pool. */
static struct hk_str new_pair(struct call *call)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    char *text;

    hk_buf_init(&buf, 4096);
    signing_keys_write_pair(call->thread->vault, &buf);
    text = call_alloc(call, buf.n + 1);
    memcpy(text, buf.p, buf.n + 1);
    explicit_bzero(buf.p, buf.n);
    return (struct hk_str){text, buf.n};
}

static enum hk_code make_first(struct call *call)
{
    struct signing_keys_reading *reading = call->reading;

    reading->has_made_first = true;
    call->query.params[1] = new_pair(call);
    call->query.params[2] = new_pair(call);
    return submit(call, &stmt_signing_keys_first, on_first_made);
}

static void on_keys_read(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct signing_keys_reading *reading = call->reading;
    enum hk_code code = result->code;

    if (code == HK_OK && result->n_rows == 0 && !reading->has_made_first) {
        code = make_first(call);
        if (code == HK_OK)
            return;
    } else if (code == HK_OK) {
        take_keys(call->thread->signing_keys, call->thread->vault, result);
    }
    reading->ready(call, code);
}

static void on_first_made(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct signing_keys_reading *reading = call->reading;
    enum hk_code code = result->code;

    for (unsigned i = 1; i <= 2; i++)
        explicit_bzero((char *)(uintptr_t)query->params[i].p, query->params[i].n);
    if (code == HK_OK) {
        code = submit(call, &stmt_signing_keys_read, on_keys_read);
        if (code == HK_OK)
            return;
    }
    reading->ready(call, code);
}
