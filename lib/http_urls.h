/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/http_urls.h - the URLs that requests went to lately, judged and parsed once for all of them:
 * both cost as much as the rest of a request's preparation. Of one pool, whose networks never
 * change.
 */
#ifndef HTTP_URLS_H
#define HTTP_URLS_H

#include <curl/curl.h>

#include "hk/addr.h"

struct known_url {
    char *text; /* NULL: the slot is free */
    bool allows_http;
    CURLU *parsed;
    unsigned n_users; /* requests under way, which borrow `parsed` */
};

struct urls {
    unsigned n_slots;
    struct known_url *slots; /* by the hash of the text */
};

void urls_init(struct urls *urls, unsigned n_slots);
void urls_done(struct urls *urls);

/*
 * A URL without hk_url_fault(), to be given back; `networks` as there. NULL when it has one, which
 * is in `ret_fault`, or when it is not remembered, and `ret_fault` is NULL: libcurl parses it then.
 */
struct known_url *urls_take(struct urls *urls, struct hk_str url, bool allows_http,
                            const struct hk_networks *networks, const char **ret_fault);
void urls_give_back(struct known_url *url); /* NULL: nothing */

#endif
