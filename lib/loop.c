/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - hk/loop.h on epoll, level-triggered.
 *
 * A callback may unwatch and free any watch of the same turn. So that a freed watch is never
 * called, a turn keeps its ready list in the loop and hk_loop_unwatch() strikes the watch from it.
 * Timers are a list sorted by due time; most are set with the same delay, so inserting from the
 * tail finds its place at once.
 */
#include "hk/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hk/clock.h"

#define MAX_READY 128

struct hk_loop {
    int epoll_fd;
    struct hk_watch wake;   /* on an eventfd */
    struct hk_timer timers; /* head of the ring; due_ms unused */
    struct epoll_event ready[MAX_READY];
    int n_ready;
};

static void on_wake(struct hk_watch *watch, unsigned events)
{
    uint64_t count;

    (void)events;
    while (read(watch->fd, &count, sizeof(count)) > 0)
        ;
}

static HK_NORETURN void die(const char *what)
{
    perror(what);
    abort();
}

struct hk_loop *hk_loop_new(void)
{
    struct hk_loop *loop = calloc(1, sizeof(*loop));
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (loop == NULL || wake_fd < 0)
        die("hk_loop_new");
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        die("epoll_create1");
    loop->timers.previous = loop->timers.next = &loop->timers;
    hk_loop_watch(loop, &loop->wake, wake_fd, HK_READABLE, on_wake);
    return loop;
}

void hk_loop_free(struct hk_loop *loop)
{
    if (loop == NULL)
        return;
    (void)close(loop->wake.fd);
    (void)close(loop->epoll_fd);
    free(loop);
}

int hk_loop_fd(const struct hk_loop *loop)
{
    return loop->epoll_fd;
}

void hk_loop_wake(struct hk_loop *loop)
{
    uint64_t one = 1;
    int saved_errno = errno;

    (void)!write(loop->wake.fd, &one, sizeof(one)); /* a full counter wakes as well */
    errno = saved_errno;
}

static uint32_t to_epoll(unsigned events)
{
    return ((events & HK_READABLE) != 0 ? (uint32_t)EPOLLIN : 0u) |
           ((events & HK_WRITABLE) != 0 ? (uint32_t)EPOLLOUT : 0u);
}

static unsigned from_epoll(uint32_t events)
{
    unsigned ready = 0;

    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
        ready |= HK_READABLE;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        ready |= HK_WRITABLE;
    return ready;
}

void hk_loop_watch(struct hk_loop *loop, struct hk_watch *watch, int fd, unsigned events,
                   hk_watch_fn *on_ready)
{
    struct epoll_event event = {.events = to_epoll(events), .data.ptr = watch};

    if (events == 0 || (watch->is_added && watch->fd != fd))
        hk_loop_unwatch(loop, watch);
    watch->on_ready = on_ready;
    if (events == 0 || (watch->is_added && watch->events == events))
        return;
    if (epoll_ctl(loop->epoll_fd, watch->is_added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
    watch->fd = fd;
    watch->events = events;
    watch->is_added = true;
}

void hk_loop_unwatch(struct hk_loop *loop, struct hk_watch *watch)
{
    if (!watch->is_added)
        return;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->is_added = false;
    watch->events = 0;
    for (int i = 0; i < loop->n_ready; i++) {
        if (loop->ready[i].data.ptr == watch)
            loop->ready[i].data.ptr = NULL;
    }
}

void hk_loop_set_timer(struct hk_loop *loop, struct hk_timer *timer, int64_t delay_ms,
                       hk_timer_fn *on_due)
{
    struct hk_timer *after;

    hk_loop_stop_timer(loop, timer);
    timer->due_ms = hk_mono_ms() + delay_ms;
    timer->on_due = on_due;
    timer->is_set = true;
    after = loop->timers.previous;
    while (after != &loop->timers && after->due_ms > timer->due_ms)
        after = after->previous;
    timer->previous = after;
    timer->next = after->next;
    after->next->previous = timer;
    after->next = timer;
}

void hk_loop_stop_timer(struct hk_loop *loop, struct hk_timer *timer)
{
    (void)loop;
    if (!timer->is_set)
        return;
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->is_set = false;
}

int hk_loop_wait_ms(const struct hk_loop *loop, int max_ms)
{
    const struct hk_timer *first = loop->timers.next;
    int64_t wait_ms;

    if (first == &loop->timers)
        return max_ms;
    wait_ms = first->due_ms - hk_mono_ms();
    if (wait_ms <= 0)
        return 0;
    return wait_ms < max_ms ? (int)wait_ms : max_ms;
}

static void run_due_timers(struct hk_loop *loop)
{
    int64_t now_ms;

    if (loop->timers.next == &loop->timers)
        return;
    now_ms = hk_mono_ms();
    while (loop->timers.next != &loop->timers && loop->timers.next->due_ms <= now_ms) {
        struct hk_timer *timer = loop->timers.next;

        hk_loop_stop_timer(loop, timer);
        timer->on_due(timer); /* last: it may free the timer */
    }
}

void hk_loop_turn(struct hk_loop *loop, int max_wait_ms)
{
    loop->n_ready =
        epoll_wait(loop->epoll_fd, loop->ready, MAX_READY, hk_loop_wait_ms(loop, max_wait_ms));
    for (int i = 0; i < loop->n_ready; i++) {
        struct hk_watch *watch = loop->ready[i].data.ptr;

        if (watch != NULL)
            watch->on_ready(watch, from_epoll(loop->ready[i].events));
    }
    loop->n_ready = 0;
    run_due_timers(loop);
}
