/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuer_keys.c - in the order in which it runs:
 *
 *     issuer_keys_find -> fetch -> on_fetched -> hk_wait_wake_all -> each wait->ready ->
 * issuer_keys_find
 */
#include "api/auth/issuer_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "api/http/server.h"
#include "hk/clock.h"
#include "hk/http.h"
#include "hk/log.h"
#include "hk/url.h"

enum {
    MAX_ISSUERS = 512, /* of a thread; the one that was not asked for longest makes room */
    MAX_TEXT_BYTES = 16 << 20,
    FETCH_TIMEOUT_MS = 4000,
    MIN_LIFETIME_MS = 5 * 60000,
    MAX_LIFETIME_MS = 24 * 3600000,
    ASK_AGAIN_MS = 60000,
    ASK_FIRST_MS = 10000, /* while there is no set at all */
};

struct issuer {
    struct issuer_keys *keys;
    struct hk_id id;
    char jwks_uri[HK_URL_MAX_BYTES + 1];
    struct jwk_set *set; /* NULL: never fetched well */
    size_t n_bytes;      /* of the set's text */
    int64_t fresh_until_ms, asked_at_ms, used_at_ms;
    bool is_fetching;
    struct hk_wait *waiting;
};

struct issuer_keys {
    struct api_thread *thread; /* has the HTTP client */
    size_t n, n_bytes;
    struct issuer *list[MAX_ISSUERS];
};

static hk_http_done_fn on_fetched;

struct issuer_keys *issuer_keys_new(struct api_thread *thread)
{
    struct issuer_keys *keys = calloc(1, sizeof(*keys));

    if (keys == NULL)
        abort();
    keys->thread = thread;
    return keys;
}

static void free_issuer(struct issuer *issuer)
{
    jwk_set_free(issuer->set);
    free(issuer);
}

void issuer_keys_free(struct issuer_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->n; i++)
        free_issuer(keys->list[i]);
    free(keys);
}

int64_t issuer_keys_lifetime_ms(struct hk_str cache_control)
{
    static const char word[] = "max-age=";
    const size_t n = sizeof(word) - 1;
    int64_t seconds = 0;

    for (size_t i = 0; i + n < cache_control.n; i++) {
        if (strncasecmp(cache_control.p + i, word, n) != 0 ||
            (i > 0 && strchr(" ,\t", cache_control.p[i - 1]) == NULL))
            continue;
        for (i += n; i < cache_control.n && cache_control.p[i] >= '0' &&
                     cache_control.p[i] <= '9' && seconds < MAX_LIFETIME_MS;
             i++)
            seconds = seconds * 10 + (cache_control.p[i] - '0');
        break;
    }
    if (seconds * 1000 < MIN_LIFETIME_MS)
        return MIN_LIFETIME_MS;
    return seconds * 1000 < MAX_LIFETIME_MS ? seconds * 1000 : MAX_LIFETIME_MS;
}

/* ---- which issuers are known ---------------------------------------------------------------- */

static void set_keys(struct issuer *issuer, struct jwk_set *set, size_t n_bytes)
{
    issuer->keys->n_bytes += n_bytes - issuer->n_bytes;
    issuer->n_bytes = n_bytes;
    jwk_set_free(issuer->set);
    issuer->set = set;
}

/* Drops the one that was not used for longest and is not busy; false when all are. */
static bool drop_oldest(struct issuer_keys *keys)
{
    size_t oldest = keys->n;

    for (size_t i = 0; i < keys->n; i++) {
        if (!keys->list[i]->is_fetching &&
            (oldest == keys->n || keys->list[i]->used_at_ms < keys->list[oldest]->used_at_ms))
            oldest = i;
    }
    if (oldest == keys->n)
        return false;
    set_keys(keys->list[oldest], NULL, 0);
    free_issuer(keys->list[oldest]);
    keys->list[oldest] = keys->list[--keys->n];
    return true;
}

static void forget(struct issuer *issuer, const char *jwks_uri)
{
    (void)snprintf(issuer->jwks_uri, sizeof(issuer->jwks_uri), "%s", jwks_uri);
    set_keys(issuer, NULL, 0);
    issuer->fresh_until_ms = issuer->asked_at_ms = INT64_MIN / 2;
}

