/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tenant moves between two servers while its producer publishes and its receivers are called, and
 * nobody notices but by a few seconds of 503: docs/adr/0041-moving-a-tenant.md. What a killed move
 * leaves is in move_crash.c.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/load.h"
#include "tests/support/message.h"
#include "tests/support/mover.h"
#include "tests/support/sealed.h"

enum { WAIT_MS = 60000 };

static const char *const quick[] = {"HOOKLINE_WORKER_LEASE_MS=3000", NULL};

/* ---- what is copied -------------------------------------------------------------------------- */

static void test_each_table_of_tenants_is_copied_or_spared_for_a_reason(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);

    /* No table that is not in the plan, or in there twice; nothing is spared that is not there. */
    assert_int_equal(
        mover_int(m, HOME,
                  "SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'p')"
                  "   AND NOT c.relispartition AND c.relnamespace = 'hookline'::regnamespace"
                  "   AND EXISTS (SELECT FROM pg_attribute a"
                  "                WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')"
                  "   AND 1 <> (SELECT count(*) FROM (SELECT t.relation FROM tenant_move_tables() t"
                  "                                    UNION ALL"
                  "                                   SELECT s.relation FROM tenant_move_spared() s"
                  "                                    WHERE s.reason <> '') x"
                  "              WHERE x.relation = c.relname)"),
        0);
    assert_int_equal(mover_int(m, HOME,
                               "SELECT count(*) FROM tenant_move_spared() s"
                               " WHERE to_regclass(s.relation) IS NULL"),
                     0);
    /* What is copied as a whole comes behind all that it refers to. */
    assert_int_equal(
        mover_int(m, HOME,
                  "WITH t AS (SELECT u.n, u.relation::regclass AS oid FROM tenant_move_tables()"
                  "           WITH ORDINALITY AS u (relation, a, b, c, k, n))"
                  "SELECT count(*) FROM pg_constraint k JOIN t child ON child.oid = k.conrelid"
                  "  JOIN t parent ON parent.oid = k.confrelid"
                  " WHERE k.contype = 'f' AND NOT k.condeferrable AND child.n < parent.n"),
        0);
    /* What waits has the columns of what is waited for. */
    assert_int_equal(
        mover_int(m, HOME,
                  "SELECT count(*) FROM (SELECT a.attnum, a.attname, a.atttypid FROM pg_attribute a"
                  " WHERE a.attrelid = 'queue'::regclass AND a.attnum > 0 AND NOT a.attisdropped"
                  " EXCEPT SELECT a.attnum, a.attname, a.atttypid FROM pg_attribute a"
                  " WHERE a.attrelid = 'queue_away'::regclass AND a.attnum > 0) x"),
        0);
    mover_end(m);
}

/* ---- what is refused ------------------------------------------------------------------------- */

/* Before anything is written anywhere. */
static void expect_refused(struct mover *m, const struct tenant *t, const char *because)
{
    char *said;

    mover_run(m, t, "b", NULL, 1);
    said = proc_read_file(m->proc.err_path);
    if (strstr(said, because) == NULL)
        fail_test("it did not say \"%s\" but \"%s\"", because, said);
    free(said);
    assert_int_equal(mover_n_rows(m, B, t), 0);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM tenant_cell"), 0);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM tenant_move"), 0);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM tenant_arrival"), 0);
}

static void test_a_move_needs_the_master_keys_of_both_cells(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    const char *usual = h->master_key;

    (void)given_story(h, t, "/hook");
    h->master_key = another_master_key(h);
    expect_refused(m, t, "cell default has secrets under the master key");
    h->master_key = usual;

    /* Somebody else's secrets, which the programs of this installation cannot read. */
    (void)mover_int(m, B,
                    "INSERT INTO signing_key (tenant_id, kid, state, x, y, public_key, private_key)"
                    " VALUES (installation_id(), 'k', 'next', 'x', 'y', 'p',"
                    " 'v1.0badc0de.' || repeat('A', 60)) RETURNING 1");
    expect_refused(m, t, "cell b has secrets under the master key 0badc0de");
    (void)mover_int(m, B, "DELETE FROM signing_key RETURNING 1");
    mover_run(m, t, "b", NULL, 0);
    mover_end(m);
}

/* ---- a whole life ---------------------------------------------------------------------------- */

/* Beside the story's: one that holds what it gets, one whose messages wait for a retry. */
static void given_waiting_messages(struct harness *h, struct tenant *t)
{
    const char *app = given_app(h, t, "acme");
    struct subscription paused, failing;
    struct reply reply;

    (void)given_connection(h, t, app, "c1");
    paused = given_subscription(h, t, app, "/paused", "order.paid");
    failing = given_subscription(h, t, app, "/failing", "order.paid");
    sinker_rule(h, "/failing", "{\"then\": {\"status\": 500}}");
    reply = api_call(h, t->admin, "POST",
                     http_text(h->http, "/v1/subscriptions/%s/pause", paused.id), NULL);
    assert_status(reply, 200);
    (void)publish(h, t, "order.paid", "c1", "{\"waits\": true}");
    (void)publish(h, t, "order.paid", "c1", "{\"waits\": true}");
    sinker_wait(h, "/failing", 2, WAIT_MS);
    reply = api_call(h, t->admin, "POST",
                     http_text(h->http, "/v1/subscriptions/%s/pause", failing.id), NULL);
    assert_status(reply, 200);
}

