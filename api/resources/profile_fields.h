/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/profile_fields.h - the settings of a profile: what a request looks like, what an
 * answer means and when it is tried again. A subscription can override each of them; there they may
 * be null.
 */
#ifndef API_RESOURCES_PROFILE_FIELDS_H
#define API_RESOURCES_PROFILE_FIELDS_H

#include "api/http/body.h"
#include "api/resources/delivery_checks.h"

enum {
    MIN_TIMEOUT_MS = 1000,
    MAX_TIMEOUT_MS = 30000,
    MAX_SCHEDULE = 256,
    MAX_RESPONSES = 32,
    MAX_RETRY_AFTER_MS = 7 * 86400000,
    MAX_HEALTH_H = 90 * 24,
};

/* Rows of a table of struct body_field. */
#define PROFILE_REQUEST_FIELDS(flags_)                                                             \
    {.name = "envelope",                                                                           \
     .type = BODY_STRING,                                                                          \
     .flags = (flags_),                                                                            \
     .max = 32,                                                                                    \
     .choices = "standard|basecone|raw|basiq|acculynx|acculynx_table|cloudevents|"                 \
                "cloudevents_binary"},                                                             \
        {.name = "signature",                                                                      \
         .type = BODY_STRING,                                                                      \
         .flags = (flags_),                                                                        \
         .max = 32,                                                                                \
         .choices = "standard|standard_v1a|standard_both|hmac_hex|hmac_base64"},                   \
    {                                                                                              \
        .name = "secret_of", .type = BODY_STRING, .flags = (flags_), .max = 32,                    \
        .choices = "subscription|tenant"                                                           \
    }

#define PROFILE_POLICY_FIELDS(flags_)                                                              \
    {.name = "responses",                                                                          \
     .type = BODY_STRING_MAP,                                                                      \
     .flags = (flags_),                                                                            \
     .max = MAX_RESPONSES,                                                                         \
     .check = check_response,                                                                      \
     .check_name = check_response_key},                                                            \
        {.name = "timeout_ms",                                                                     \
         .type = BODY_INTEGER,                                                                     \
         .flags = (flags_),                                                                        \
         .min = MIN_TIMEOUT_MS,                                                                    \
         .max = MAX_TIMEOUT_MS},                                                                   \
        {.name = "schedule",                                                                       \
         .type = BODY_STRING,                                                                      \
         .flags = (flags_),                                                                        \
         .max = MAX_SCHEDULE,                                                                      \
         .check = check_schedule},                                                                 \
        {.name = "jitter_percent", .type = BODY_INTEGER, .flags = (flags_), .max = 100},           \
        {.name = "retry_after_cap_ms",                                                             \
         .type = BODY_INTEGER,                                                                     \
         .flags = (flags_),                                                                        \
         .max = MAX_RETRY_AFTER_MS},                                                               \
        {.name = "failing_after_h", .type = BODY_INTEGER, .flags = (flags_), .max = MAX_HEALTH_H}, \
    {                                                                                              \
        .name = "disable_after_h", .type = BODY_INTEGER, .flags = (flags_), .max = MAX_HEALTH_H    \
    }

#endif
