/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/loop.h - an event loop on epoll: file descriptors, timers, a wake-up from other threads.
 *
 * A loop belongs to one thread; only hk_loop_wake() may be called from elsewhere (also from a
 * signal handler). The worker runs it by itself. In the API it is a guest of h2o's loop: h2o
 * watches hk_loop_fd() and the thread calls hk_loop_turn(loop, 0), so that libpq's sockets never
 * meet h2o's.
 */
#ifndef HK_LOOP_H
#define HK_LOOP_H

#include "hk/base.h"

struct hk_loop;  /* opaque: lib/loop.c */
struct hk_watch; /* below */
struct hk_timer;

enum { HK_READABLE = 1u << 0, HK_WRITABLE = 1u << 1 };

typedef void hk_watch_fn(struct hk_watch *watch, unsigned events);
typedef void hk_timer_fn(struct hk_timer *timer);

/* Embedded in its owner. Zero-initialised: not watching. */
struct hk_watch {
    int fd;
    unsigned events; /* what is watched; 0: nothing */
    hk_watch_fn *on_ready;
    bool is_added; /* private */
};

/* Embedded in its owner. Zero-initialised: not set. */
struct hk_timer {
    int64_t due_ms; /* monotonic */
    hk_timer_fn *on_due;
    struct hk_timer *previous, *next; /* private */
    bool is_set;                      /* private */
};

struct hk_loop *hk_loop_new(void); /* ends the process when epoll is not to be had */
void hk_loop_free(struct hk_loop *loop);

/* Readable when hk_loop_turn() has something to do, timers aside. */
int hk_loop_fd(const struct hk_loop *loop);

/* Milliseconds until the next timer is due, at most `max_ms`; 0 when one is. */
int hk_loop_wait_ms(const struct hk_loop *loop, int max_ms);

/*
 * Waits up to `max_wait_ms` or until the next timer, then runs the callbacks of what is ready and
 * the timers that are due. A callback may watch, unwatch and free anything.
 */
void hk_loop_turn(struct hk_loop *loop, int max_wait_ms);

/* Ends the wait of the loop's thread. Async-signal-safe. */
void hk_loop_wake(struct hk_loop *loop);

/* Sets what is watched on `fd` (0: nothing, as hk_loop_unwatch). Call unwatch before closing fd. */
void hk_loop_watch(struct hk_loop *loop, struct hk_watch *watch, int fd, unsigned events,
                   hk_watch_fn *on_ready);
void hk_loop_unwatch(struct hk_loop *loop, struct hk_watch *watch);

/* (Re)starts the timer; on_due() is called once. */
void hk_loop_set_timer(struct hk_loop *loop, struct hk_timer *timer, int64_t delay_ms,
                       hk_timer_fn *on_due);
void hk_loop_stop_timer(struct hk_loop *loop, struct hk_timer *timer);

#endif