/* The log as REST shows it. */
static const char *read_log(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply reply = api_call(h, t->support, "GET", path, NULL);

    assert_status(reply, 200);
    return http_text(h->http, "%s", reply.body);
}

/* The audit log grows by a move, and what was not counted is counted. */
static const char *const tables_of_bytes[] = {
    "app",   "attempt", "company",      "connection",          "event", "message",
    "queue", "skip",    "subscription", "subscription_secret", "tenant"};

/* A digest has a line for each table. */
static void check_line(const char *before, const char *after, const char *table)
{
    char *start;
    size_t n;

    assert_true(asprintf(&start, "\n%s ", table) >= 0);
    before = strstr(before, start);
    after = strstr(after, start);
    free(start);
    assert_non_null(before);
    assert_non_null(after);
    n = 1 + strcspn(before + 1, "\n");
    if (strncmp(before, after, n) != 0)
        fail_test("%s is not what it was", table);
}

static bool is_all_recorded(void *arg)
{
    struct mover *m = arg;

    return mover_int(m, HOME, "SELECT count(*) FROM queue q WHERE q.due_at < 'infinity'") == 0;
}

static void test_a_tenant_that_rests_is_the_same_in_its_new_cell(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    const char *before, *after, *one;
    char *digest, *moved;

    (void)given_story(h, t, "/hook");
    given_waiting_messages(h, t);
    publish_many(h, t, 40);
    sinker_wait(h, "/hook", 42, WAIT_MS);
    assert_true(wait_until(is_all_recorded, m, WAIT_MS));
    one = read_log(h, t, "/v1/messages?status=succeeded&limit=1");
    before = read_log(h, t, "/v1/messages?limit=200");
    harness_stop_worker(h, 0); /* nothing changes by itself: every byte is compared */
    digest = mover_digest(m, HOME, t);

    mover_run(m, t, "b", NULL, 0);
    after = read_log(h, t, "/v1/messages?limit=200");
    assert_string_equal(before, after);
    assert_string_equal(one, read_log(h, t, "/v1/messages?status=succeeded&limit=1"));
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM queue_away"), 0);
    assert_int_equal(
        mover_int(m, B, "SELECT count(*) FROM audit_log l WHERE l.action = 'tenant.moved'"), 1);
    assert_int_equal(mover_int(m, B,
                               "SELECT count(*) FROM stat_open"
                               " WHERE event_type = '' AND app_id = uuid_min()"
                               " HAVING sum(n_events) = 42"),
                     1);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM tenant_move"), 0);

    /* There and back again; once more is too often. */
    mover_run(m, t, "default", NULL, 0);
    mover_run(m, t, "default", NULL, 0);
    assert_string_equal(before, read_log(h, t, "/v1/messages?limit=200"));
    assert_int_equal(mover_n_rows(m, B, t), 0);
    moved = mover_digest(m, HOME, t);
    for (size_t i = 0; i < HK_COUNTOF(tables_of_bytes); i++)
        check_line(digest, moved, tables_of_bytes[i]);
    free(digest);
    free(moved);
    mover_end(m);
}

static struct load_counts check_counts(struct load *load)
{
    struct load_counts counts = load_stop(load);

    assert_int_equal(counts.n_wrong, 0);
    assert_int_equal(counts.n_unanswered, 0);
    return counts;
}

static void test_a_tenant_moves_while_it_works_and_nothing_is_lost_or_sent_twice(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct load_counts counts;
    struct reply stats;
    struct load *load;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 6000); /* more than a slice */
    load = load_start(h, t);
    load_wait(load, 20, WAIT_MS);
    mover_run(m, t, "b", NULL, 0);
    load_wait(load, load_counts(load).n_accepted + 20, WAIT_MS);
    mover_run(m, t, "default", NULL, 0);
    load_wait(load, load_counts(load).n_accepted + 20, WAIT_MS);
    mover_run(m, t, "b", NULL, 0);
    load_wait(load, load_counts(load).n_accepted + 20, WAIT_MS);
    counts = check_counts(load);

    sinker_wait(h, "/hook", 6000 + counts.n_accepted, WAIT_MS);
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "distinct_ids"), 6000 + counts.n_accepted);
    assert_int_equal(reply_int(&stats, "duplicates"), 0);
    assert_int_equal(reply_int(&stats, "signature_invalid"), 0);
    mover_wait_delivered(m);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM message"), 6000 + counts.n_accepted);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM attempt"), 6000 + counts.n_accepted);
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    mover_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_each_table_of_tenants_is_copied_or_spared_for_a_reason,
                     .has_no_worker = true),
        harness_test(test_a_move_needs_the_master_keys_of_both_cells, .has_no_worker = true),
        harness_test(test_a_tenant_that_rests_is_the_same_in_its_new_cell, .has_no_worker = true,
                     .env = quick),
        harness_test(test_a_tenant_moves_while_it_works_and_nothing_is_lost_or_sent_twice,
                     .has_no_worker = true, .env = quick),
    };

    return cmocka_run_group_tests_name("move", tests, NULL, NULL);
}
