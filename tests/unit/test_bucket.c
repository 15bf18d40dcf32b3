/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/limits/bucket.h"

static const struct bucket_limit hundred = {.per_second = 100, .burst = 200};
static const struct bucket_limit one = {.per_second = 1, .burst = 1};

/* The database's side, as rate_lease() in SQL has it: millitokens. */
struct shared {
    const struct bucket_limit *limit;
    int64_t tokens_m, at_ms;
    unsigned n_leases;
};

static void lease(struct shared *shared, struct bucket *bucket, int64_t now_ms)
{
    const struct bucket_limit *limit = shared->limit;
    int64_t asked = bucket_slice(bucket, 1, bucket_most(limit), now_ms), granted;

    shared->tokens_m += (now_ms - shared->at_ms) * limit->per_second;
    if (shared->tokens_m > limit->burst * 1000)
        shared->tokens_m = limit->burst * 1000;
    shared->at_ms = now_ms;
    granted = shared->tokens_m / 1000 < asked ? shared->tokens_m / 1000 : asked;
    shared->tokens_m -= granted * 1000;
    shared->n_leases++;
    bucket_fill(bucket, asked, granted, shared->tokens_m / 1000, bucket_pause_ms(limit), now_ms);
}

static bool take(struct shared *shared, struct bucket *bucket, int64_t now_ms)
{
    enum bucket_verdict verdict = bucket_take(bucket, 1, now_ms);

    if (verdict == BUCKET_ASK) {
        lease(shared, bucket, now_ms);
        verdict = bucket_take(bucket, 1, now_ms);
    }
    return verdict == BUCKET_TAKEN;
}

static void test_a_flood_from_many_threads_gets_the_rate_and_the_burst(void **state)
{
    static const struct bucket_limit limits[] = {{1, 1}, {3, 7}, {100, 200}, {5000, 5000}};

    (void)state;
    for (size_t l = 0; l < HK_COUNTOF(limits); l++) {
        struct shared shared = {.limit = &limits[l], .tokens_m = limits[l].burst * 1000};
        struct bucket threads[4] = {0};
        int64_t n_taken = 0, wanted = limits[l].burst + 10 * limits[l].per_second;

        for (int64_t ms = 0; ms < 10000; ms++) {
            for (unsigned i = 0; i < 40; i++)
                n_taken += take(&shared, &threads[i % 4], ms) ? 1 : 0;
        }
        assert_in_range(n_taken, wanted * 9 / 10, wanted);
        assert_true(shared.n_leases <= 4 * 11 * 10 * 2); /* not one a request: 400,000 came */
    }
}

static void test_slices_grow_while_leases_follow_each_other(void **state)
{
    struct bucket bucket = {0};
    struct shared shared = {.limit = &hundred, .tokens_m = 200000};

    (void)state;
    for (unsigned i = 0; i < 1 + 2 + 4; i++)
        assert_true(take(&shared, &bucket, 1000));
    assert_int_equal(shared.n_leases, 3);
    assert_int_equal(bucket.tokens, 0);
    assert_true(take(&shared, &bucket, 5000)); /* after a while, one again */
    assert_int_equal(bucket.tokens, 0);
    assert_int_equal(bucket_most(&hundred), 25);
    assert_int_equal(bucket_most(&one), 1);
}

static void test_an_empty_bucket_is_not_asked_again_at_once(void **state)
{
    struct bucket bucket = {0};
    struct shared shared = {.limit = &one, .tokens_m = 1000};

    (void)state;
    assert_true(take(&shared, &bucket, 0));
    assert_false(take(&shared, &bucket, 1));
    assert_int_equal(shared.n_leases, 2);
    for (int64_t ms = 2; ms < 1000; ms++)
        assert_false(take(&shared, &bucket, ms));
    assert_int_equal(shared.n_leases, 2);
    assert_int_equal(bucket_wait_ms(&bucket, 1), 1000);
    assert_int_equal(bucket_wait_ms(&bucket, 5000), 0);
    assert_true(take(&shared, &bucket, 1001));
}

static void test_what_is_put_back_is_there_for_the_next(void **state)
{
    struct bucket bucket = {0};
    struct shared shared = {.limit = &one, .tokens_m = 1000};

    (void)state;
    assert_true(take(&shared, &bucket, 0));
    bucket_put_back(&bucket, 1);
    assert_true(take(&shared, &bucket, 0));
    assert_int_equal(shared.n_leases, 1);
}

static void test_several_tokens_are_taken_together_or_not_at_all(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    assert_int_equal(bucket_take(&bucket, 10, 0), BUCKET_ASK);
    assert_int_equal(bucket_slice(&bucket, 10, 4, 0), 10); /* what is needed, at least */
    bucket_fill(&bucket, 10, 6, 0, 500, 0);
    assert_int_equal(bucket_take(&bucket, 10, 1), BUCKET_EMPTY);
    assert_int_equal(bucket_take(&bucket, 6, 1), BUCKET_TAKEN);
    assert_int_equal(bucket_take(&bucket, 1, 1), BUCKET_EMPTY);
    assert_int_equal(bucket_take(&bucket, 1, 500), BUCKET_ASK);
}

static void test_what_is_left_refills_up_to_the_burst(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    bucket_fill(&bucket, 25, 25, 100, 0, 1000);
    assert_int_equal(bucket_left(&bucket, &hundred, 1000), 125);
    assert_int_equal(bucket_left(&bucket, &hundred, 1500), 175);
    assert_int_equal(bucket_left(&bucket, &hundred, 9000), 200);
}

/* Structured Fields (RFC 9651): a List of Strings with Integer parameters. */
static void test_the_fields_are_those_of_the_draft(void **state)
{
    struct hk_buf buf;

    (void)state;
    hk_buf_init(&buf, 256);
    bucket_write_policy(&buf, "caller", &hundred);
    assert_string_equal(hk_buf_str(&buf).p, "\"caller\";q=200;w=2");
    bucket_write_policy(&buf, "tenant", &one);
    assert_string_equal(hk_buf_str(&buf).p, "\"caller\";q=200;w=2, \"tenant\";q=1;w=1");
    hk_buf_done(&buf);
    hk_buf_init(&buf, 256);
    bucket_write_left(&buf, "caller", &hundred, 200);
    bucket_write_left(&buf, "tenant", &one, 0);
    assert_string_equal(hk_buf_str(&buf).p, "\"caller\";r=200;t=0, \"tenant\";r=0;t=1");
    hk_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood_from_many_threads_gets_the_rate_and_the_burst),
        cmocka_unit_test(test_slices_grow_while_leases_follow_each_other),
        cmocka_unit_test(test_an_empty_bucket_is_not_asked_again_at_once),
        cmocka_unit_test(test_what_is_put_back_is_there_for_the_next),
        cmocka_unit_test(test_several_tokens_are_taken_together_or_not_at_all),
        cmocka_unit_test(test_what_is_left_refills_up_to_the_burst),
        cmocka_unit_test(test_the_fields_are_those_of_the_draft),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
