/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/payload_check.h - the payloads of a POST /v1/events against their event types'
 * schemas, before the events join a batch.
 */
#ifndef API_PAYLOAD_CHECK_H
#define API_PAYLOAD_CHECK_H

#include "api/publish/ingest_request.h"
#include "api/schema/schema_cache.h"
#include "hk/buf.h"

/*
 * Checks every event that has no error yet. What is wrong becomes the event's faults. Ends with
 * ingest_enqueue(): at once when every event type's rule is known, else when the database has told
 * it, together with what other requests ask for. When the database cannot be asked, the call has
 * failed.
 */
void payload_check(struct ingest_request *request);

/* Rules are looked up in batches: for the cell's batcher. */
extern const struct batch_kind payload_rule_kind;

/*
 * Gives the events whose payloads must not pass their result. With an Idempotency-Key that is done
 * when the key has been claimed: whoever repeats a request gets its reply, whatever the schema says
 * by then.
 */
void payload_refuse(struct ingest_request *request);

/*
 * Appends what is wrong as elements of a JSON array, the first `n` of them, with commas between;
 * `prefix` is put before each pointer.
 */
void payload_faults_write(struct hk_buf *buf, const struct schema_fault *faults, unsigned n,
                          const char *prefix);

/* Whether the payload is as the rule has it; the faults otherwise. Pure. */
bool payload_matches(const struct payload_rule *rule, struct hk_str payload, unsigned max_faults,
                     struct schema_report *ret);

#endif
