/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/envelope.h"

#include "hk/clock.h"

/* When the event was accepted is in its id: the first 48 bits of a UUIDv7 are milliseconds. */
static int64_t accepted_us(const struct hk_id *id)
{
    int64_t ms = 0;

    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms * 1000;
}

static void add_timestamp(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    char text[25];

    if (envelope->occurred_at.p != NULL) {
        hk_buf_add_json_string(ret, envelope->occurred_at);
        return;
    }
    hk_format_rfc3339(accepted_us(&envelope->event_id), text);
    hk_buf_add_json_string(ret, hk_str(text));
}

static void add_standard(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    hk_buf_add_text(ret, "{\"type\":");
    hk_buf_add_json_string(ret, envelope->event_type);
    hk_buf_add_text(ret, ",\"timestamp\":");
    add_timestamp(envelope, ret);
    hk_buf_add_text(ret, ",\"data\":");
    hk_buf_add_str(ret, envelope->payload);
    if (envelope->custom_values.p != NULL) {
        hk_buf_add_text(ret, ",\"custom_fields\":");
        hk_buf_add_str(ret, envelope->custom_values);
    }
    hk_buf_add_text(ret, "}");
}

static void add_basecone(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    char id[HK_ID_TEXT_SIZE];

    hk_id_format(&envelope->event_id, id);
    hk_buf_add_text(ret, "{\"type\":");
    hk_buf_add_json_string(ret, envelope->event_type);
    hk_buf_add_text(ret, ",\"id\":");
    hk_buf_add_json_string(ret, hk_str(id));
    hk_buf_add_text(ret, ",\"timestamp\":");
    add_timestamp(envelope, ret);
    hk_buf_add_text(ret, ",\"companyId\":");
    hk_buf_add_json_string(ret, envelope->company);
    hk_buf_add_text(ret, ",\"data\":");
    hk_buf_add_str(ret, envelope->payload);
    if (envelope->custom_values.p != NULL) {
        hk_buf_add_text(ret, ",\"customFields\":");
        hk_buf_add_str(ret, envelope->custom_values);
    }
    hk_buf_add_text(ret, "}");
}

void hk_envelope_build(const struct hk_envelope *envelope, struct hk_buf *ret)
{
    switch (envelope->kind) {
    case HK_ENVELOPE_STANDARD:
        add_standard(envelope, ret);
        return;
    case HK_ENVELOPE_BASECONE:
        add_basecone(envelope, ret);
        return;
    }
}
