/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/cursor_key.h - the key that signs the cursors of lists. All processes read the same
 * one from the home cell (installation_secret), and read it again now and then, so that it can be
 * replaced while they run. It is the installation's: a cursor outlives its tenant's move.
 */
#ifndef API_CURSOR_KEY_H
#define API_CURSOR_KEY_H

#include "api/http/call.h"
#include "api/http/page.h"

/* A thread's copy. Zero-initialised: not read yet. */
struct cursor_key {
    bool is_known;
    uint8_t bytes[PAGE_SECRET_BYTES];
    int64_t asked_at_ms;
};

/* For lists: goes on when the thread has the key, else reads it first. */
stage_fn cursor_key_stage;

#endif
