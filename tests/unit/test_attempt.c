/* SPDX-License-Identifier: Apache-2.0 */
/* The states of an attempt: which pairs exist, what each does, and what an attempt owns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/attempt.h"
#include "worker/terms.h"

struct seen {
    const char *last; /* the action */
    unsigned n_moves, n_actions;
};

static void on_moved(struct attempt *attempt, enum attempt_state from, const char *why)
{
    struct seen *seen = attempt->owner;

    (void)from;
    assert_non_null(why);
    seen->n_moves++;
}

static void note(struct attempt *attempt, const char *action)
{
    struct seen *seen = attempt->owner;

    seen->last = action;
    seen->n_actions++;
}

static void on_send(struct attempt *attempt)
{
    note(attempt, "send");
}

static void on_give_back(struct attempt *attempt)
{
    note(attempt, "give_back");
}

static void on_enter_lane(struct attempt *attempt)
{
    note(attempt, "enter_lane");
}

static void on_withdraw(struct attempt *attempt)
{
    note(attempt, "withdraw");
}

static void on_record(struct attempt *attempt)
{
    note(attempt, "record");
}

static void on_record_later(struct attempt *attempt)
{
    note(attempt, "record_later");
}

static void on_release(struct attempt *attempt)
{
    note(attempt, "release");
}

static const struct attempt_ops ops = {on_moved,    on_send,   on_give_back,    on_enter_lane,
                                       on_withdraw, on_record, on_record_later, on_release};

/* clang-format off */
static const struct {
    enum attempt_state state;
    enum attempt_event event;
    enum attempt_state next;
    const char *action;
} legal[] = {
    {ATTEMPT_LEASED,    EVENT_STARTED,       ATTEMPT_SENDING,   "send"},
    {ATTEMPT_LEASED,    EVENT_WITHHELD,      ATTEMPT_RECORDING, "give_back"},
    {ATTEMPT_LEASED,    EVENT_DRAINED,       ATTEMPT_RECORDING, "give_back"},
    {ATTEMPT_LEASED,    EVENT_CROWDED,       ATTEMPT_RECORDING, "enter_lane"},
    {ATTEMPT_LEASED,    EVENT_ABANDONED,     ATTEMPT_FINISHED,  "release"},
    {ATTEMPT_SENDING,   EVENT_STOPPED,       ATTEMPT_RECORDING, "withdraw"},
    {ATTEMPT_SENDING,   EVENT_OUTCOME,       ATTEMPT_RECORDING, "record"},
    {ATTEMPT_SENDING,   EVENT_ABANDONED,     ATTEMPT_FINISHED,  "release"},
    {ATTEMPT_RECORDING, EVENT_RECORDED,      ATTEMPT_FINISHED,  "release"},
    {ATTEMPT_RECORDING, EVENT_RECORD_FAILED, ATTEMPT_RECORDING, "record_later"},
    {ATTEMPT_RECORDING, EVENT_LEASE_LOST,    ATTEMPT_FINISHED,  "release"},
    {ATTEMPT_RECORDING, EVENT_ABANDONED,     ATTEMPT_FINISHED,  "release"},
};
/* clang-format on */

static bool is_legal(enum attempt_state state, enum attempt_event event)
{
    for (size_t i = 0; i < HK_COUNTOF(legal); i++) {
        if (legal[i].state == state && legal[i].event == event)
            return true;
    }
    return false;
}

static void test_each_rule_moves_and_acts_once(void **state)
{
    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(legal); i++) {
        struct seen seen = {0};
        struct attempt attempt = {.state = legal[i].state, .ops = &ops, .owner = &seen};

        assert_true(attempt_fire(&attempt, legal[i].event));
        assert_int_equal(attempt.state, legal[i].next);
        assert_string_equal(seen.last, legal[i].action);
        assert_int_equal(seen.n_moves, 1);
        assert_int_equal(seen.n_actions, 1);
    }
}

