/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A move is killed wherever it can be: by a lock that it waits for, and SIGKILL. Run again it goes
 * on; aborted, it leaves what was there: docs/adr/0041-moving-a-tenant.md.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/load.h"
#include "tests/support/message.h"
#include "tests/support/mover.h"

enum { WAIT_MS = 60000, N_HISTORY = 1500 };

static const char *const quick[] = {"HOOKLINE_WORKER_LEASE_MS=3000", NULL};

/* Where the move stands when it is killed. The last column is true then. */
static const struct step {
    enum mover_side lock_in;
    const char *lock, *is_there_in_home, *is_there_in_b;
} steps[] = {
    {HOME, "LOCK TABLE tenant_move IN SHARE MODE",
     "SELECT count(*) FROM tenant_cell c WHERE c.moving_to = 'b'",
     "SELECT 1 - count(*) FROM tenant_arrival"},
    {B, "LOCK TABLE tenant_away IN SHARE MODE", "SELECT count(*) FROM tenant_move",
     "SELECT 1 - count(*) FROM tenant_arrival"},
    {B, "LOCK TABLE message IN SHARE MODE", "SELECT 1 - count(*) FROM tenant_away",
     "SELECT count(*) FROM tenant_copy c WHERE c.relation = 'event' AND c.is_whole"},
    {HOME, "LOCK TABLE tenant_away IN SHARE MODE", "SELECT 1 - count(*) FROM tenant_away",
     "SELECT (count(*) >= 3)::integer FROM tenant_copy c WHERE c.is_whole"},
    {HOME, "LOCK TABLE queue_away IN SHARE MODE",
     "SELECT count(*) FROM tenant_away a WHERE a.state = 'moving'",
     "SELECT 2 - count(*) FROM tenant"},
    {B, "LOCK TABLE company IN SHARE MODE", "SELECT (count(*) = 0)::integer FROM queue",
     "SELECT count(*) FROM tenant_away a WHERE a.state = 'moving'"},
    {B, "LOCK TABLE retention_week IN SHARE MODE",
     "SELECT count(*) FROM tenant_away a WHERE a.state = 'moving'",
     "SELECT count(*) - 1 FROM tenant"},
};

/* What it had asked for last is still done when the lock is gone, unless its sessions are cut off.
 */
static void kill_at(struct mover *m, const struct tenant *t, const struct step *step,
                    bool is_cut_off)
{
    struct mover_lock *lock = mover_lock(m, step->lock_in, "%s", step->lock);

    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, step->lock_in);
    assert_int_equal(mover_int(m, HOME, "%s", step->is_there_in_home), 1);
    assert_int_equal(mover_int(m, B, "%s", step->is_there_in_b), 1);
    mover_kill(m);
    if (is_cut_off)
        mover_cut_off(m);
    mover_unlock(lock);
}

/* Behind the flip: locks that are taken while the move waits for one before. */
static void kill_behind_the_flip(struct mover *m, const struct tenant *t, enum mover_side side,
                                 const char *sql)
{
    bool is_flipped =
        mover_int(m, B, "SELECT count(*) FROM tenant_arrival a WHERE a.flipped_at IS NOT NULL") > 0;
    struct mover_lock *flip =
        is_flipped ? NULL : mover_lock(m, B, "SELECT FROM tenant_arrival FOR UPDATE");
    struct mover_lock *lock = is_flipped ? mover_lock(m, side, "%s", sql) : NULL;

    mover_start(m, t, "b", NULL);
    if (flip != NULL) {
        mover_wait_blocked(m, B);
        lock = mover_lock(m, side, "%s", sql);
        mover_unlock(flip);
    }
    mover_wait_blocked(m, side);
    assert_int_equal(mover_int(m, B, "SELECT 1 - count(*) FROM tenant_away"), 1);
    mover_kill(m);
    mover_unlock(lock);
}

static void test_a_move_that_is_killed_at_each_step_goes_on_and_nothing_is_lost(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct load_counts counts;
    struct reply stats;
    struct load *load;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, N_HISTORY);
    sinker_wait(h, "/hook", N_HISTORY, WAIT_MS);
    load = load_start(h, t);
    load_wait(load, 5, WAIT_MS);
    for (size_t i = 0; i < HK_COUNTOF(steps); i++)
        kill_at(m, t, &steps[i], i + 1 == HK_COUNTOF(steps));
    kill_behind_the_flip(m, t, HOME, "SELECT FROM tenant_cell FOR UPDATE");
    kill_behind_the_flip(m, t, HOME, "LOCK TABLE tenant_away IN SHARE MODE");
    kill_behind_the_flip(m, t, HOME, "LOCK TABLE attempt IN SHARE MODE");
    mover_run(m, t, "b", NULL, 0);
    load_wait(load, load_counts(load).n_accepted + 20, WAIT_MS);
    counts = load_stop(load);
    assert_int_equal(counts.n_wrong, 0);

    sinker_wait(h, "/hook", N_HISTORY + counts.n_accepted, WAIT_MS);
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "distinct_ids"), N_HISTORY + counts.n_accepted);
    assert_int_equal(reply_int(&stats, "duplicates"), 0);
    mover_wait_delivered(m);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM attempt"),
                     N_HISTORY + counts.n_accepted);
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM tenant_move"), 0);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM tenant_copy"), 0);
    mover_run(m, t, "b", "--abort", 1); /* too late */
    mover_end(m);
}

