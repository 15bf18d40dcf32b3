/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens.c - in the order in which it runs:
 *
 *     tokens_get -> begin_fetch -> on_fetched -> hk_wait_wake_all -> each wait->ready -> tokens_get
 */
#include "worker/tokens.h"

#include <stdlib.h>

#include "hk/access_token.h"
#include "hk/clock.h"
#include "hk/encode.h"
#include "hk/http.h"
#include "hk/url.h"

enum {
    N_BUCKETS = 256,
    MAX_ENTRIES = 4096, /* the one that was not used for longest makes room */
    MAX_BODY_BYTES = 4096,
    FETCH_TIMEOUT_MS = 10000,
    ASK_AGAIN_MS = 500,   /* after a failure */
    MAX_MARGIN_MS = 30000 /* a token is given up so long before its end */
};

struct token_entry {
    struct token_entry *next; /* of its bucket */
    struct tokens *tokens;
    struct hk_id subscription_id;
    uint8_t order[HK_SHA256_SIZE]; /* what `token` was asked for with */

    struct hk_access_token token; /* .n == 0: there is none */
    uint64_t number;              /* of the token, unique in the process */
    int64_t ends_ms, used_ms, ask_again_ms;
    const char *fault; /* of the last request; NULL: it brought a token */

    bool is_fetching;
    uint8_t fetching_order[HK_SHA256_SIZE];
    char url[HK_URL_MAX_BYTES + 1]; /* of the request under way, as its body is */
    struct hk_buf body;
    struct hk_wait *waiting;
};

struct tokens {
    struct hk_http *http;
    uint64_t last_number;
    unsigned n;
    struct token_entry *buckets[N_BUCKETS];
};

static hk_http_done_fn on_fetched;

struct tokens *tokens_new(struct hk_http *http)
{
    struct tokens *tokens = calloc(1, sizeof(*tokens));

    if (tokens == NULL)
        abort();
    tokens->http = http;
    return tokens;
}

static void free_entry(struct token_entry *entry)
{
    while (entry->waiting != NULL)
        hk_wait_abandon(entry->waiting);
    hk_buf_done(&entry->body);
    explicit_bzero(&entry->token, sizeof(entry->token));
    free(entry);
}

void tokens_free(struct tokens *tokens)
{
    if (tokens == NULL)
        return;
    for (size_t i = 0; i < N_BUCKETS; i++) {
        while (tokens->buckets[i] != NULL) {
            struct token_entry *entry = tokens->buckets[i];

            tokens->buckets[i] = entry->next;
            free_entry(entry);
        }
    }
    free(tokens);
}

/* ---- entries --------------------------------------------------------------------------------- */

static struct token_entry *find(const struct tokens *tokens, const struct hk_id *subscription_id)
{
    struct token_entry *entry = tokens->buckets[subscription_id->bytes[15]];

    while (entry != NULL && memcmp(&entry->subscription_id, subscription_id, 16) != 0)
        entry = entry->next;
    return entry;
}

static void drop_oldest(struct tokens *tokens)
{
    struct token_entry **oldest = NULL;

    for (size_t i = 0; i < N_BUCKETS; i++) {
        for (struct token_entry **link = &tokens->buckets[i]; *link != NULL;
             link = &(*link)->next) {
            if (!(*link)->is_fetching && (oldest == NULL || (*link)->used_ms < (*oldest)->used_ms))
                oldest = link;
        }
    }
    if (oldest != NULL) {
        struct token_entry *entry = *oldest;

        *oldest = entry->next;
        tokens->n--;
        free_entry(entry);
    }
}

static struct token_entry *get_entry(struct tokens *tokens, const struct hk_id *subscription_id)
{
    struct token_entry *entry = find(tokens, subscription_id);
    struct token_entry **bucket = &tokens->buckets[subscription_id->bytes[15]];

    if (entry != NULL)
        return entry;
    if (tokens->n >= MAX_ENTRIES)
        drop_oldest(tokens);
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        abort();
    entry->tokens = tokens;
    entry->subscription_id = *subscription_id;
    hk_buf_init(&entry->body, MAX_BODY_BYTES);
    entry->next = *bucket;
    *bucket = entry;
    tokens->n++;
    return entry;
}

