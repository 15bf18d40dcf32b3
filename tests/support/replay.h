/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/replay.h - failed messages, and replays of them. */
#ifndef SUPPORT_REPLAY_H
#define SUPPORT_REPLAY_H

#include "tests/support/harness.h"

#define REPLAY_SOON_MS 90000

/* A failure ends a message at its second attempt, at once. */
extern const char *const replay_env[];

struct replay_world {
    struct harness *h;
    struct tenant *t;
    struct subscription hook;
};

/* A story (given_story()) of which `n` messages have failed; its receiver accepts all from now on.
 */
struct replay_world given_failed(struct harness *h, unsigned n);

/* Makes `n` more events "order.paid" of company c1 fail; the receiver accepts again afterwards. */
void make_fail(const struct replay_world *w, unsigned n);

/* Asks for a replay with the support role; its path. `body` is printf's. */
const char *replay_ask(const struct replay_world *w, const char *body_format, ...) HK_PRINTF(2, 3);

/* The same of all that has failed for the subscription; more members begin with a comma. */
const char *replay_recover(const struct replay_world *w, const char *more);

struct reply replay_get(const struct replay_world *w, const char *path);
struct reply replay_do(const struct replay_world *w, const char *path, const char *action,
                       const char *body);
void replay_wait(const struct replay_world *w, const char *path, const char *state);

/* Waits until it has replayed so many. */
void replay_wait_for(const struct replay_world *w, const char *path, int64_t n_replayed);

/*
 * planned = replayed + skipped + remaining, by its own counts, by its list and by the messages that
 * there are: each at most once.
 */
void replay_check(const struct replay_world *w, const char *path);

#endif