/* ---- back ------------------------------------------------------------------------------------ */

static bool is_all_recorded(void *arg)
{
    struct mover *m = arg;

    return mover_int(m, HOME, "SELECT count(*) FROM queue q WHERE q.due_at < 'infinity'") == 0;
}

static void given_rest(struct harness *h, struct mover *m, struct tenant *t)
{
    (void)given_story(h, t, "/hook");
    publish_many(h, t, N_HISTORY);
    sinker_wait(h, "/hook", N_HISTORY, WAIT_MS);
    assert_true(wait_until(is_all_recorded, m, WAIT_MS));
    harness_stop_worker(h, 0);
    publish_many(h, t, 10); /* they wait in the queue */
}

static void check_that_it_is_as_before(struct mover *m, const struct tenant *t, const char *digest)
{
    char *after = mover_digest(m, HOME, t);

    assert_string_equal(digest, after);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM tenant_away"), 0);
    free(after);
}

/* Its rows in the target are half gone: the way back is still open, and so is the way there. */
static void kill_abort(struct mover *m, const struct tenant *t)
{
    struct mover_lock *lock = mover_lock(m, B, "LOCK TABLE message IN SHARE MODE");

    mover_start(m, t, "b", "--abort");
    mover_wait_blocked(m, B);
    mover_kill(m);
    mover_cut_off(m);
    mover_unlock(lock);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM tenant_copy"), 0);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM tenant_arrival"), 1);
    assert_int_equal(
        mover_int(m, HOME, "SELECT count(*) FROM tenant_cell c WHERE c.moving_to = 'b'"), 1);
}

static void test_a_move_that_is_aborted_leaves_everything_as_it_was(void **state)
{
    static const size_t where[] = {0, 1, 2, 4, 5, 6};
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    char *digest;

    given_rest(h, m, t);
    digest = mover_digest(m, HOME, t);
    for (size_t i = 0; i < HK_COUNTOF(where); i++) {
        kill_at(m, t, &steps[where[i]], true);
        if (i + 1 == HK_COUNTOF(where))
            kill_abort(m, t);
        mover_run(m, t, "b", "--abort", 0);
        check_that_it_is_as_before(m, t, digest);
        assert_int_equal(mover_n_rows(m, B, t), 0);
        assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM tenant_move"), 0);
        assert_int_equal(mover_int(m, B, "SELECT count(*) FROM tenant_arrival"), 0);
        assert_int_equal(mover_int(m, HOME,
                                   "SELECT count(*) FROM tenant_cell c"
                                   " WHERE c.cell <> 'default' OR c.moving_to IS NOT NULL"),
                         0);
    }
    free(digest);
    mover_run(m, t, "b", NULL, 0); /* nothing of all that is in the way */
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", N_HISTORY + 10, WAIT_MS);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM event"), N_HISTORY + 10);
    mover_end(m);
}

static void test_an_abort_deletes_nothing_that_no_move_has_brought(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);

    mover_run(m, t, "b", "--abort", 1);
    assert_int_equal(mover_int(m, B,
                               "INSERT INTO audit_log (tenant_id, actor, action, object_id, detail)"
                               " VALUES ('%s', 'somebody', 'tenant.created', '', '{}') RETURNING 1",
                               t->id),
                     1);
    mover_run(m, t, "b", "--abort", 1);
    mover_run(m, t, "b", NULL, 1); /* nor does a move mix with it */
    mover_run(m, t, "b", "--abort", 1);
    assert_int_equal(mover_n_rows(m, B, t), 1);
    mover_end(m);
}

/* All that it had left to do was to forget that the tenant had once come. */
static void test_a_move_away_that_was_killed_at_its_end_does_not_spoil_the_way_back(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct mover_lock *lock;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 10);
    sinker_wait(h, "/hook", 10, WAIT_MS);
    mover_run(m, t, "b", NULL, 0);
    lock = mover_lock(m, B, "LOCK TABLE tenant_arrival IN SHARE MODE");
    mover_start(m, t, "default", NULL);
    mover_wait_blocked(m, B);
    mover_kill(m);
    mover_cut_off(m);
    mover_unlock(lock);

    mover_run(m, t, "b", "--abort", 1);
    mover_run(m, t, "b", NULL, 1); /* it is to be finished first */
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM event"), 10);
    publish_many(h, t, 10);
    mover_run(m, t, "default", NULL, 0);
    mover_run(m, t, "b", "--abort", 1);
    mover_run(m, t, "b", NULL, 0);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM event"), 20);
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM tenant_move"), 0);
    sinker_wait(h, "/hook", 20, WAIT_MS);
    mover_end(m);
}

