/* SPDX-License-Identifier: Apache-2.0 */
/* api/receivers/test_exchange.h - how a test's request was answered, in the words of its reply.
 * Pure. */
#ifndef API_TEST_EXCHANGE_H
#define API_TEST_EXCHANGE_H

#include "hk/buf.h"
#include "hk/outcome.h"
#include "hk/request.h"

enum { TEST_EXCHANGE_MAX_ANSWER_BYTES = 16384 }; /* of a body; what comes behind is not shown */

/*
 * Appends `,"outcome":...,"response":...` and the times. `request`: what was answered, whose
 * secrets the receiver may have said again: they are masked. NULL: nothing was sent, and nothing
 * came.
 */
void test_exchange_add_answer(struct hk_buf *ret, const struct hk_request *request,
                              const struct hk_outcome *outcome, bool is_success);

#endif
