/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDv7: 48 bits of milliseconds, version, 12 bits of counter, variant, 62 random bits. When a
 * millisecond has used up its 4,096 counts, or the clock went back, the source lives in its own
 * later millisecond until the clock has caught up.
 */
#include "hk/id.h"

#include "hk/encode.h"

#define MAX_COUNTER 0xfff

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

struct hk_id hk_id_new(struct hk_id_source *source, int64_t now_ms)
{
    struct hk_id id;

    advance(source, now_ms);

    for (unsigned i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(source->last_ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | source->counter >> 8);
    id.bytes[7] = (uint8_t)source->counter;
    hk_random(id.bytes + 8, 8);
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

static bool has_hyphen_before(unsigned byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void hk_id_format(const struct hk_id *id, char ret[HK_ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *p = ret;

    for (unsigned i = 0; i < sizeof(id->bytes); i++) {
        if (has_hyphen_before(i))
            *p++ = '-';
        *p++ = digits[id->bytes[i] >> 4];
        *p++ = digits[id->bytes[i] & 15];
    }
    *p = '\0';
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
