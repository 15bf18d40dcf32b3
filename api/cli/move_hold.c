/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move_hold.c - from the fence to the flip. In between nobody writes the tenant, so what takes long
 * has been done before; and whatever fails in between gives the tenant back. A killed run leaves it
 * held until a worker of the source gives it back; behind mark_flip() until the move is run again.
 */
#include "api/cli/move.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/cli/interrupt.h"
#include "api/cli/session.h"
#include "hk/clock.h"

enum { TAKE_ROWS = 10000, LOOK_EVERY_MS = 20 };

/* The API hears of it with its next statement; workers give back what they have not begun to send.
 */
static bool put_fence(struct move *move)
{
    move->held_since_ms = hk_mono_ms();
    return move_run(move->source,
                    "INSERT INTO tenant_away AS a (tenant_id, state) VALUES ('%s', 'moving')"
                    "    ON CONFLICT (tenant_id) DO UPDATE SET state = 'moving',"
                    "       since = CASE a.state WHEN 'moving' THEN a.since ELSE now() END;"
                    "UPDATE tenant_move v SET flips_at = NULL WHERE v.tenant_id = '%s';"
                    "SELECT pg_notify('hookline_stopped', '%s')",
                    move->tenant, move->tenant, move->tenant);
}

/* Who makes a key from a shell is none of those that move_wait_for_others() waits for. */
static bool wait_for_owners(const struct move *move)
{
    return move_run(move->source, "SELECT FROM tenant t WHERE t.tenant_id = '%s' FOR UPDATE",
                    move->tenant);
}

/* What is in flight ends by itself, or by its lease when its worker is gone. */
static bool take_queue(struct move *move)
{
    int64_t n_left, n_before = INT64_MAX;

    for (;;) {
        if (move_must_stop(move) ||
            !move_number(move->source, &n_left, "SELECT tenant_queue_take('%s', %d)", move->tenant,
                         TAKE_ROWS))
            return false;
        if (n_left == 0)
            return true;
        if (n_left == n_before)
            interrupt_wait(LOOK_EVERY_MS);
        n_before = n_left;
    }
}

/* Statistics of the target begin where the source has ended, by the target's clock. */
static bool wait_for_clock(const struct move *move, const char *counted_to)
{
    int64_t is_past = 0;

    while (is_past == 0) {
        if (move_must_stop(move) ||
            !move_number(move->target, &is_past,
                         "SELECT (clock_timestamp() > '%s'::timestamptz)::integer", counted_to))
            return false;
        if (is_past == 0)
            interrupt_wait(LOOK_EVERY_MS);
    }
    return true;
}

/* From here on only a move gives the tenant back: before, workers do when the move is killed. */
static bool mark_flip(const struct move *move)
{
    int64_t n = 0;

    if (!move_number(move->source, &n,
                     "WITH marked AS (UPDATE tenant_move v SET flips_at = now()"
                     " WHERE v.tenant_id = '%s' AND EXISTS (SELECT FROM tenant_away a"
                     "  WHERE a.tenant_id = v.tenant_id AND a.state = 'moving') RETURNING 1)"
                     "SELECT count(*) FROM marked",
                     move->tenant))
        return false;
    if (n != 1)
        move_say(move, "is not held any more");
    return n == 1;
}

/* The way back ends here. Whether it has been taken is not known when the answer is lost. */
static bool flip(struct move *move, const char *counted_to, const char *uncounted)
{
    const char *params[] = {move->tenant, move->from->name, move->to->name, counted_to, uncounted};

    if (session_run(move->target,
                    "SELECT tenant_move_flip($1::uuid, $2, $3, $4::timestamptz, $5::stat_open[])",
                    HK_COUNTOF(params), params)) {
        move->is_flipped = true;
        return true;
    }
    if (PQstatus(move->target) != CONNECTION_OK) {
        move_say(move, "is held, and perhaps in cell %s already: run this again", move->to->name);
        move->held_since_ms = 0; /* not to be given back */
    }
    return false;
}

static bool copy_and_flip(struct move *move)
{
    char *counted_to = NULL, *uncounted = NULL;
    bool is_flipped = false;

    if (move_run(move->source, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") &&
        move_copy_rest(move)) {
        counted_to = move_text(move->source, "SELECT clock_timestamp()");
        uncounted = move_text(move->source, "SELECT tenant_uncounted('%s')", move->tenant);
    }
    if (uncounted != NULL && move_run(move->source, "COMMIT") && wait_for_clock(move, counted_to) &&
        mark_flip(move))
        is_flipped = flip(move, counted_to, uncounted);
    free(counted_to);
    free(uncounted);
    return is_flipped;
}

bool move_give_back(struct move *move)
{
    move->held_since_ms = 0;
    move_roll_back(move->source);
    return move_run(move->source, "SELECT tenant_move_undo('%s')", move->tenant);
}

bool move_hold_and_flip(struct move *move)
{
    if (put_fence(move) && wait_for_owners(move) && move_wait_for_others(move) &&
        take_queue(move) && copy_and_flip(move))
        return true;
    if (move->held_since_ms == 0)
        return false;
    if (move_give_back(move))
        move_say(move, "goes on in cell %s; run this again, or --abort", move->from->name);
    else
        move_say(move, "is held: run this again, or --abort");
    return false;
}
