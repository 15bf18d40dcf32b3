/* SPDX-License-Identifier: Apache-2.0 */
/* http_urls.c - a hash table of one URL a slot: who comes takes the place of who is not used. */
#include "http_urls.h"

#include <stdlib.h>
#include <string.h>

#include "hk/url.h"

#define MAX_KNOWN_BYTES                                                                            \
    512 /* longer ones are rare, and would make the memory's bound a large one */

void urls_init(struct urls *urls, unsigned n_slots)
{
    urls->n_slots = n_slots;
    urls->slots = calloc(n_slots, sizeof(*urls->slots));
    if (urls->slots == NULL)
        abort();
}

static void forget(struct known_url *url)
{
    curl_url_cleanup(url->parsed);
    free(url->text);
    *url = (struct known_url){.text = NULL};
}

void urls_done(struct urls *urls)
{
    for (unsigned i = 0; i < urls->n_slots; i++)
        forget(&urls->slots[i]);
    free(urls->slots);
}

/* FNV-1a. */
static struct known_url *find_slot(struct urls *urls, struct hk_str url)
{
    uint32_t hash = UINT32_C(2166136261);

    for (size_t i = 0; i < url.n; i++)
        hash = (hash ^ (uint8_t)url.p[i]) * UINT32_C(16777619);
    return &urls->slots[hash % urls->n_slots];
}

static bool is_of(const struct known_url *known, struct hk_str url, bool allows_http)
{
    return known->text != NULL && known->allows_http == allows_http &&
           hk_str_eq(hk_str(known->text), url);
}

/* As libcurl parses it when it is given the text. */
static void remember(struct known_url *slot, struct hk_str url, bool allows_http)
{
    forget(slot);
    slot->text = strndup(url.p, url.n);
    slot->allows_http = allows_http;
    slot->parsed = curl_url();
    if (slot->text == NULL || slot->parsed == NULL)
        abort();
    if (curl_url_set(slot->parsed, CURLUPART_URL, slot->text, 0) != CURLUE_OK)
        forget(slot);
}

struct known_url *urls_take(struct urls *urls, struct hk_str url, bool allows_http,
                            const struct hk_networks *networks, const char **ret_fault)
{
    struct known_url *slot = find_slot(urls, url);

    *ret_fault = NULL;
    if (!is_of(slot, url, allows_http)) {
        *ret_fault = hk_url_fault(url, allows_http, networks);
        if (*ret_fault != NULL || slot->n_users > 0 || url.n > MAX_KNOWN_BYTES)
            return NULL;
        remember(slot, url, allows_http);
        if (slot->text == NULL)
            return NULL;
    }
    slot->n_users++;
    return slot;
}

void urls_give_back(struct known_url *url)
{
    if (url != NULL)
        url->n_users--;
}