static void test_a_move_that_is_interrupted_while_it_holds_gives_the_tenant_back(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct mover_lock *lock;
    char *digest;

    given_rest(h, m, t);
    digest = mover_digest(m, HOME, t);
    lock = mover_lock(m, B, "LOCK TABLE company IN SHARE MODE");
    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, B);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM queue_away"), 10);
    mover_interrupt(m);
    mover_unlock(lock);
    assert_int_equal(mover_wait(m), 130);
    check_that_it_is_as_before(m, t, digest);
    free(digest);
    mover_run(m, t, "b", NULL, 0); /* from the copy that is there */
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", N_HISTORY + 10, WAIT_MS);
    mover_end(m);
}

static bool is_free(void *arg)
{
    return mover_int(arg, HOME, "SELECT count(*) FROM tenant_away") == 0;
}

/* What `hookline cells` says. */
static void expect_cells(struct mover *m, int exit_code, const char *part)
{
    struct proc cells = {0};
    char *said;

    mover_start_beside(m, &cells, (const char *const[]){"cells", NULL});
    assert_int_equal(proc_wait(&cells, WAIT_MS), exit_code);
    said = proc_read_file(cells.out_path);
    if (strstr(said, part) == NULL)
        fail_test("it did not say \"%s\" but %s", part, said);
    free(said);
}

/* By any worker, once nobody is at the move any more, and it cannot have flipped. */
static void test_a_hold_whose_move_was_killed_ends_by_itself(void **state)
{
    static const char release[] = "SELECT tenant_hold_release(4)";
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct mover_lock *lock;

    given_rest(h, m, t);
    lock = mover_lock(m, B, "LOCK TABLE company IN SHARE MODE");
    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, B);
    assert_int_equal(mover_int(m, HOME, release), 0); /* it is under way */
    mover_kill(m);
    mover_cut_off(m);
    mover_unlock(lock);
    assert_int_equal(mover_int(m, HOME, release), 1);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM queue_away"), 6);
    (void)harness_start_worker(h);
    assert_true(wait_until(is_free, m, WAIT_MS));
    sinker_wait(h, "/hook", N_HISTORY + 10, WAIT_MS);
    publish_many(h, t, 1);

    kill_at(m, t, &steps[HK_COUNTOF(steps) - 1], true); /* in the flip: perhaps behind it */
    assert_int_equal(mover_int(m, HOME, release), 0);
    assert_false(is_free(m));
    expect_cells(m, 1, "tenants held: 1\n");
    mover_run(m, t, "b", NULL, 0);
    expect_cells(m, 0, "up\n");
    publish_many(h, t, 1);
    sinker_wait(h, "/hook", N_HISTORY + 12, WAIT_MS);
    mover_end(m);
}

static void test_the_lease_of_a_worker_that_was_killed_ends_before_the_tenant_goes(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct reply first, second;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"hang\": true}]}");
    (void)publish(h, t, "order.paid", "c1", "{\"order\": 7}");
    sinker_wait(h, "/hook", 1, WAIT_MS);
    harness_kill_worker(h, 0);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM queue q WHERE q.leased"), 1);
    mover_run(m, t, "b", NULL, 0);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM queue q WHERE q.due_at <= now()"), 1);
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", 2, WAIT_MS);
    first = sinker_request(h, "/hook", 0);
    second = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&first, "headers.webhook-id"),
                        reply_text(&second, "headers.webhook-id"));
    mover_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_move_that_is_aborted_leaves_everything_as_it_was, .has_no_worker = true,
                     .env = quick),
        harness_test(test_an_abort_deletes_nothing_that_no_move_has_brought, .has_no_worker = true),
        harness_test(test_a_move_away_that_was_killed_at_its_end_does_not_spoil_the_way_back,
                     .has_no_worker = true, .env = quick),
        harness_test(test_a_move_that_is_interrupted_while_it_holds_gives_the_tenant_back,
                     .has_no_worker = true, .env = quick),
        harness_test(test_a_hold_whose_move_was_killed_ends_by_itself, .has_no_worker = true,
                     .env = quick),
        harness_test(test_the_lease_of_a_worker_that_was_killed_ends_before_the_tenant_goes,
                     .has_no_worker = true, .env = quick),
        harness_test(test_a_move_that_is_killed_at_each_step_goes_on_and_nothing_is_lost,
                     .has_no_worker = true, .env = quick),
    };

    return cmocka_run_group_tests_name("move_crash", tests, NULL, NULL);
}
