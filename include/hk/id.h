/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/id.h - UUIDs as 16 bytes; new ones are UUIDv7 (RFC 9562, method 1: 12 bits of counter).
 */
#ifndef HK_ID_H
#define HK_ID_H

#include "hk/base.h"

#define HK_ID_TEXT_SIZE 37 /* 36 characters and a NUL */

struct hk_id {
    uint8_t bytes[16];
};

/* Makes ids that grow: one generator per thread. Zero-initialised is ready. */
struct hk_id_source {
    int64_t last_ms;
    uint32_t counter;
    unsigned n_random; /* bytes of `random` that are left, at its front */
    uint8_t random[1024];
};

/* `now_ms` is the wall clock; ids of one source grow even when it stands still or goes back. */
struct hk_id hk_id_new(struct hk_id_source *source, int64_t now_ms);

/*
 * From the first to the last id that there can be of the milliseconds of some ids. What is
 * partitioned by id need only be looked for in there.
 */
struct hk_id_span {
    struct hk_id from, to;
};

void hk_id_span_init(struct hk_id_span *span); /* of none: nothing is between its ends */
void hk_id_span_add(struct hk_id_span *span, const struct hk_id *id);

/* The 16 bytes, borrowed: a parameter in binary format. */
static inline struct hk_str hk_id_str(const struct hk_id *id)
{
    return (struct hk_str){(const char *)id->bytes, sizeof(id->bytes)};
}

/* Canonical lower-case text. */
void hk_id_format(const struct hk_id *id, char ret[HK_ID_TEXT_SIZE]);

/* Accepts exactly the 36-character form, either case. */
HK_NODISCARD bool hk_id_parse(struct hk_str text, struct hk_id *ret);

#endif
