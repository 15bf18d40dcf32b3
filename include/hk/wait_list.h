/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/wait_list.h - those who wait for one answer that many want: of one thread, in no order.
 * Nothing is allocated; what waits is embedded in its owner.
 */
#ifndef HK_WAIT_LIST_H
#define HK_WAIT_LIST_H

#include "hk/base.h"

/* Zero-initialised but for `ready`: waits for nothing. */
struct hk_wait {
    struct hk_wait *next, **link; /* private */
    void (*ready)(struct hk_wait *wait);
};

/* `*list` is NULL when nobody waits. */
void hk_wait_add(struct hk_wait **list, struct hk_wait *wait);

HK_NODISCARD bool hk_wait_is_waiting(const struct hk_wait *wait);

/* Does not wait any longer; no-op when it does not. */
void hk_wait_abandon(struct hk_wait *wait);

/* Calls ready() of each, once: it may wait again, abandon others, and free its owner. */
void hk_wait_wake_all(struct hk_wait **list);

#endif
