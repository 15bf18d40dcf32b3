/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/mover.h - an installation of two cells on two servers, `default` and `b`, and
 * `hookline tenants move` as a process that can be stopped anywhere: by holding a lock that it
 * needs, and killing it while it waits there.
 */
#ifndef SUPPORT_MOVER_H
#define SUPPORT_MOVER_H

#include "tests/support/harness.h"

enum mover_side { HOME, B };

struct mover {
    struct harness *h;
    struct proc proc;
    char database[2][PG_NAME_SIZE];
    unsigned n_runs;
};

/* A test of it has `.has_no_worker`: the worker that is started here serves both cells. */
struct mover *mover_begin(struct harness *h);
void mover_end(struct mover *m);

/* The first value as text, to be freed; as a number. Asked as the superuser, in the cell's schema.
 */
char *mover_text(struct mover *m, enum mover_side side, const char *sql_format, ...)
    HK_PRINTF(3, 4);
int64_t mover_int(struct mover *m, enum mover_side side, const char *sql_format, ...)
    HK_PRINTF(3, 4);

/* Another `hookline ...` with the databases of both cells, for the test to wait for. */
void mover_start_beside(struct mover *m, struct proc *ret, const char *const arguments[]);

/* `option` may be NULL. */
void mover_start(struct mover *m, const struct tenant *t, const char *to, const char *option);
int mover_wait(struct mover *m); /* its exit code */
void mover_kill(struct mover *m);
/* A process of the server of cell b is killed: it throws everybody out, and recovers. */
void mover_crash_b(struct mover *m);
void mover_cut_off(struct mover *m); /* the servers end its sessions, and what they are at */
void mover_interrupt(struct mover *m);
/* All of the above: it has to end with this. */
void mover_run(struct mover *m, const struct tenant *t, const char *to, const char *option,
               int exit_code);

/* A lock that SQL takes, until mover_unlock(). */
struct mover_lock; /* opaque */
struct mover_lock *mover_lock(struct mover *m, enum mover_side side, const char *sql_format, ...)
    HK_PRINTF(3, 4);
void mover_unlock(struct mover_lock *lock);
/* Waits until the mover waits for a lock in a cell. */
void mover_wait_blocked(struct mover *m, enum mover_side side);
/* The same for an advisory one, of it or of who runs beside it. */
void mover_wait_advisory(struct mover *m, enum mover_side side);

/* Waits until each message in cell b has succeeded. */
void mover_wait_delivered(struct mover *m);

/* How many rows a cell has of the tenant, its queue among them, but none of the move's own. */
int64_t mover_n_rows(struct mover *m, enum mover_side side, const struct tenant *t);
/* All of them as one hash. */
char *mover_digest(struct mover *m, enum mover_side side, const struct tenant *t);

#endif
