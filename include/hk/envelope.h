/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/envelope.h - the body of a request. Pure.
 *
 * The payload and the custom values are the bytes that were given, in the place that the envelope
 * has for them: never parsed, never reordered, because the signature is over bytes.
 */
#ifndef HK_ENVELOPE_H
#define HK_ENVELOPE_H

#include "hk/buf.h"
#include "hk/id.h"

enum hk_envelope_kind {
    HK_ENVELOPE_STANDARD, /* {"type","timestamp","data"[,"custom_fields"]} */
    HK_ENVELOPE_BASECONE, /* {"type","id","timestamp","companyId","data"[,"customFields"]} */
};

/* Borrowed. All text is valid UTF-8; `payload` and `custom_values` are JSON. */
struct hk_envelope {
    enum hk_envelope_kind kind;
    struct hk_id event_id;
    struct hk_str event_type;
    struct hk_str company;     /* the tenant's own id of it */
    struct hk_str occurred_at; /* as the producer gave it; .p == NULL: when it was accepted */
    struct hk_str payload;
    struct hk_str custom_values; /* .p == NULL: the event type is not enrichable */
};

/* Appends the body; what does not fit shows in `ret->is_full`. */
void hk_envelope_build(const struct hk_envelope *envelope, struct hk_buf *ret);

#endif
