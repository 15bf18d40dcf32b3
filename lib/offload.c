/* SPDX-License-Identifier: Apache-2.0 */
/* offload.c - two lists under one lock, a condition for the helper and an eventfd for the loop. */
#include "hk/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hk/loop.h"

struct list {
    struct hk_offload_job *first;
    struct hk_offload_job **end; /* where the next one goes */
};

struct hk_offload {
    /* Of the loop's thread. */
    struct hk_loop *loop;
    struct hk_watch watch; /* on `done_fd` */
    unsigned max_jobs, n_jobs;
    pthread_t helper;

    int done_fd; /* the helper writes, the loop reads */

    pthread_mutex_t lock; /* holds for all below */
    pthread_cond_t has_work;
    struct list waiting, done;
    bool is_stopping;
};

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct list *list, struct hk_offload_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct hk_offload_job *list_take(struct list *list)
{
    struct hk_offload_job *job = list->first;

    if (job != NULL) {
        list->first = job->next;
        if (list->first == NULL)
            list->end = &list->first;
    }
    return job;
}

/* The next job; NULL when the helper is to end. */
static struct hk_offload_job *wait_for_work(struct hk_offload *offload)
{
    struct hk_offload_job *job;

    (void)pthread_mutex_lock(&offload->lock);
    while (offload->waiting.first == NULL && !offload->is_stopping)
        (void)pthread_cond_wait(&offload->has_work, &offload->lock);
    job = offload->is_stopping ? NULL : list_take(&offload->waiting);
    (void)pthread_mutex_unlock(&offload->lock);
    return job;
}

static void give_back(struct hk_offload *offload, struct hk_offload_job *job)
{
    uint64_t one = 1;

    (void)pthread_mutex_lock(&offload->lock);
    list_add(&offload->done, job);
    (void)pthread_mutex_unlock(&offload->lock);
    (void)!write(offload->done_fd, &one, sizeof(one));
}

static void *helper_main(void *arg)
{
    struct hk_offload *offload = arg;
    struct hk_offload_job *job;

    while ((job = wait_for_work(offload)) != NULL) {
        job->run(job);
        give_back(offload, job);
    }
    return NULL;
}

/* done() may submit, so each is taken on its own. */
static void finish_jobs(struct hk_offload *offload, struct list *list)
{
    for (;;) {
        struct hk_offload_job *job;

        (void)pthread_mutex_lock(&offload->lock);
        job = list_take(list);
        (void)pthread_mutex_unlock(&offload->lock);
        if (job == NULL)
            return;
        offload->n_jobs--;
        if (offload->is_stopping)
            job->owner = NULL;
        job->done(job); /* last: it may free the job */
    }
}

static void on_jobs_done(struct hk_watch *watch, unsigned events)
{
    struct hk_offload *offload = HK_CONTAINER_OF(watch, struct hk_offload, watch);
    uint64_t count;

    (void)events;
    (void)!read(offload->done_fd, &count, sizeof(count));
    finish_jobs(offload, &offload->done);
}

static HK_NORETURN void die(const char *what)
{
    perror(what);
    abort();
}

/* Signals are for the threads that have a loop. */
static void start_helper(struct hk_offload *offload)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&offload->helper, NULL, helper_main, offload) != 0)
        die("hk_offload_new");
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct hk_offload *hk_offload_new(struct hk_loop *loop, unsigned max_jobs)
{
    struct hk_offload *offload = calloc(1, sizeof(*offload));

    if (offload == NULL)
        die("hk_offload_new");
    offload->loop = loop;
    offload->max_jobs = max_jobs;
    offload->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (offload->done_fd < 0 || pthread_mutex_init(&offload->lock, NULL) != 0 ||
        pthread_cond_init(&offload->has_work, NULL) != 0)
        die("hk_offload_new");
    list_init(&offload->waiting);
    list_init(&offload->done);
    hk_loop_watch(loop, &offload->watch, offload->done_fd, HK_READABLE, on_jobs_done);
    start_helper(offload);
    return offload;
}

void hk_offload_free(struct hk_offload *offload)
{
    if (offload == NULL)
        return;
    (void)pthread_mutex_lock(&offload->lock);
    offload->is_stopping = true;
    (void)pthread_cond_signal(&offload->has_work);
    (void)pthread_mutex_unlock(&offload->lock);
    (void)pthread_join(offload->helper, NULL);

    finish_jobs(offload, &offload->done);
    finish_jobs(offload, &offload->waiting);
    hk_loop_unwatch(offload->loop, &offload->watch);
    (void)close(offload->done_fd);
    (void)pthread_cond_destroy(&offload->has_work);
    (void)pthread_mutex_destroy(&offload->lock);
    free(offload);
}

enum hk_code hk_offload_submit(struct hk_offload *offload, struct hk_offload_job *job)
{
    if (offload->n_jobs >= offload->max_jobs)
        return HK_BUSY;
    offload->n_jobs++;
    (void)pthread_mutex_lock(&offload->lock);
    list_add(&offload->waiting, job);
    (void)pthread_cond_signal(&offload->has_work);
    (void)pthread_mutex_unlock(&offload->lock);
    return HK_OK;
}
