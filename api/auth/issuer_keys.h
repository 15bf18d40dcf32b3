/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/issuer_keys.h - the key sets of other issuers, fetched by the guarded HTTP client and
 * kept by each thread: as long as the issuer says (5 minutes to 24 hours), and beyond that while it
 * cannot be reached. A kid that is not known makes us ask again once a minute, whatever strangers
 * make up.
 */
#ifndef API_ISSUER_KEYS_H
#define API_ISSUER_KEYS_H

#include "api/auth/jwk.h"
#include "hk/id.h"
#include "hk/wait_list.h"

struct api_thread;
struct issuer_keys; /* opaque, one per thread */

enum issuer_answer {
    ISSUER_KEY,  /* the key is in `ret` */
    ISSUER_ASK,  /* the set is being fetched: `wait->ready` will be called, once; then look again */
    ISSUER_NONE, /* there is no such key, as far as can be known now */
};

struct issuer_keys *issuer_keys_new(struct api_thread *thread);
void issuer_keys_free(struct issuer_keys *keys);

/*
 * Looks for a key of the issuer. `id` is that of its row; another `jwks_uri` than before forgets
 * what was known. `ret` is borrowed until the next turn of the loop. `now_ms` is monotonic.
 */
enum issuer_answer issuer_keys_find(struct issuer_keys *keys, const struct hk_id *id,
                                    const char *jwks_uri, const char *kid, const char *alg,
                                    int64_t now_ms, struct hk_wait *wait, EVP_PKEY **ret);

/* For how long a set may be used, by its Cache-Control (.p NULL: none). Pure. */
int64_t issuer_keys_lifetime_ms(struct hk_str cache_control);

#endif
