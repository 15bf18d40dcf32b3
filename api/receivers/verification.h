/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/receivers/verification.h - asks the receivers of subscriptions whether they agree
 * (api/receivers/handshake.h): once after a subscription was made or got another URL, and when
 * somebody wants it asked again. No transaction is open while HTTP happens.
 */
#ifndef API_VERIFICATION_H
#define API_VERIFICATION_H

#include "api/http/call.h"

enum { VERIFICATION_MAX = 32 /* of a thread at a time */ };

struct verification; /* opaque */

/*
 * `work` of the route that asks now and answers with the subscription; the route binds tenant,
 * partner and subscription, "=is_asked" is set here. Whoever does not wait for the answer does not
 * end it.
 */
stage_fn verification_stage;

/*
 * `on_ok` of the routes that make or change subscriptions, alone or with an app: asks after the
 * commit, on its own, when the reply says that there is a pending one. Too many at a time: not at
 * all, it stays pending until somebody asks.
 */
void verification_on_ok(struct call *call);

/* Ends those of the thread, which stops. */
void verification_free_all(struct api_thread *thread);

#endif
