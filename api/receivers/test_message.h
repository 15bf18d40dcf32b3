/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/receivers/test_message.h - sends samples to a URL now, and answers with the whole exchange
 * (AL-07, BQ-07): the very requests that workers would send, by the same code and the same guards.
 */
#ifndef API_TEST_MESSAGE_H
#define API_TEST_MESSAGE_H

#include "api/http/call.h"

enum { TEST_MAX_MESSAGES = 10, TEST_MAX_CALLS = 32 /* of a thread at a time */ };

/*
 * `work` of a route whose statement answers as webhook_plan.h says. A URL that nobody has
 * subscribed is signed for with the body's "secret" (checked), or with a new one. With "revive" in
 * the body the subscription is revived when all has gone well. Replies by itself. A client that
 * goes away is not noticed before: what is under way ends with its timeout.
 */
stage_fn test_message_stage;

#endif
