/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/envelope.h - the body of a webhook, and what of it stands in the header. Pure.
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
    HK_ENVELOPE_RAW,      /* the payload and nothing else */
    HK_ENVELOPE_BASIQ,    /* {"eventTypeId","eventId","links":{"event","eventEntity"}} */
    HK_ENVELOPE_ACCULYNX, /* {"topicNamee","eventDateTime","eventId","subscriptionId","Event"} */
    HK_ENVELOPE_ACCULYNX_TABLE, /* {"Type","EventDateTime","EventId","SubscriptionId","Event"} */
    HK_ENVELOPE_CLOUDEVENTS,    /* CloudEvents 1.0.2, structured mode, JSON */
    HK_ENVELOPE_CLOUDEVENTS_BINARY, /* the payload; the attributes are header fields */
    HK_ENVELOPE_COUNT
};

/* Borrowed. All text is valid UTF-8; `payload` and `custom_values` are JSON. */
struct hk_envelope {
    enum hk_envelope_kind kind;
    struct hk_id tenant_id;
    struct hk_id event_id;
    struct hk_id subscription_id;
    struct hk_str event_type;
    struct hk_str company;     /* the tenant's own id of it; .p == NULL: an operational event */
    struct hk_str occurred_at; /* as the producer gave it; .p == NULL: when it was accepted */
    struct hk_str payload;
    struct hk_str custom_values;  /* .p == NULL: the event type is not enrichable */
    struct hk_str base_url;       /* of the tenant's own API; .p == NULL: links are relative */
    struct hk_str webhook_origin; /* who the receiver has agreed to; .p == NULL: it was not asked */
};

/* Appends the body; what does not fit shows in `ret->is_full`. */
void hk_envelope_build(const struct hk_envelope *envelope, struct hk_buf *ret);

/*
 * Appends the header fields that belong to the envelope, each "name: value\n": Content-Type, and
 * the attributes of CloudEvents in binary mode.
 */
void hk_envelope_add_headers(const struct hk_envelope *envelope, struct hk_buf *ret);

/* The kind of a name, as profiles have it ("acculynx_table"). False when there is none such. */
HK_NODISCARD bool hk_envelope_kind_from_name(struct hk_str name, enum hk_envelope_kind *ret);

#endif
