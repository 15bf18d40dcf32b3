/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/sinker/sinker.h - a webhook receiver that does what a test tells it. One thread, HTTP/1.1.
 *
 * main.c owns the listener and the loop, receive.c takes the webhooks, control.c is the API below
 * /_sinker/, store.c remembers. Timers are hk_loop's: h2o 2.2.5 wants a list for each duration.
 */
#ifndef SINKER_SINKER_H
#define SINKER_SINKER_H

#include <h2o.h>

#include "hk/loop.h"
#include "tests/sinker/store.h"

struct waiter;  /* control.c */
struct hanging; /* receive.c */

struct sinker {
    struct store store;
    struct hk_loop *timers;
    struct waiter *waiters;
    struct hanging *hanging;
    struct hk_timer look_after_hanging;
};

/* Takes a webhook: checks, remembers, answers as its path's rule says. */
void receive(struct sinker *sinker, h2o_req_t *req, struct hk_str path, struct hk_str query);

/* Answers a request below /_sinker/. `query` is what comes after the '?', or empty. */
void control(struct sinker *sinker, h2o_req_t *req, struct hk_str path, struct hk_str query);

/* To be called after a webhook was stored: answers those who wait for it. */
void control_tell_waiters(struct sinker *sinker);

#endif
