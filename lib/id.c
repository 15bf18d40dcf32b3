/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDv7: 48 bits of milliseconds, version, 12 bits of counter, variant, 62 random bits. When a
 * millisecond has used up its 4,096 counts, or the clock went back, the source lives in its own
 * later millisecond until the clock has caught up.
 */
#include "hk/id.h"

#include <string.h>

#include "hk/encode.h"

#define MAX_COUNTER    0xfff
#define N_TIME_BYTES   6
#define N_RANDOM_BYTES 8

static void advance(struct hk_id_source *source, int64_t now_ms)
{
    if (now_ms > source->last_ms) {
        source->last_ms = now_ms;
        source->counter = 0;
    } else if (source->counter < MAX_COUNTER) {
        source->counter++;
    } else {
        source->last_ms++;
        source->counter = 0;
    }
}

/* Asked for by the many: each question takes OpenSSL longer than some hundred bytes do. */
static void take_random(struct hk_id_source *source, uint8_t ret[N_RANDOM_BYTES])
{
    if (source->n_random < N_RANDOM_BYTES) {
        hk_random(source->random, sizeof(source->random));
        source->n_random = sizeof(source->random);
    }
    source->n_random -= N_RANDOM_BYTES;
    memcpy(ret, source->random + source->n_random, N_RANDOM_BYTES);
}

struct hk_id hk_id_new(struct hk_id_source *source, int64_t now_ms)
{
    struct hk_id id;

    advance(source, now_ms);

    for (unsigned i = 0; i < N_TIME_BYTES; i++)
        id.bytes[i] = (uint8_t)(source->last_ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | source->counter >> 8);
    id.bytes[7] = (uint8_t)source->counter;
    take_random(source, id.bytes + 8);
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

void hk_id_span_init(struct hk_id_span *span)
{
    memset(&span->from, 0xff, sizeof(span->from));
    memset(&span->to, 0, sizeof(span->to));
}

void hk_id_span_add(struct hk_id_span *span, const struct hk_id *id)
{
    if (memcmp(id->bytes, span->from.bytes, N_TIME_BYTES) < 0) {
        memset(&span->from, 0, sizeof(span->from));
        memcpy(span->from.bytes, id->bytes, N_TIME_BYTES);
    }
    if (memcmp(id->bytes, span->to.bytes, N_TIME_BYTES) > 0) {
        memset(&span->to, 0xff, sizeof(span->to));
        memcpy(span->to.bytes, id->bytes, N_TIME_BYTES);
    }
}

static bool has_hyphen_before(unsigned byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void hk_id_format(const struct hk_id *id, char ret[HK_ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

    for (unsigned i = 0; i < sizeof(id->bytes); i++) {
        ret[places[i]] = digits[id->bytes[i] >> 4];
        ret[places[i] + 1] = digits[id->bytes[i] & 15];
    }
    ret[8] = ret[13] = ret[18] = ret[23] = '-';
    ret[HK_ID_TEXT_SIZE - 1] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hk_id_parse(struct hk_str text, struct hk_id *ret)
{
    const char *p = text.p;
    struct hk_id id;

    if (text.n != HK_ID_TEXT_SIZE - 1)
        return false;

    for (unsigned i = 0; i < sizeof(id.bytes); i++) {
        int high, low;

        if (has_hyphen_before(i) && *p++ != '-')
            return false;
        high = hex_value(*p++);
        low = hex_value(*p++);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret = id;
    return true;
}
