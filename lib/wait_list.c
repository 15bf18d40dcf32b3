/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/wait_list.h"

void hk_wait_add(struct hk_wait **list, struct hk_wait *wait)
{
    wait->next = *list;
    wait->link = list;
    if (wait->next != NULL)
        wait->next->link = &wait->next;
    *list = wait;
}

bool hk_wait_is_waiting(const struct hk_wait *wait)
{
    return wait->link != NULL;
}

void hk_wait_abandon(struct hk_wait *wait)
{
    if (wait->link == NULL)
        return;
    *wait->link = wait->next;
    if (wait->next != NULL)
        wait->next->link = wait->link;
    wait->link = NULL;
    wait->next = NULL;
}

/* Whoever wakes may wait again: the list is taken away first. */
void hk_wait_wake_all(struct hk_wait **list)
{
    struct hk_wait *waiting = *list;

    *list = NULL;
    if (waiting != NULL)
        waiting->link = &waiting;
    while (waiting != NULL) {
        struct hk_wait *wait = waiting;

        hk_wait_abandon(wait);
        wait->ready(wait);
    }
}
