/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/attempt.h"

#include <assert.h>
#include <stdlib.h>

#include "hk/describe.h"
#include "worker/run.h"
#include "worker/terms.h"

enum action { SEND, GIVE_BACK, ENTER_LANE, WITHDRAW, RECORD, RECORD_LATER, RELEASE };

/* clang-format off */
static const struct rule {
    enum attempt_state state;
    enum attempt_event event;
    enum attempt_state next;
    enum action action;
    const char *why;
} rules[] = {
    {ATTEMPT_LEASED,    EVENT_STARTED,       ATTEMPT_SENDING,   SEND,         "there is a free slot"},
    {ATTEMPT_LEASED,    EVENT_WITHHELD,      ATTEMPT_RECORDING, GIVE_BACK,    "the subscription has stopped, no slot came free, or the lease is too short"},
    {ATTEMPT_LEASED,    EVENT_DRAINED,       ATTEMPT_RECORDING, GIVE_BACK,    "the worker stops before sending"},
    {ATTEMPT_LEASED,    EVENT_CROWDED,       ATTEMPT_RECORDING, ENTER_LANE,   "too many of its kind are being sent: it waits in its lane"},
    {ATTEMPT_LEASED,    EVENT_ABANDONED,     ATTEMPT_FINISHED,  RELEASE,      "the drain took too long: the lease ends by itself"},

    {ATTEMPT_SENDING,   EVENT_STOPPED,       ATTEMPT_RECORDING, WITHDRAW,     "the subscription was stopped before a byte was sent"},
    {ATTEMPT_SENDING,   EVENT_OUTCOME,       ATTEMPT_RECORDING, RECORD,       "the receiver answered, or will not; the step is done"},
    {ATTEMPT_SENDING,   EVENT_ABANDONED,     ATTEMPT_FINISHED,  RELEASE,      "the drain took too long: the lease ends by itself"},

    {ATTEMPT_RECORDING, EVENT_RECORDED,      ATTEMPT_FINISHED,  RELEASE,      "the verdict is durable"},
    {ATTEMPT_RECORDING, EVENT_RECORD_FAILED, ATTEMPT_RECORDING, RECORD_LATER, "the database is away"},
    {ATTEMPT_RECORDING, EVENT_LEASE_LOST,    ATTEMPT_FINISHED,  RELEASE,      "too late to record: it is sent again"},
    {ATTEMPT_RECORDING, EVENT_ABANDONED,     ATTEMPT_FINISHED,  RELEASE,      "the drain took too long: it is sent again"},
};
/* clang-format on */

struct attempt *attempt_new(size_t max_data)
{
    struct attempt *attempt = calloc(1, sizeof(*attempt) + max_data);

    if (attempt == NULL)
        abort();
    attempt->max_data = max_data;
    return attempt;
}

void attempt_free(struct attempt *attempt)
{
    if (attempt == NULL)
        return;
    terms_release(attempt->terms);
    free(attempt->response);
    run_free(attempt->run);
    free(attempt);
}

bool attempt_fits_lease(const struct attempt *attempt, int64_t now_ms)
{
    return now_ms + (int64_t)attempt->timeout_ms < attempt->lease_ends_ms;
}

struct hk_str attempt_keep(struct attempt *attempt, struct hk_str s)
{
    char *copy = attempt->data + attempt->n_data;

    if (s.p == NULL)
        return s;
    assert(s.n < attempt->max_data - attempt->n_data);
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    attempt->n_data += s.n + 1;
    return (struct hk_str){copy, s.n};
}

/* Copies `s` to `*end`, which moves behind it. */
static struct hk_str copy_to(char **end, struct hk_str s)
{
    struct hk_str copy = {*end, s.n};

    if (s.n > 0)
        memcpy(*end, s.p, s.n);
    *end += s.n;
    return copy;
}

void attempt_set_outcome(struct attempt *attempt, const struct hk_outcome *outcome)
{
    struct hk_buf sent HK_CLEANUP(hk_buf_done);
    size_t n_headers = outcome->response_headers.n, n_body = outcome->response_body.n;
    char *end;

    hk_buf_init(&sent, (size_t)2 * HK_REQUEST_TEXT_SIZE);
    if (attempt->request != NULL && outcome->n_sent > 0)
        hk_describe_own_header_lines(attempt->request, &sent);
    attempt->outcome = *outcome;
    attempt->outcome.n_sent += attempt->n_sent_before;
    free(attempt->response);
    attempt->response = end = malloc(n_headers + n_body + sent.n + 1);
    if (end == NULL)
        abort();
    attempt->outcome.response_headers = copy_to(&end, outcome->response_headers);
    attempt->outcome.response_body = copy_to(&end, outcome->response_body);
    attempt->request_headers = copy_to(&end, hk_buf_str(&sent));
}

static void perform(struct attempt *attempt, enum action action)
{
    switch (action) {
    case SEND:
        attempt->ops->send(attempt);
        return;
    case GIVE_BACK:
        attempt->ops->give_back(attempt);
        return;
    case ENTER_LANE:
        attempt->ops->enter_lane(attempt);
        return;
    case WITHDRAW:
        attempt->ops->withdraw(attempt);
        return;
    case RECORD:
        attempt->ops->record(attempt);
        return;
    case RECORD_LATER:
        attempt->ops->record_later(attempt);
        return;
    case RELEASE:
        attempt->ops->release(attempt);
        return;
    }
}

static const struct rule *find_rule(enum attempt_state state, enum attempt_event event)
{
    for (size_t i = 0; i < HK_COUNTOF(rules); i++) {
        if (rules[i].state == state && rules[i].event == event)
            return &rules[i];
    }
    return NULL;
}

bool attempt_fire(struct attempt *attempt, enum attempt_event event)
{
    const struct rule *rule = find_rule(attempt->state, event);

    if (rule == NULL)
        return false;
    attempt->state = rule->next;
    attempt->ops->moved(attempt, rule->state, rule->why);
    perform(attempt, rule->action); /* last: it may free the attempt */
    return true;
}

bool attempt_rule_exists(enum attempt_state state, enum attempt_event event)
{
    return find_rule(state, event) != NULL;
}

const char *attempt_state_name(enum attempt_state state)
{
    static const char *const names[ATTEMPT_STATE_COUNT] = {
        [ATTEMPT_LEASED] = "leased",
        [ATTEMPT_SENDING] = "sending",
        [ATTEMPT_RECORDING] = "recording",
        [ATTEMPT_FINISHED] = "finished",
    };

    assert(state < ATTEMPT_STATE_COUNT);
    return names[state];
}

void attempt_print_states(FILE *out)
{
    (void)fputs("stateDiagram-v2\n    [*] --> leased: claimed\n", out);
    for (size_t i = 0; i < HK_COUNTOF(rules); i++)
        (void)fprintf(out, "    %s --> %s: %s\n", attempt_state_name(rules[i].state),
                      attempt_state_name(rules[i].next), rules[i].why);
    (void)fputs("    finished --> [*]\n", out);
}
