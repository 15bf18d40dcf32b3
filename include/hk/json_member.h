/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/json_member.h - looks into JSON that is known to be valid, without a copy. Pure.
 */
#ifndef HK_JSON_MEMBER_H
#define HK_JSON_MEMBER_H

#include "hk/base.h"

/*
 * The value of the first such member of the object `json`, as it is written there; .p is NULL when
 * there is none, or `json` is no object. Names are compared as they are written: one with escapes
 * is not found.
 */
struct hk_str hk_json_member(struct hk_str json, struct hk_str name);

#endif
