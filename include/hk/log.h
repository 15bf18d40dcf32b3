/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/log.h - one JSON object per line on stderr.
 *
 *     hk_log(HK_LOG_INFO, "message.sent", HK_TEXT("message_id", id), HK_I64("took_ms", took));
 *
 * The event is a constant, dotted, past tense, and is what alerts match on: values go into fields.
 * Never log secrets, payloads or header values. Any thread; one line is one write(2).
 */
#ifndef HK_LOG_H
#define HK_LOG_H

#include "hk/base.h"

enum hk_level { HK_LOG_DEBUG, HK_LOG_INFO, HK_LOG_WARN, HK_LOG_ERROR };
enum hk_field_type { HK_FIELD_END, HK_FIELD_NONE, HK_FIELD_I64, HK_FIELD_TEXT };

struct hk_log_field {
    enum hk_field_type type;
    const char *name;
    int64_t i64;
    struct hk_str text;
};

#define HK_I64(key, v)                                                                             \
    ((struct hk_log_field){.type = HK_FIELD_I64, .name = (key), .i64 = (int64_t)(v)})
#define HK_TEXT(key, v)  ((struct hk_log_field){.type = HK_FIELD_TEXT, .name = (key), .text = (v)})
#define HK_CTEXT(key, v) HK_TEXT(key, hk_str(v))

/* Which cell it is about: hk_config.cell; left out when that is NULL. */
#define HK_CELL(v)                                                                                 \
    ((struct hk_log_field){                                                                        \
        .type = (v) == NULL ? HK_FIELD_NONE : HK_FIELD_TEXT, .name = "cell", .text = hk_str(v)})

#define hk_log(level, event, ...)                                                                  \
    hk_log_write((level), (event),                                                                 \
                 (const struct hk_log_field[]){__VA_ARGS__ __VA_OPT__(, ){.type = HK_FIELD_END}})

/* "debug", "info", "warn" or "error"; anything else counts as info. */
enum hk_level hk_log_level_from_name(const char *name);

/* Before threads start. Lines below `level` are dropped; `program` is the line's "program". */
void hk_log_init(const char *program, enum hk_level level);

/* Text longer than 1 KiB is cut; control and non-UTF-8 bytes are escaped. */
void hk_log_write(enum hk_level level, const char *event, const struct hk_log_field *fields);

#endif