/* NULL when there is no room, or while a fetch from its former address is under way. */
static struct issuer *get_issuer(struct issuer_keys *keys, const struct hk_id *id,
                                 const char *jwks_uri)
{
    struct issuer *issuer;

    for (size_t i = 0; i < keys->n; i++) {
        issuer = keys->list[i];
        if (memcmp(&issuer->id, id, sizeof(*id)) != 0)
            continue;
        if (strcmp(issuer->jwks_uri, jwks_uri) == 0)
            return issuer;
        if (issuer->is_fetching)
            return NULL;
        forget(issuer, jwks_uri);
        return issuer;
    }
    while (keys->n == MAX_ISSUERS || keys->n_bytes > MAX_TEXT_BYTES) {
        if (!drop_oldest(keys))
            return NULL;
    }
    issuer = calloc(1, sizeof(*issuer));
    if (issuer == NULL)
        abort();
    issuer->keys = keys;
    issuer->id = *id;
    forget(issuer, jwks_uri);
    keys->list[keys->n++] = issuer;
    return issuer;
}

/* ---- fetching ------------------------------------------------------------------------------- */

static bool fetch(struct issuer *issuer, int64_t now_ms)
{
    struct hk_http *http = server_http(issuer->keys->thread);
    struct hk_request *request = hk_http_take(http);
    const char *why;

    issuer->asked_at_ms = now_ms;
    if (!hk_request_build_get(issuer->jwks_uri, "application/json", FETCH_TIMEOUT_MS,
                              JWK_MAX_SET_BYTES + 1, request, &why)) {
        hk_http_give_back(http, request);
        return false;
    }
    request->egress.allows_http = true; /* who asks has judged the URL */
    issuer->is_fetching = true;
    hk_http_send(http, request, on_fetched, issuer);
    return true;
}

/* A set that cannot be read leaves the last good one in place. */
static void on_fetched(void *arg, const struct hk_outcome *outcome)
{
    struct issuer *issuer = arg;
    const char *why = outcome->error == NULL ? "the answer is not 200" : outcome->error;
    struct jwk_set *set = NULL;
    char id[HK_ID_TEXT_SIZE];

    issuer->is_fetching = false;
    if (outcome->kind == HK_OUTCOME_ANSWERED && outcome->status == 200) {
        why = "the key set is too large";
        if (!outcome->is_truncated)
            set = jwk_set_new(outcome->response_body, &why);
    }
    if (set != NULL) {
        set_keys(issuer, set, outcome->response_body.n);
        issuer->fresh_until_ms =
            hk_mono_ms() + issuer_keys_lifetime_ms(hk_outcome_header(outcome, "cache-control"));
    } else {
        hk_id_format(&issuer->id, id);
        hk_log(HK_LOG_WARN, "issuer.fetch_failed", HK_CTEXT("issuer_id", id),
               HK_CTEXT("reason", why));
    }
    hk_wait_wake_all(&issuer->waiting);
}

static int64_t pause_ms(const struct issuer *issuer)
{
    return issuer->set == NULL ? ASK_FIRST_MS : ASK_AGAIN_MS;
}

enum issuer_answer issuer_keys_find(struct issuer_keys *keys, const struct hk_id *id,
                                    const char *jwks_uri, const char *kid, const char *alg,
                                    int64_t now_ms, struct hk_wait *wait, EVP_PKEY **ret)
{
    struct issuer *issuer = get_issuer(keys, id, jwks_uri);

    if (issuer == NULL)
        return ISSUER_NONE;
    issuer->used_at_ms = now_ms;
    *ret = issuer->set == NULL ? NULL : jwk_set_find(issuer->set, kid, alg);
    if (*ret != NULL && now_ms < issuer->fresh_until_ms)
        return ISSUER_KEY;
    if (!issuer->is_fetching && now_ms - issuer->asked_at_ms < pause_ms(issuer))
        return *ret == NULL ? ISSUER_NONE : ISSUER_KEY; /* the issuer is away: the last good set */
    if (!issuer->is_fetching && !fetch(issuer, now_ms))
        return ISSUER_NONE;
    if (*ret != NULL)
        return ISSUER_KEY;
    hk_wait_add(&issuer->waiting, wait);
    return ISSUER_ASK;
}
