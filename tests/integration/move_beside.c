/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What else goes on while a tenant is moved: another move of it, a key that is made at a shell, a
 * server that crashes, a queue that comes back (docs/adr/0041-moving-a-tenant.md).
 */
#include <stdlib.h>
#include <string.h>

#include "hk/clock.h"
#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/mover.h"

enum { WAIT_MS = 60000, N_RETURNS = 12 };

static const char *const quick[] = {"HOOKLINE_WORKER_LEASE_MS=3000", NULL};

static bool is_all_recorded(void *arg)
{
    struct mover *m = arg;

    return mover_int(m, HOME, "SELECT count(*) FROM queue q WHERE q.due_at < 'infinity'") == 0;
}

/* ---- at the same time ------------------------------------------------------------------------ */

/* The second one waits for the first one's end, and finds that all is done. */
static void test_of_two_moves_at_once_one_waits_for_the_other(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct mover_lock *lock;
    struct proc second = {0};

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 10);
    lock = mover_lock(m, B, "LOCK TABLE message IN SHARE MODE");
    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, B);
    mover_start_beside(m, &second,
                       (const char *const[]){"tenants", "move", t->id, "--to", "b", NULL});
    mover_wait_advisory(m, HOME);
    mover_unlock(lock);
    assert_int_equal(mover_wait(m), 0);
    assert_int_equal(proc_wait(&second, WAIT_MS), 0);
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    sinker_wait(h, "/hook", 10, WAIT_MS);
    mover_end(m);
}

/* Its statement has begun before the fence, and stores the key behind it. */
static void test_a_key_that_is_made_at_a_shell_while_the_hold_begins_goes_along(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct mover_lock *lock;
    struct proc keys = {0};
    char *key;

    (void)mover_int(m, HOME,
                    "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS"
                    " 'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NEW; END';"
                    "CREATE TRIGGER wait_here BEFORE INSERT ON api_key FOR EACH ROW"
                    " EXECUTE FUNCTION wait_here(); SELECT 1");
    lock = mover_lock(m, HOME, "SELECT pg_advisory_xact_lock(77)");
    mover_start_beside(
        m, &keys,
        (const char *const[]){"keys", "create", "--role", "admin", "--tenant", t->id, NULL});
    mover_wait_advisory(m, HOME);
    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, HOME);
    mover_unlock(lock);
    assert_int_equal(proc_wait(&keys, WAIT_MS), 0);
    assert_int_equal(mover_wait(m), 0);
    key = proc_read_file(keys.out_path);
    (void)api_want(h, 200, http_text(h->http, "%.*s", (int)strcspn(key, "\n"), key), "GET",
                   "/v1/apps", NULL);
    free(key);
    mover_end(m);
}

/* ---- a server that crashes ------------------------------------------------------------------- */

static void move_across_a_crash(struct mover *m, const struct tenant *t, const char *to,
                                enum mover_side side, const char *locked)
{
    struct mover_lock *lock = mover_lock(m, side, "LOCK TABLE %s IN SHARE MODE", locked);

    mover_start(m, t, to, NULL);
    mover_wait_blocked(m, side);
    mover_crash_b(m);
    mover_unlock(lock);
    assert_int_equal(mover_wait(m), 1);
    mover_run(m, t, to, NULL, 0);
}

static void test_a_move_is_finished_after_either_server_has_crashed(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct reply stats;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 1200);
    sinker_wait(h, "/hook", 1200, WAIT_MS);
    move_across_a_crash(m, t, "b", B, "message"); /* while it copies */
    mover_run(m, t, "default", NULL, 0);
    move_across_a_crash(m, t, "b", B, "retention_week");   /* while it flips */
    move_across_a_crash(m, t, "default", HOME, "company"); /* of the source, while it holds */
    publish_many(h, t, 10);
    sinker_wait(h, "/hook", 1210, WAIT_MS);
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "distinct_ids"), 1210);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM event"), 1210);
    assert_int_equal(mover_n_rows(m, B, t), 0);
    mover_end(m);
}

/* ---- what comes back ------------------------------------------------------------------------- */

/* A worker looks at what is due before the last look once a second, or less: not for this. */
static void test_what_comes_back_is_sent_at_once_however_long_it_has_been_due(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    int64_t start_ms;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 1);
    sinker_wait(h, "/hook", 1, WAIT_MS);
    start_ms = hk_mono_ms();
    for (unsigned n = 1; n <= N_RETURNS; n++) {
        assert_true(wait_until(is_all_recorded, m, WAIT_MS));
        (void)mover_int(m, HOME,
                        "UPDATE message SET status = 'pending';"
                        "INSERT INTO queue_away"
                        " (tenant_id, subscription_id, message_id, attempts, due_at)"
                        " SELECT x.tenant_id, x.subscription_id, x.id, %u,"
                        "        now() - interval '1 minute' FROM message x;"
                        "SELECT tenant_queue_return('%s')",
                        n, t->id);
        sinker_wait(h, "/hook", 1 + n, WAIT_MS);
    }
    assert_true(hk_mono_ms() - start_ms < N_RETURNS * 1000 / 2);
    mover_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_of_two_moves_at_once_one_waits_for_the_other, .has_no_worker = true,
                     .env = quick),
        harness_test(test_a_key_that_is_made_at_a_shell_while_the_hold_begins_goes_along,
                     .has_no_worker = true),
        harness_test(test_a_move_is_finished_after_either_server_has_crashed, .has_no_worker = true,
                     .env = quick),
        harness_test(test_what_comes_back_is_sent_at_once_however_long_it_has_been_due,
                     .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("move_beside", tests, NULL, NULL);
}
