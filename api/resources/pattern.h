/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/pattern.h - patterns of custom fields: the part of regular expressions that is the
 * same everywhere and that PostgreSQL matches in linear time. Pure.
 *
 *     a . [a-z] [^0-9] \d \w \s \D \W \S \.   (...) (?:...) |   * + ? {2} {2,} {2,5}   ^ $
 *
 * No back-references, no look-around, no options, no lazy quantifiers. Written out, with each
 * counted part repeated as often as it may be, a pattern has at most PATTERN_MAX_WEIGHT characters.
 */
#ifndef API_RESOURCES_PATTERN_H
#define API_RESOURCES_PATTERN_H

#include "hk/err.h"

enum { MAX_PATTERN = 200, PATTERN_MAX_WEIGHT = 1000, PATTERN_MAX_COUNT = 100 };

/* For `check` of struct body_field: HK_OK, or HK_INVALID_BODY with a sentence in `reterr->detail`.
 */
enum hk_code check_pattern(struct hk_str value, struct hk_error *reterr);

#endif