static void hash_order(const struct token_order *order, uint8_t ret[HK_SHA256_SIZE])
{
    const struct hk_str parts[] = {order->token_url, order->client_id, order->client_secret,
                                   order->scope, order->egress.allowed_networks};
    uint8_t hashes[HK_COUNTOF(parts) + 1][HK_SHA256_SIZE] = {{0}};

    for (size_t i = 0; i < HK_COUNTOF(parts); i++)
        hk_sha256(parts[i].n == 0 ? "" : parts[i].p, parts[i].n, hashes[i]);
    hashes[HK_COUNTOF(parts)][0] = order->egress.allows_http;
    hk_sha256(hashes, sizeof(hashes), ret);
}

/* ---- fetching -------------------------------------------------------------------------------- */

static void forget(struct token_entry *entry)
{
    explicit_bzero(&entry->token, sizeof(entry->token));
    entry->ask_again_ms = 0;
    entry->fault = NULL;
}

static void note_fault(struct token_entry *entry, const char *fault)
{
    entry->fault = fault;
    entry->ask_again_ms = hk_mono_ms() + ASK_AGAIN_MS;
}

/* False when no request can be made; the fault is noted. */
static bool begin_fetch(struct token_entry *entry, const struct token_order *order)
{
    struct hk_http *http = entry->tokens->http;
    struct hk_request *request = hk_http_take(http);
    struct hk_token_parts parts = {
        .url = entry->url,
        .client_id = order->client_id,
        .client_secret = order->client_secret,
        .scope = order->scope,
        .timeout_ms = FETCH_TIMEOUT_MS,
    };
    const char *fault = "the token endpoint's URL is too long";
    bool fits = order->token_url.n < sizeof(entry->url);

    if (fits) {
        memcpy(entry->url, order->token_url.p, order->token_url.n);
        entry->url[order->token_url.n] = '\0';
    }
    if (!fits || !hk_token_request_build(&parts, &entry->body, request, &fault)) {
        hk_http_give_back(http, request);
        note_fault(entry, fault);
        return false;
    }
    request->egress = (struct hk_egress){.allows_http = order->egress.allows_http,
                                         .allowed_networks = order->egress.allowed_networks};
    entry->is_fetching = true;
    hk_http_send(http, request, on_fetched, entry);
    return true;
}

static void on_fetched(void *done_arg, const struct hk_outcome *outcome)
{
    struct token_entry *entry = done_arg;
    const char *fault = hk_access_token_read(outcome, &entry->token);
    int64_t lifetime_ms = entry->token.lifetime_s * 1000;
    int64_t margin_ms = lifetime_ms / 10 < MAX_MARGIN_MS ? lifetime_ms / 10 : MAX_MARGIN_MS;

    entry->is_fetching = false;
    memcpy(entry->order, entry->fetching_order, sizeof(entry->order));
    if (fault != NULL) {
        forget(entry);
        note_fault(entry, fault);
    } else {
        entry->fault = NULL;
        entry->number = ++entry->tokens->last_number;
        entry->ends_ms = hk_mono_ms() + lifetime_ms - margin_ms;
    }
    hk_wait_wake_all(&entry->waiting);
}

/* ---- asking ---------------------------------------------------------------------------------- */

enum token_state tokens_get(struct tokens *tokens, const struct token_order *order,
                            struct hk_wait *wait, struct token *ret)
{
    struct token_entry *entry = get_entry(tokens, &order->subscription_id);
    int64_t now_ms = hk_mono_ms();
    uint8_t hash[HK_SHA256_SIZE];

    entry->used_ms = now_ms;
    hash_order(order, hash);
    if (!entry->is_fetching && memcmp(entry->order, hash, sizeof(hash)) != 0) {
        forget(entry); /* other credentials since */
        memcpy(entry->order, hash, sizeof(hash));
    }
    if (!entry->is_fetching && entry->token.n > 0 && now_ms < entry->ends_ms) {
        *ret = (struct token){{entry->token.text, entry->token.n}, entry->number, NULL};
        return TOKEN_READY;
    }
    if (!entry->is_fetching && (entry->fault == NULL || now_ms >= entry->ask_again_ms)) {
        memcpy(entry->fetching_order, hash, sizeof(hash));
        (void)begin_fetch(entry, order);
    }
    if (!entry->is_fetching) {
        *ret = (struct token){.fault = entry->fault};
        return TOKEN_FAILED;
    }
    hk_wait_add(&entry->waiting, wait);
    return TOKEN_WAIT;
}

void tokens_forget(struct tokens *tokens, const struct hk_id *subscription_id, uint64_t number)
{
    struct token_entry *entry = find(tokens, subscription_id);

    if (entry != NULL && !entry->is_fetching && entry->number == number)
        forget(entry);
}
