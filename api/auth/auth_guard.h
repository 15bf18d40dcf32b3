/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/auth_guard.h - slows guessing down: an address from which too many bad proofs have come
 * gets 429 for proofs that are not known to be good, before anything is asked. What is counted: any
 * reply of 401 to a request that had a proof; wrong signatures for the tenant alone. docs/adr/0018
 * says who is refused and who is not.
 */
#ifndef API_AUTH_GUARD_H
#define API_AUTH_GUARD_H

#include "api/auth/failure_guard.h"
#include "api/http/peer.h"

struct api_thread;
struct call;
struct auth_guard; /* opaque, one per thread */
struct hk_networks;

/* `trusted_proxies` is borrowed. */
struct auth_guard *auth_guard_new(int64_t failures_per_minute,
                                  const struct hk_networks *trusted_proxies);
void auth_guard_free(struct auth_guard *guard);

/* Where the request comes from, as far as proxies that are trusted say it. */
struct peer auth_guard_peer(const struct call *call);

/*
 * To be called when the proof (call->key_sha256) is not in the cache, and before it is looked up:
 * true when it has been replied to.
 */
HK_NODISCARD bool auth_guard_refuses(struct call *call);

/* The call's proof is good; also one that has just been given out. */
void auth_guard_trust(struct call *call);

/* For reply_send(): a reply of 401. */
void auth_guard_count(struct call *call);

#endif