static void test_every_other_pair_does_nothing(void **state)
{
    (void)state;

    for (int s = 0; s < ATTEMPT_STATE_COUNT; s++) {
        for (int e = 0; e < ATTEMPT_EVENT_COUNT; e++) {
            struct seen seen = {0};
            struct attempt attempt = {.state = (enum attempt_state)s, .ops = &ops, .owner = &seen};

            if (is_legal((enum attempt_state)s, (enum attempt_event)e))
                continue;
            assert_false(attempt_rule_exists((enum attempt_state)s, (enum attempt_event)e));
            assert_false(attempt_fire(&attempt, (enum attempt_event)e));
            assert_int_equal((int)attempt.state, s);
            assert_int_equal(seen.n_moves + seen.n_actions, 0);
        }
    }
}

static void test_no_rule_leads_out_of_finished(void **state)
{
    (void)state;

    for (int e = 0; e < ATTEMPT_EVENT_COUNT; e++)
        assert_false(attempt_rule_exists(ATTEMPT_FINISHED, (enum attempt_event)e));
}

static void test_each_state_has_a_name(void **state)
{
    (void)state;

    for (int s = 0; s < ATTEMPT_STATE_COUNT; s++)
        assert_non_null(attempt_state_name((enum attempt_state)s));
}

static void test_strings_are_kept_with_a_nul_and_null_stays_null(void **state)
{
    struct attempt *attempt = attempt_new(4 + 1 + 0 + 1);
    char text[] = "http";

    (void)state;

    attempt->url = attempt_keep(attempt, (struct hk_str){text, 4});
    attempt->password = attempt_keep(attempt, HK_STR(""));
    attempt->username = attempt_keep(attempt, HK_STR_NULL);
    text[0] = 'x';
    assert_string_equal(attempt->url.p, "http");
    assert_int_equal(attempt->url.n, 4);
    assert_string_equal(attempt->password.p, "");
    assert_null(attempt->username.p);
    attempt_free(attempt);
}

static void test_terms_live_as_long_as_one_of_those_who_hold_them(void **state)
{
    struct attempt *a = attempt_new(0), *b = attempt_new(0);
    struct terms *terms = terms_new(8);

    (void)state;
    terms->secrets = terms_keep(terms, HK_STR("whsec_a"));
    terms->timeout_ms = 7;
    terms_apply(terms, a);
    terms_apply(terms, b);
    terms_release(terms);
    assert_ptr_equal(a->secrets.p, b->secrets.p);
    attempt_free(a);
    assert_string_equal(b->secrets.p, "whsec_a");
    assert_int_equal(b->timeout_ms, 7);
    assert_int_equal(terms->n_holders, 1);
    attempt_free(b);
    terms_release(NULL);
}

static void test_the_outcome_is_kept_with_its_response(void **state)
{
    struct attempt *attempt = attempt_new(0);
    char headers[] = "A: b\r\n", body[] = "hello";
    struct hk_outcome outcome = {
        .status = 200,
        .response_headers = {headers, 6},
        .response_body = {body, 5},
    };

    (void)state;

    attempt_set_outcome(attempt, &outcome);
    headers[0] = body[0] = '!';
    assert_int_equal(attempt->outcome.status, 200);
    assert_memory_equal(attempt->outcome.response_headers.p, "A: b\r\n", 6);
    assert_memory_equal(attempt->outcome.response_body.p, "hello", 5);
    attempt_free(attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_moves_and_acts_once),
        cmocka_unit_test(test_every_other_pair_does_nothing),
        cmocka_unit_test(test_no_rule_leads_out_of_finished),
        cmocka_unit_test(test_each_state_has_a_name),
        cmocka_unit_test(test_strings_are_kept_with_a_nul_and_null_stays_null),
        cmocka_unit_test(test_terms_live_as_long_as_one_of_those_who_hold_them),
        cmocka_unit_test(test_the_outcome_is_kept_with_its_response),
    };

    return cmocka_run_group_tests_name("attempt", tests, NULL, NULL);
}
