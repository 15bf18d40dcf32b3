/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/offload.h - work that takes tens of milliseconds (a password's hash), done by a helper thread
 * so that the event loop goes on.
 *
 * One helper belongs to one loop, and takes one job at a time. A job is handed over, never shared:
 *
 *     the loop's thread          the helper
 *     fills the job --submit-->  run(): reads and writes the job, and nothing else
 *     done() <-----------------  gives it back
 *
 * Between the two calls nobody but the helper touches the job, its `owner` aside, which the helper
 * never looks at: that is how hk_offload_abandon() can forget an owner that goes away.
 */
#ifndef HK_OFFLOAD_H
#define HK_OFFLOAD_H

#include "hk/err.h"

struct hk_loop;
struct hk_offload; /* opaque: lib/offload.c */
struct hk_offload_job;

/* On the helper's thread. */
typedef void hk_offload_run_fn(struct hk_offload_job *job);

/*
 * On the loop's thread, exactly once for each job that was submitted. `job->owner` is NULL when it
 * was abandoned, or when the loop ends. Frees the job, or uses it again.
 */
typedef void hk_offload_done_fn(struct hk_offload_job *job);

/* Embedded in what the job works on, which is on the heap: it may outlive its owner. */
struct hk_offload_job {
    hk_offload_run_fn *run;
    hk_offload_done_fn *done;
    void *owner; /* of the loop's thread */

    struct hk_offload_job *next; /* private */
};

/* Starts the helper; ends the process when there is no thread to be had. */
struct hk_offload *hk_offload_new(struct hk_loop *loop, unsigned max_jobs);

/* Waits for the job that is running, then gives back all jobs, those that never ran included, as
 * abandoned. On the loop's thread, or when that has ended. */
void hk_offload_free(struct hk_offload *offload);

/* HK_OK, or HK_BUSY when `max_jobs` are under way: the job is then still the caller's. */
HK_NODISCARD enum hk_code hk_offload_submit(struct hk_offload *offload, struct hk_offload_job *job);

/* The owner goes away: done() will find NULL in its place. */
static inline void hk_offload_abandon(struct hk_offload_job *job)
{
    job->owner = NULL;
}

#endif
