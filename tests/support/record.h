/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/record.h - writes down what the API has answered, for tests/contract/replies: one
 * JSON object per line in HOOKLINE_TEST_REPLIES/<program>.jsonl. Nothing when that is not set.
 */
#ifndef SUPPORT_RECORD_H
#define SUPPORT_RECORD_H

#include "tests/support/http.h"

/* Replies without an X-Request-Id are none of the API's, and left out. */
void record_reply(const char *method, const char *path, const struct reply *reply);

#endif
